// SPDX-License-Identifier: LGPL-2.1-or-later
// What a viewer in Chromium sees, by a clock in the picture and a flash with a beep: the first picture at once in the middle
// of a long group of pictures, no delay kept from it, sound and picture together, and the same connection
// through kills of FFmpeg. The times are printed and kept, and judged with much room for a busy
// machine. RTPRESTREAM_SECONDS and RTPRESTREAM_KILLS ask for more. For the transport of
// RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startLaunchOnFreePorts } from './children.mjs';
import { ages, lipSync, quantile, startClock, watchClock } from './clock.mjs';
import { sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const SECONDS = Number(process.env.RTPRESTREAM_SECONDS ?? 4);
const KILLS = Number(process.env.RTPRESTREAM_KILLS ?? 3);
const LONG_GROUP = 10; // seconds
const children = new Children();
const seconds = (s) => new Promise((done) => setTimeout(done, s * 1000));

// How much sound the page has made up so far because none came, in ms.
const madeUp = (page) => page.evaluate(async () => {
  const stats = [...(await window.player.pc.getStats()).values()];
  return stats.find((each) => each.type === 'inbound-rtp' && each.kind === 'audio').concealedSamples / 48;
});

// Opens the player; returns the page, and how long after its POST the first picture was there.
async function open(browser, whepPort) {
  const { page, complaints } = await newPage(browser, { bypassCSP: true });
  await page.addInitScript(() => {
    const { fetch } = window;
    window.fetch = (...all) => {
      window.asked ??= performance.now();
      return fetch(...all);
    };
    document.addEventListener('DOMContentLoaded', () => {
      document.querySelector('video').requestVideoFrameCallback((now) => { window.firstPicture = now; });
    });
  });
  await page.goto(`http://127.0.0.1:${whepPort}/`);
  await until('the first picture', () => page.evaluate(() => window.firstPicture));
  const firstPicture = await page.evaluate(() => window.firstPicture - window.asked);
  await page.click('#mute'); // sound on
  await watchClock(page);
  return { page, complaints, firstPicture };
}

const browser = await launch();
try {
  const measured = {};
  // A group of ten seconds: who comes in between has a picture all the same, and is no later than who came with a keyframe.
  {
    const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport);
    const ffmpeg = startClock(children, rtpPort, { gop: 30 * LONG_GROUP });
    await until('the stream', async () => (await fetch(`http://127.0.0.1:${whepPort}/`)).ok);
    await seconds(4);
    const { page, complaints, firstPicture } = await open(browser, whepPort);
    await seconds(5);
    measured.instant = { firstPicture, age: await ages(page, 2) };
    // That connection is at its second keyframe now, which takes it to the live edge if it was not there.
    await until('the next keyframe', async () => (await sample(page)).keyFramesDecoded > 1);
    await seconds(1);
    measured.keyframe = { age: await ages(page, 2) };
    await page.screenshot({ path: artefact(`picture-${transport}.png`) });
    await page.close();
    await ffmpeg.stop('SIGKILL');
    await server.stop();
    assert.deepEqual(complaints, []);
    console.log(JSON.stringify(measured, null, 2));
    assert.ok(firstPicture < 3000, `the first picture came after ${firstPicture} ms`);
    assert.ok(measured.instant.age.p50 < measured.keyframe.age.p50 + 1000, 'a delay is kept from the start');
  }

  // Sound and picture together, before and after FFmpeg is killed; then killed again and again.
  {
    const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport);
    let ffmpeg = startClock(children, rtpPort);
    await seconds(2);
    const { page, complaints } = await open(browser, whepPort);
    await page.evaluate(() => { window.before = window.player.pc; });
    await seconds(3); // of finding the way to each other
    measured.lipSync = await lipSync(page, SECONDS);
    measured.glass = await ages(page, 2);
    measured.freezes = [];
    measured.silences = []; // at the same kills
    for (let kill = 0; kill < KILLS; kill++) {
      const silent = await madeUp(page);
      await ffmpeg.stop('SIGKILL');
      const { seen, at } = await page.evaluate(() => ({ seen: window.seen.length, at: window.seen.at(-1).at }));
      ffmpeg = startClock(children, rtpPort);
      await until(`the picture after kill ${kill + 1}`, () => page.evaluate((n) => window.seen.length > n + 10, seen));
      measured.freezes.push(await page.evaluate((n) => Math.max(
        ...window.seen.slice(n).map((picture, i) => picture.at - window.seen[n + i - 1].at)), seen));
      assert.ok(measured.freezes.at(-1) >= 0 && at > 0);
      measured.silences.push(await madeUp(page) - silent);
    }
    await seconds(3);
    measured.lipSyncAfter = await lipSync(page, SECONDS);
    measured.glassAfter = await ages(page, 2);
    const end = await sample(page);
    console.log(JSON.stringify(measured, null, 2));
    writeFileSync(artefact(`picture-${transport}.json`), JSON.stringify({ ...measured, end }, null, 2));
    assert.ok(await page.evaluate(() => window.before === window.player.pc), 'another connection');
    // How far apart they are is for a quiet machine to tell.
    for (const { flashes } of [measured.lipSync, measured.lipSyncAfter]) {
      assert.ok(flashes >= 1, `no flash with its beep in ${SECONDS} s`);
    }
    assert.ok(measured.glassAfter.p50 < 5000, `the picture is ${measured.glassAfter.p50} ms old`);
    assert.ok(quantile(measured.freezes, 1) < 10000, `frozen for ${measured.freezes} ms`);
    assert.deepEqual(complaints, []);
    assert.doesNotMatch(server.output, /CRITICAL|WARNING|ERROR/);
    await server.stop();
  }
} finally {
  await browser.close();
  await children.end();
}
