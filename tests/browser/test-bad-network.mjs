// SPDX-License-Identifier: LGPL-2.1-or-later
// Chromium behind a network that loses 5 % of everything either way, the handshake included:
// it plays. Then its address changes, again and again: the same session of the native transport
// goes on (libnice, behind the other one, does not follow a browser).
// For the transport of RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startFFmpeg, startLaunchOnFreePorts, startRelay } from './children.mjs';
import { brightness, sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const FPS = 30;
const ADDRESSES = transport === 'native' ? 4 : 0;
const children = new Children();
const seconds = (s) => new Promise((done) => setTimeout(done, s * 1000));

const browser = await launch();
try {
  const more = transport === 'native' ? 'io-threads=2' : '';
  const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport, more);
  startFFmpeg(children, rtpPort);
  const relay = await startRelay(children, `http://127.0.0.1:${whepPort}`, 0.05);
  const { page } = await newPage(browser);
  let posts = 0;
  // Sessions, not their event streams.
  page.on('response', (response) => { posts += response.request().method() === 'POST' && /\/whep$/.test(response.url()) && response.status() === 201; });

  await page.goto(`${relay.url}/`);
  await until('the picture', async () => (await page.evaluate(() => window.player?.state)) === 'playing', 60000);
  await page.evaluate(() => { window.before = window.player.pc; });
  await seconds(2); // of starting
  const before = await sample(page);
  await seconds(12);
  const after = await sample(page);
  const counters = await relay.tell('stats');
  const elapsed = (after.time - before.time) / 1000;
  const measured = {
    seconds: elapsed,
    fps: (after.framesDecoded - before.framesDecoded) / elapsed,
    frozen: after.totalFreezesDuration - before.totalFreezesDuration,
    lost: after.packetsLost - before.packetsLost,
    picture: await brightness(page),
    before, after, relay: counters,
  };
  console.log(JSON.stringify(measured, null, 2));
  assert.ok(counters.up_dropped > 0 && counters.down_dropped * 40 > counters.down, 'the relay lost too little');
  assert.ok(measured.fps > FPS / 3, `${measured.fps} pictures a second`);
  assert.ok(measured.frozen < elapsed / 2, `${measured.frozen} s of ${elapsed} s frozen`);
  assert.ok(after.nackCount > before.nackCount, 'nothing was asked for again');
  assert.ok(after.retransmittedPacketsReceived === undefined
    || after.retransmittedPacketsReceived > before.retransmittedPacketsReceived, 'nothing came again');
  assert.ok(measured.picture.most - measured.picture.least > 30, 'the picture has one colour');

  measured.changes = [];
  for (let i = 0; i < ADDRESSES; i++) {
    await relay.tell('rebind');
    const start = Date.now();
    await seconds(0.2); // what was on its way
    const { framesDecoded } = await sample(page);
    await until(`pictures at address ${i + 2}`, async () => (await sample(page)).framesDecoded > framesDecoded + FPS, 60000);
    measured.changes.push((Date.now() - start) / 1000);
    console.log(`30 pictures ${measured.changes.at(-1)} s after address ${i + 2}`);
  }
  const end = await relay.tell('stats');
  assert.equal(end.rebinds, ADDRESSES);
  assert.ok(ADDRESSES === 0 || end.stale > 0, 'nothing went to the old addresses');
  assert.ok(await page.evaluate(() => window.before === window.player.pc), 'another connection');
  assert.equal(posts, 1);
  writeFileSync(artefact(`bad-network-${transport}.json`), JSON.stringify({ ...measured, end }, null, 2));
  assert.doesNotMatch(server.output, /CRITICAL|WARNING|ERROR/);
} finally {
  await browser.close();
  await children.end();
}
