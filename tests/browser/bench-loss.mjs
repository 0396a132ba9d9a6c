// SPDX-License-Identifier: LGPL-2.1-or-later
// 5 % loss, two viewers in Chromium side by side: one has lost packets sent again (RTX) and audio twice (RED), one offers
// neither RTX nor NACK nor RED. Prints what each saw. RTPRESTREAM_SECONDS: how long.
import { writeFileSync } from 'node:fs';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startLaunchOnFreePorts, startRelay } from './children.mjs';
import { ages, startClock, watchClock } from './clock.mjs';
import { sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT ?? 'native';
const SECONDS = Number(process.env.RTPRESTREAM_SECONDS ?? 20);
const LOSS = Number(process.env.RTPRESTREAM_LOSS ?? 0.05);
const children = new Children();

// Takes RTX, RED and NACK out of each offer that the page posts.
function withoutRetransmission() {
  const strip = (sdp) => {
    const extra = [...sdp.matchAll(/^a=rtpmap:(\d+) (?:rtx|red)\//gm)].map((match) => match[1]);
    return sdp.split('\r\n')
      .filter((line) => !/^a=rtcp-fb:\S+ nack$/.test(line) && !extra.some((pt) => new RegExp(`^a=(rtpmap|fmtp):${pt} `).test(line)))
      .map((line) => (line.startsWith('m=') ? line.split(' ').filter((word, i) => i < 3 || !extra.includes(word)).join(' ') : line))
      .join('\r\n');
  };
  const { fetch } = window;
  window.fetch = (url, options) => fetch(url, options?.method === 'POST' ? { ...options, body: strip(options.body) } : options);
}

const browser = await launch();
try {
  const { rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport);
  startClock(children, rtpPort, { gop: 60 });
  const open = async (prepare) => {
    const relay = await startRelay(children, `http://127.0.0.1:${whepPort}`, LOSS);
    const { page } = await newPage(browser, { bypassCSP: true });
    if (prepare) await page.addInitScript(prepare);
    await page.goto(`${relay.url}/`);
    await until('the picture', async () => (await page.evaluate(() => window.player?.state)) === 'playing', 60000);
    await watchClock(page);
    return { page, relay };
  };
  const viewers = { rtx: await open(), none: await open(withoutRetransmission) };
  await new Promise((done) => setTimeout(done, 3000));
  const results = await Promise.all(Object.entries(viewers).map(async ([name, { page, relay }]) => {
    const before = await sample(page);
    const age = await ages(page, SECONDS);
    const after = await sample(page);
    const elapsed = (after.time - before.time) / 1000;
    const grown = (key) => (after[key] ?? 0) - (before[key] ?? 0);
    const { down, down_dropped: dropped } = await relay.tell('stats');
    return [name, {
      seconds: elapsed,
      dropped: dropped / (down + dropped),
      picturesDecoded: grown('framesDecoded'),
      picturesLost: Math.round(elapsed * 30) - grown('framesDecoded'),
      freezes: grown('freezeCount'),
      frozenSeconds: grown('totalFreezesDuration'),
      nacks: grown('nackCount'),
      retransmitted: grown('retransmittedPacketsReceived'),
      audioConcealed: grown('concealedSamples') / grown('totalSamplesReceived'),
      age,
    }];
  }));
  const report = Object.fromEntries(results);
  console.log(JSON.stringify(report, null, 2));
  writeFileSync(artefact(`loss-${transport}.json`), JSON.stringify(report, null, 2));
} finally {
  await browser.close();
  await children.end();
}
