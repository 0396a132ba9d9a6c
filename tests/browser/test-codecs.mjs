// SPDX-License-Identifier: LGPL-2.1-or-later
// What Chromium decodes of each codec that rtprestreamd lets FFmpeg make: each stream in
// turn in one browser, some seconds each. AV1, which FFmpeg 5.1 cannot send, comes from
// tests/support/send-av1.py to the experimenter's line. For the transport of RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startLaunchOnFreePorts } from './children.mjs';
import { brightness, sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const children = new Children();
const folder = mkdtempSync(path.join(tmpdir(), 'rtprestreamd-'));
const results = [];

const stream = (id, webrtc) => ({
  id,
  input: [{ id: 'in', address: 'testsrc2=size=320x180:rate=20[out0];sine=frequency=440[out1]', options: ['-re', '-f', 'lavfi'] }],
  output: [{ id: 'none', address: '-', options: ['-map', '0:v', '-f', 'null'] }],
  webrtc: { enabled: true, force_transcode: true, ...webrtc },
});

// The codecs that the browser itself says it decodes.
async function codecs(page) {
  return page.evaluate(async () => {
    const report = await window.player.pc.getStats();
    return [...report.values()].filter((entry) => entry.type === 'inbound-rtp' && entry.codecId)
      .map((entry) => report.get(entry.codecId).mimeType.toLowerCase()).sort();
  });
}

// Pictures that move, and if there is to be sound, sound; nothing lost.
async function watch(page, url, expected) {
  await page.goto(url);
  await until('the picture', () => page.evaluate(() => window.player?.state === 'playing'), 60000);
  if (expected.length > 1) await page.click('#mute'); // on
  const start = await sample(page);
  const end = await until(`${expected}`, async () => {
    const now = await sample(page);
    return now.framesDecoded >= start.framesDecoded + 40 && (expected.length === 1 || now.totalAudioEnergy > 0) && now;
  });
  const picture = await brightness(page);
  results.push({ expected, keyFramesDecoded: end.keyFramesDecoded, framesDropped: end.framesDropped, picture });
  assert.deepEqual(await codecs(page), expected);
  // Not each frame is one, whatever FFmpeg's VP9 packets say.
  assert.ok(end.keyFramesDecoded < end.framesDecoded / 8, `${end.keyFramesDecoded} keyframes`);
  assert.ok(picture.most - picture.least >= 30, 'the picture has one colour');
}

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
  const { page, complaints } = await newPage(browser);

  for (const [video, audio, seen] of [
    ['vp8', 'pcmu', ['audio/pcmu', 'video/vp8']],
    ['vp9', 'g722', ['audio/g722', 'video/vp9']],
    ['h264', 'pcma', ['audio/pcma', 'video/h264']],
  ]) {
    await api('POST', '', stream(video, { video_codec: video, audio_codec: audio }));
    await watch(page, `${base}/play/${video}`, seen);
    await api('DELETE', `/${video}`);
  }

  // A codec that this browser has not is no black picture: the page says why.
  await api('POST', '', stream('h265', { video_codec: 'h265', audio_map: 'none' }));
  await page.goto(`${base}/play/h265`);
  const refused = await until('the refusal', async () => {
    const text = (await page.textContent('#overlay')).trim().replace(/\s+/g, ' ');
    return /H265/.test(text) && text;
  });
  console.log(`of H.265 the page says: ${refused}`);
  await daemon.stop('SIGTERM');

  const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport, '', 'video-caps=application/x-rtp,encoding-name=AV1');
  const sender = children.start('python3', [path.join(process.env.RTPRESTREAM_SOURCE_ROOT, 'tests/support/send-av1.py'), String(rtpPort)]);
  await watch(page, `http://127.0.0.1:${whepPort}/`, ['video/av1']);
  await sender.stop();
  await server.stop();

  assert.doesNotMatch(daemon.output + server.output, /CRITICAL|-WARNING/);
  assert.deepEqual(complaints, []);
} finally {
  writeFileSync(artefact(`codecs-${transport}.json`), JSON.stringify(results, null, 2));
  console.log(JSON.stringify(results));
  await browser.close();
  await children.end();
  rmSync(folder, { recursive: true, force: true });
}
