// SPDX-License-Identifier: LGPL-2.1-or-later
// The operator's way: rtprestreamd, a process added over its API, the list page, a
// click, ten seconds of playing, the same connection through all that can happen to FFmpeg, a stop that the viewer
// sees, and a start again. For the transport of RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children } from './children.mjs';
import { play, sample } from './play.mjs';

const id = 'demo/cam 1';
const config = {
  id,
  reference: 'demo',
  input: [{
    id: 'in',
    address: 'testsrc2=size=640x360:rate=30[out0];sine=frequency=440[out1]',
    options: ['-re', '-f', 'lavfi'],
  }],
  output: [{ id: 'none', address: '-', options: ['-map', '0:v', '-f', 'null'] }],
  options: ['-loglevel', 'info'],
  reconnect: true,
  reconnect_delay_seconds: 1,
  autostart: true,
  webrtc: { enabled: true, force_transcode: true },
};

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const name = `daemon-${transport}`; // of what is kept
const children = new Children();
const folder = mkdtempSync(path.join(tmpdir(), 'rtprestreamd-'));
const browser = await launch();
try {
  const daemon = children.start(path.join(process.env.RTPRESTREAM_BUILD_ROOT, 'controller', 'rtprestreamd'), [], {
    CORE_ADDRESS: '127.0.0.1:0', CORE_WEBRTC_UDP_PORT: '0',
    CORE_WEBRTC_TRANSPORT: transport, HOME: folder, XDG_CONFIG_HOME: folder,
  });
  const [, base] = await daemon.says(/listening on (http:\/\/\S+?)\/?\s/);
  const api = async (method, below, body) => {
    const response = await fetch(`${base}/api/v3/process${below}`, {
      method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
    });
    assert.equal(response.status, 200, `${method} ${below}: ${await response.clone().text()}`);
    return response.json();
  };
  const command = (word) => api('PUT', `/${encodeURIComponent(id)}/command`, { command: word });

  const { page, complaints } = await newPage(browser);
  await page.goto(`${base}/`);
  await until('the empty list', async () => (await page.textContent('#notice')).includes('no process yet'));
  await api('POST', '', config);
  const item = page.locator('.process');
  await until('the process running', async () => (await item.count()) === 1 && /running/.test(await item.textContent()));
  assert.match(await item.textContent(), /demo\/cam 1/);
  await page.screenshot({ path: artefact(`${name}-list.png`) });
  await item.locator('a').click();
  await page.waitForURL('**/play/demo%2Fcam%201');

  const result = await play(page, { url: page.url(), seconds: 10, fps: 30, leastFps: 10, audio: true, screenshot: artefact(`${name}.png`) });
  writeFileSync(artefact(`${name}.json`), JSON.stringify(result, null, 2));
  console.log(JSON.stringify(result, null, 2));
  assert.deepEqual(result.wrong, []);

  // FFmpeg killed, restarted, reloaded, another one by new options: the viewer keeps its connection, and its picture goes
  // on by itself.
  const ffmpeg = () => execFileSync('pgrep', ['-P', String(daemon.child.pid)], { encoding: 'utf8' }).trim();
  await page.evaluate(() => { window.before = window.player.pc; });
  const through = {
    kill: () => process.kill(Number(ffmpeg()), 'SIGKILL'),
    restart: () => command('restart'),
    reload: () => command('reload'),
    update: () => api('PUT', `/${encodeURIComponent(id)}`, { input: [{ address: 'testsrc2=size=320x180:rate=30[out0];sine=frequency=440[out1]' }] }),
  };
  for (const [what, happen] of Object.entries(through)) {
    const pid = ffmpeg();
    await happen();
    await until(`FFmpeg after ${what}`, () => { try { return ffmpeg() !== pid; } catch { return false; } });
    const { framesDecoded } = await sample(page);
    await until(`pictures after ${what}`, async () => (await sample(page)).framesDecoded > framesDecoded + 45);
    assert.ok(await page.evaluate(() => window.before === window.player.pc), `another connection after ${what}`);
  }
  await until('the new size', () => page.evaluate(() => document.querySelector('video').videoWidth === 320));

  await command('stop');
  await until('the end', () => page.evaluate(() => window.player.state === 'waiting'));
  const message = (await page.textContent('#overlay')).trim().replace(/\s+/g, ' ');
  console.log(`after the stop the page says: ${message}`);
  await page.screenshot({ path: artefact(`${name}-stopped.png`) });
  await command('start');
  await until('the picture again', () => page.evaluate(() => window.player.state === 'playing'), 60000);

  // An unknown process is told so.
  await page.goto(`${base}/play/unknown`);
  await until('404', async () => (await page.textContent('#overlay')).includes('There is no such stream'));

  await daemon.stop('SIGTERM');
  assert.doesNotMatch(daemon.output, /CRITICAL|-WARNING/);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
  await children.end();
  rmSync(folder, { recursive: true, force: true });
}
