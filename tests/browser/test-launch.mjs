// SPDX-License-Identifier: LGPL-2.1-or-later
// The experimenter's gst-launch-1.0 line, real FFmpeg, and the page it serves: plays
// ten seconds, goes on when FFmpeg is started again, tells when the server ends, and
// plays again when it is back. For the transport of RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startFFmpeg, startLaunch, startLaunchOnFreePorts } from './children.mjs';
import { play, sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const name = `launch-${transport}`; // of what is kept
const children = new Children();

const browser = await launch();
try {
  const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport);
  const url = `http://127.0.0.1:${whepPort}/`;
  const { page, complaints } = await newPage(browser);
  const state = () => page.evaluate(() => window.player.state);
  const message = () => page.textContent('#overlay');

  // Nobody sends yet.
  await page.goto(url);
  await until('409', async () => (await message()).includes('The stream has not started yet'));

  let ffmpeg = startFFmpeg(children, rtpPort);
  await until('the picture by itself', async () => (await state()) === 'playing');

  const result = await play(page, { url, seconds: 10, fps: 30, leastFps: 10, audio: true, screenshot: artefact(`${name}.png`) });
  writeFileSync(artefact(`${name}.json`), JSON.stringify(result, null, 2));
  console.log(JSON.stringify(result, null, 2));
  assert.deepEqual(result.wrong, []);
  // The native transport chooses the cheapest profile that the browser has.
  if (transport === 'native') assert.equal(result.after.srtpCipher, 'SRTP_AEAD_AES_128_GCM');

  // FFmpeg crashes and is started again: the same connection goes on.
  await page.evaluate(() => { window.before = window.player.pc; });
  await ffmpeg.stop('SIGKILL');
  await until('the news', async () => (await message()).includes('o picture is coming'));
  ffmpeg = startFFmpeg(children, rtpPort);
  await until('the picture again', async () => (await state()) === 'playing');
  assert.ok(await page.evaluate(() => window.before === window.player.pc));
  const moving = await sample(page);
  await until('more pictures', async () => (await sample(page)).framesDecoded > moving.framesDecoded + 30);

  // The server ends; another one takes its place.
  await server.stop();
  await until('the end', async () => (await state()) === 'waiting');
  console.log(`at the server's end the page says: ${(await message()).trim().replace(/\s+/g, ' ')}`);
  await page.screenshot({ path: artefact(`${name}-ended.png`) });
  const again = startLaunch(children, transport, rtpPort, whepPort);
  await again.says(/Setting pipeline to PLAYING/);
  await until('the picture from the new server', async () => (await state()) === 'playing', 60000);
  await again.stop();
  await ffmpeg.stop();
  assert.doesNotMatch(server.output + again.output, /CRITICAL|WARNING|ERROR/);
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
  await children.end();
}
