// SPDX-License-Identifier: LGPL-2.1-or-later
// Opens a player page, lets it play, and judges by the browser's own statistics:
//   node play.mjs --url URL [--seconds 10] [--fps 30] [--audio] [--screenshot FILE]
// Prints JSON. Fails unless frames are decoded at 80 % of --fps or more, with --audio
// the sound's energy grows, and no packet is lost meanwhile. What was lost before, while
// the browser was starting its decoders, is told in "before".
import { parseArgs } from 'node:util';
import { launch, newPage, until } from './browser.mjs';

export async function sample(page) {
  return page.evaluate(async () => {
    const report = await window.player.pc.getStats();
    const sum = { state: window.player.state, connection: window.player.pc.connectionState };
    for (const entry of report.values()) {
      if (entry.type === 'transport') {
        Object.assign(sum, {
          dtlsRole: entry.dtlsRole,
          tlsVersion: entry.tlsVersion,
          dtlsCipher: entry.dtlsCipher,
          srtpCipher: entry.srtpCipher,
        });
      }
      if (entry.type !== 'inbound-rtp') continue;
      sum.packetsLost = (sum.packetsLost ?? 0) + entry.packetsLost;
      sum[`${entry.kind}Lost`] = entry.packetsLost;
      sum.packetsReceived = (sum.packetsReceived ?? 0) + entry.packetsReceived;
      if (entry.kind === 'video') {
        Object.assign(sum, {
          time: entry.timestamp,
          framesDecoded: entry.framesDecoded,
          framesDropped: entry.framesDropped,
          keyFramesDecoded: entry.keyFramesDecoded,
          freezeCount: entry.freezeCount,
          totalFreezesDuration: entry.totalFreezesDuration,
          nackCount: entry.nackCount,
          retransmittedPacketsReceived: entry.retransmittedPacketsReceived,
          width: entry.frameWidth,
          height: entry.frameHeight,
        });
      } else {
        Object.assign(sum, {
          totalAudioEnergy: entry.totalAudioEnergy,
          totalSamplesDuration: entry.totalSamplesDuration,
          concealedSamples: entry.concealedSamples,
          totalSamplesReceived: entry.totalSamplesReceived,
        });
      }
    }
    return sum;
  });
}

// The colours of the picture as shown: a black one is no picture.
export async function brightness(page) {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 36];
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 0, 64, 36);
    let sum = 0;
    let least = 255;
    let most = 0;
    for (let i = 0; i < data.length; i += 4) {
      const grey = (data[i] + data[i + 1] + data[i + 2]) / 3;
      sum += grey;
      least = Math.min(least, grey);
      most = Math.max(most, grey);
    }
    return { mean: Math.round(sum / (data.length / 4)), least: Math.round(least), most: Math.round(most) };
  });
}

export async function play(page, { url, seconds = 10, fps = 30, leastFps = 0.8 * fps, audio = false, screenshot }) {
  await page.goto(url);
  await until('connection', () => page.evaluate(() => window.player?.pc?.connectionState === 'connected'));
  await until('picture', () => page.evaluate(() => window.player.state === 'playing'));
  if (audio) await page.click('#mute'); // on
  // What is decoded from now on; joining with a group of pictures decodes faster for a moment.
  await new Promise((done) => setTimeout(done, 1000));
  const before = await sample(page);
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const after = await sample(page);
  const picture = await brightness(page);
  const elapsed = (after.time - before.time) / 1000;
  const measuredFps = (after.framesDecoded - before.framesDecoded) / elapsed;
  const energy = (after.totalAudioEnergy ?? 0) - (before.totalAudioEnergy ?? 0);
  if (screenshot) await page.screenshot({ path: screenshot });

  const wrong = [];
  if (!(measuredFps >= leastFps)) wrong.push(`${measuredFps.toFixed(1)} fps decoded, expected ${fps}`);
  const lost = after.packetsLost - before.packetsLost;
  if (lost !== 0) wrong.push(`${lost} packets lost`);
  if (audio && !(energy > 0)) wrong.push('no energy in the sound');
  if (picture.most - picture.least < 30) wrong.push('the picture has one colour');
  if (after.state !== 'playing') wrong.push(`the page says ${after.state}`);
  return { url, seconds: elapsed, fps: measuredFps, audioEnergy: energy, picture, stats: await page.textContent('#stats'), before, after, wrong };
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      fps: { type: 'string', default: '30' },
      audio: { type: 'boolean', default: false },
      screenshot: { type: 'string' },
    },
  });
  const browser = await launch();
  try {
    const { page, complaints } = await newPage(browser);
    const result = await play(page, { ...values, seconds: Number(values.seconds), fps: Number(values.fps) });
    result.wrong.push(...complaints);
    console.log(JSON.stringify(result, null, 2));
    process.exitCode = result.wrong.length ? 1 : 0;
  } finally {
    await browser.close();
  }
}
