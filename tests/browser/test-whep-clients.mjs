// SPDX-License-Identifier: LGPL-2.1-or-later
// WHEP clients in Chromium, against rtprestreamsink's own server: the page's ICE restart, a counter-offer, and two
// public players as they come from npm. For the transport of RTPRESTREAM_TEST_TRANSPORT.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { artefact, launch, newPage, until } from './browser.mjs';
import { Children, startFFmpeg, startLaunchOnFreePorts } from './children.mjs';
import { sample } from './play.mjs';

const transport = process.env.RTPRESTREAM_TEST_TRANSPORT;
assert.ok(transport, 'RTPRESTREAM_TEST_TRANSPORT is not set');
const require = createRequire(import.meta.url);
// With a slash: the package of that name, not node's own module.
const source = (name) => readFileSync(require.resolve(name === 'events' ? 'events/' : name), 'utf8');

// CommonJS as a bundler would put it together. The player's ad manager, which nothing here uses, needs node.
function bundle(names, stubs) {
  const modules = names.map((name) => `${JSON.stringify(name)}: (module, exports, require) => {${source(name)}\n}`);
  return `(() => { const made = ${JSON.stringify(stubs)}; const modules = {${modules.join(',\n')}};
    const require = (name) => {
      if (!made[name]) { const module = { exports: {} }; made[name] = module.exports; modules[name](module, module.exports, require); made[name] = module.exports; }
      return made[name];
    };
    window.required = require; })()`;
}

const framesOf = (page) => page.evaluate(async () => {
  const video = document.querySelector('#other');
  return video ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
});

const children = new Children();
const browser = await launch();
try {
  const { server, rtpPort, whepPort } = await startLaunchOnFreePorts(children, transport);
  const base = `http://127.0.0.1:${whepPort}`;
  const ffmpeg = startFFmpeg(children, rtpPort);

  // The page: another ICE session, the same peer connection and picture.
  const { page, complaints } = await newPage(browser);
  await page.goto(`${base}/`);
  await until('the picture', () => page.evaluate(() => window.player.state === 'playing'));
  await until('events', () => page.evaluate(() => window.player.events?.readyState === 1));
  const before = await page.evaluate(() => {
    window.before = window.player.pc;
    return window.player.pc.remoteDescription.sdp.match(/a=ice-ufrag:(.*)/)[1];
  });
  const restarted = await page.evaluate(() => window.player.restartIce());
  assert.equal(restarted, transport === 'native');
  assert.equal(await page.evaluate(() => window.player.status), restarted ? 200 : 422);
  if (restarted) {
    const after = await page.evaluate(() => window.player.pc.remoteDescription.sdp.match(/a=ice-ufrag:(.*)/)[1]);
    assert.notEqual(after, before);
    // Checks with the new credentials are answered: the pair in use is of the new generation.
    await until('the new pair', () => page.evaluate(async (ufrag) => {
      const report = [...(await window.player.pc.getStats()).values()];
      const used = report.find((entry) => entry.type === 'transport');
      const pair = report.find((entry) => entry.id === used?.selectedCandidatePairId);
      const remote = report.find((entry) => entry.id === pair?.remoteCandidateId);
      return pair?.state === 'succeeded' && remote?.usernameFragment === ufrag;
    }, after.trim()));
    const moving = await sample(page);
    await until('more pictures', async () => (await sample(page)).framesDecoded > moving.framesDecoded + 30);
    // A busy machine freezes for itself; not for seconds.
    const frozen = (await sample(page)).totalFreezesDuration - moving.totalFreezesDuration;
    console.log(`frozen for ${frozen.toFixed(2)} s beside the ICE restart`);
    assert.ok(frozen < 3);
    assert.ok(await page.evaluate(() => window.before === window.player.pc && window.player.state === 'playing'));
  }
  await page.screenshot({ path: artefact(`whep-clients-${transport}.png`) });

  // A viewer that lets the server offer.
  const { page: other, complaints: others } = await newPage(browser, { bypassCSP: true });
  await other.goto(`${base}/web/style.css`); // any page of this server that does nothing
  const counter = await other.evaluate(async () => {
    const posted = await fetch('/whep', { method: 'POST', headers: { 'Content-Type': 'application/sdp' } });
    if (posted.status !== 406 || !posted.headers.get('Content-Type').startsWith('application/sdp')) return { status: posted.status };
    const video = document.createElement('video');
    Object.assign(video, { id: 'other', muted: true, autoplay: true });
    document.body.append(video);
    const pc = new RTCPeerConnection();
    const stream = new MediaStream();
    video.srcObject = stream;
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    await pc.setRemoteDescription({ type: 'offer', sdp: await posted.text() });
    await pc.setLocalDescription();
    const url = posted.headers.get('Location');
    const patched = await fetch(url, { method: 'PATCH', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
    window.leave = async () => { pc.close(); video.remove(); return (await fetch(url, { method: 'DELETE' })).status; };
    return { status: posted.status, patched: patched.status, tag: patched.headers.get('ETag') };
  });
  assert.equal(counter.patched, 204);
  assert.match(counter.tag, /^"\w+"$/);
  await until('pictures of the counter-offer', async () => (await framesOf(other)) > 30);
  assert.equal(await other.evaluate(() => window.leave()), 200);

  // whip-whep (medooze). It trickles without an entity tag, for which it is told 428; it plays all the same.
  const medooze = Buffer.from(source('whip-whep/whep.js')).toString('base64');
  await other.evaluate(async ({ module, url }) => {
    window.rejected = [];
    window.addEventListener('unhandledrejection', (event) => { window.rejected.push(String(event.reason)); event.preventDefault(); });
    const { WHEPClient } = await import(`data:text/javascript;base64,${module}`);
    const video = document.createElement('video');
    Object.assign(video, { id: 'other', muted: true, autoplay: true });
    document.body.append(video);
    const pc = new RTCPeerConnection();
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    const stream = new MediaStream();
    video.srcObject = stream;
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    window.whep = new WHEPClient();
    await window.whep.view(pc, url);
  }, { module: medooze, url: `${base}/whep` });
  await until('pictures in whip-whep', async () => (await framesOf(other)) > 30);
  await until('its events', () => other.evaluate(() => window.whep.eventSource?.readyState === 1));
  for (const reason of await other.evaluate(() => window.rejected)) assert.match(reason, /status 428/);
  await other.evaluate(async () => { await window.whep.stop(); document.querySelector('#other').remove(); });

  // @eyevinn/webrtc-player.
  await other.evaluate(bundle(['events', '@eyevinn/whpp-client', '@eyevinn/webrtc-player'], { '@eyevinn/csai-manager': {} }));
  await other.evaluate((url) => {
    const video = document.createElement('video');
    Object.assign(video, { id: 'other', muted: true, autoplay: true });
    document.body.append(video);
    const { WebRTCPlayer } = window.required('@eyevinn/webrtc-player');
    window.webrtcPlayer = new WebRTCPlayer({ video, type: 'whep' });
    return window.webrtcPlayer.load(new URL(url));
  }, `${base}/whep`);
  await until('pictures in webrtc-player', async () => (await framesOf(other)) > 30);
  await other.evaluate(() => window.webrtcPlayer.destroy());

  await server.stop();
  await ffmpeg.stop();
  assert.doesNotMatch(server.output, /CRITICAL|WARNING|ERROR/);
  assert.deepEqual(complaints, []);
  assert.deepEqual(others.filter((text) => !/428/.test(text)), []);
} finally {
  await browser.close();
  await children.end();
}
