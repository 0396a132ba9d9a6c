// SPDX-License-Identifier: LGPL-2.1-or-later
// Plays one stream by WHEP. No dependency; window.player is for tests and the curious.

const GATHER_MS = 300; // what is not gathered by then, the server finds by itself
const POST_MS = 20000;
const CONNECT_MS = 15000;
const DISCONNECTED_MS = 4000; // then ICE is restarted
const RESTARTED_MS = 5000; // and if that does not help, there is a new session
const EVENTS_URN = 'urn:ietf:params:whep:ext:core:server-sent-events';
const BACK_OFF_S = [1, 2, 4, 8, 15, 30];
const MAX_RETRY_AFTER_S = 120;

const byId = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// A failure with what to tell, and whether it may pass: retry is a number of
// seconds, 'back-off', or nothing.
class Failure extends Error {
  constructor(message, detail = '', retry = null, status = 0) {
    super(message);
    Object.assign(this, { detail, retry, status });
  }
}

function retryAfter(response) {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) : 'back-off';
}

async function problemDetail(response) {
  const type = response.headers.get('Content-Type') ?? '';
  if (!/^application\/([a-z.]+\+)?json\b/i.test(type)) return '';
  try {
    const problem = await response.json();
    return typeof problem.detail === 'string' ? problem.detail : '';
  } catch {
    return ''; // the status alone must do
  }
}

async function failureOf(response, hasPlayed) {
  const detail = await problemDetail(response);
  const make = (message, retry) => new Failure(message, detail, retry, response.status);
  switch (response.status) {
    case 401: return make('You need a token to watch this stream', null);
    case 403: return make('You are not allowed to watch this stream');
    // It was there: most likely it is being started again.
    case 404: return make('There is no such stream', hasPlayed ? 'back-off' : null);
    case 406: return make('This browser cannot play the stream');
    case 409: return make('The stream has not started yet', retryAfter(response));
    case 429: return make('Too many requests', retryAfter(response));
    case 503: return make('The server is busy', retryAfter(response));
    case 502:
    case 504: return make('The server does not answer in time', 'back-off');
    default:
      return make(`The server refused (${response.status})`, response.status >= 500 ? 'back-off' : null);
  }
}

// The target of the Link with this relation.
function linkOf(response, relation) {
  const links = (response.headers.get('Link') ?? '').split(/,\s*(?=<)/);
  return links.find((link) => link.includes(`rel="${relation}"`))?.match(/^<([^>]*)>/)?.[1] ?? null;
}

const attribute = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*?)\r?$`, 'm'))?.[1] ?? '';

// What the server has said before, with the ICE of its fragment.
function withIce(sdp, fragment) {
  const lines = fragment.match(/^a=(candidate|end-of-candidates).*$/gm) ?? [];
  let first = true;
  return sdp
    .replace(/^a=(candidate|end-of-candidates).*\r\n/gm, '')
    .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${attribute(fragment, 'ice-ufrag')}`)
    .replace(/^a=ice-pwd:.*$/gm, () => {
      const more = first ? lines.map((line) => `\r\n${line}`).join('') : '';
      first = false;
      return `a=ice-pwd:${attribute(fragment, 'ice-pwd')}${more}`;
    });
}

class Player {
  constructor(endpoint) {
    this.endpoint = new URL(endpoint, document.baseURI);
    this.video = byId('video');
    this.pc = null;
    this.sessionUrl = null;
    this.events = null; // the server's
    // Of the page's own address, which is sent to nobody: #token=…
    this.token = new URLSearchParams(window.location.hash.slice(1)).get('token');
    this.state = 'connecting'; // connecting, playing, waiting, error
    this.message = '';
    this.status = 0; // of the last refused POST
    this.attempts = 0; // in a row without a picture
    this.hasPlayed = false;
    this.generation = 0; // of the connection; what belongs to an older one is ignored
    this.timers = new Set();
    this.last = null; // previous statistics
    setInterval(() => this.measure(), 1000);
  }

  show(state, message, detail = '') {
    Object.assign(this, { state, message });
    byId('player').dataset.state = state;
    byId('badge').textContent = { connecting: 'Connecting', playing: 'Live', waiting: 'Waiting', error: 'Stopped' }[state];
    byId('message').textContent = message;
    byId('detail').textContent = detail;
    byId('retry').hidden = state !== 'error' && state !== 'waiting';
  }

  after(ms, action) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }

  async start() {
    this.stop();
    const generation = this.generation;
    const current = () => generation === this.generation;
    this.show('connecting', 'Connecting');
    try {
      await this.connect(current);
    } catch (error) {
      if (current()) this.fail(error);
    }
  }

  // Ends the connection and tells the server, which frees the viewer at once.
  stop() {
    this.generation++;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.pc?.close();
    this.pc = null;
    this.connected = false;
    this.inactive = false;
    this.events?.close();
    this.events = null;
    this.last = null;
    byId('stats').textContent = '';
    this.leave();
  }

  leave() {
    if (!this.sessionUrl) return;
    // keepalive: it must get out while the page goes away. A failure means that
    // the session is gone already or ends by its own timeout.
    fetch(this.sessionUrl, { method: 'DELETE', keepalive: true, headers: this.headers({}) }).catch(() => {});
    this.sessionUrl = null;
  }

  headers(headers) {
    return this.token ? { ...headers, Authorization: `Bearer ${this.token}` } : headers;
  }

  async connect(current) {
    if (!window.RTCPeerConnection) throw new Failure('This browser has no WebRTC');
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.pc = pc;
    const stream = new MediaStream();
    pc.addEventListener('track', ({ track }) => {
      stream.addTrack(track);
      if (this.video.srcObject !== stream) this.video.srcObject = stream;
      this.play();
    });
    for (const kind of ['video', 'audio']) pc.addTransceiver(kind, { direction: 'recvonly' });
    pc.addEventListener('connectionstatechange', () => current() && this.connectionChanged(pc, current));

    await pc.setLocalDescription();
    await this.gathered(pc);
    if (!current()) return;
    const answer = await this.post(pc.localDescription.sdp, current);
    if (!current()) return;
    try {
      await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    } catch (error) {
      throw new Failure('The server’s answer makes no sense to this browser', error.message);
    }
    if (!current()) return;
    this.watchTransports(pc, current);
    this.after(CONNECT_MS, () => {
      if (pc.connectionState !== 'connected') {
        this.fail(new Failure('No media connection to the server',
          'The server answers, but no UDP gets through. A firewall may be in between.', 'back-off'));
      }
    });
  }

  gathered(pc) {
    if (pc.iceGatheringState === 'complete') return Promise.resolve();
    return Promise.race([sleep(GATHER_MS), new Promise((done) => {
      pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && done());
    })]);
  }

  async post(offer, current) {
    let response;
    try {
      response = await fetch(this.endpoint, {
        method: 'POST',
        headers: this.headers({ 'Content-Type': 'application/sdp' }),
        body: offer,
        signal: AbortSignal.timeout(POST_MS),
      });
    } catch {
      throw new Failure('The server cannot be reached', '', 'back-off');
    }
    this.status = response.status;
    const location = response.headers.get('Location');
    // A counter-offer cannot help a browser that has offered all that it has; it ends as a session does.
    if (location) this.sessionUrl = this.resolve(location, response.url);
    if (response.status !== 201) throw await failureOf(response, this.hasPlayed);
    const events = linkOf(response, EVENTS_URN);
    if (events && this.sessionUrl) this.listen(events, this.sessionUrl);
    try {
      return await response.text();
    } catch {
      throw new Failure('The server cannot be reached', '', 'back-off');
    } finally {
      if (!current()) this.leave(); // stopped meanwhile: this session is nobody's
    }
  }

  // What the server tells of the stream, if it does: nothing depends on it.
  async listen(link, session) {
    try {
      const url = `${session}/${link.split('/').pop()}`;
      const response = await fetch(url, {
        method: 'POST',
        headers: this.headers({ 'Content-Type': 'application/json' }),
        body: JSON.stringify(['active', 'inactive', 'reconnect']),
      });
      const location = response.headers.get('Location');
      if (response.status !== 201 || !location || session !== this.sessionUrl) return;
      const events = new EventSource(`${url}/${location.split('/').pop()}`);
      this.events = events;
      events.addEventListener('inactive', () => {
        this.inactive = true;
        if (this.state === 'playing') this.noPicture();
      });
      events.addEventListener('active', () => { this.inactive = false; });
      events.addEventListener('reconnect', () => this.ended());
      // It ends with the session; nothing else is worth another try.
      events.addEventListener('error', () => events.close());
    } catch {
      // The media says what is to be known, too.
    }
  }

  // New ways to the server, for the connection that there is. false: it has none to offer.
  async restartIce() {
    const { pc, sessionUrl } = this;
    if (!pc || !sessionUrl) return false;
    const before = pc.remoteDescription.sdp;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    await this.gathered(pc);
    const { sdp } = pc.localDescription;
    const [section] = sdp.split(/^(?=m=)/m).slice(1);
    const fragment = [
      ...sdp.match(/^a=(ice-options|group).*$/gm).slice(0, 2), section.match(/^m=.*$/m)[0],
      ...section.match(/^a=(mid|ice-ufrag|ice-pwd|candidate).*$/gm), 'a=end-of-candidates',
    ].map((line) => `${line.trim()}\r\n`).join('');
    const response = await fetch(sessionUrl, {
      method: 'PATCH',
      headers: this.headers({ 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' }),
      body: fragment,
      signal: AbortSignal.timeout(POST_MS),
    });
    this.status = response.status;
    if (pc !== this.pc) return true; // there is another one meanwhile
    if (response.status !== 200) {
      if (response.status === 404) this.sessionUrl = null;
      return false;
    }
    await pc.setRemoteDescription({ type: 'answer', sdp: withIce(before, await response.text()) });
    return true;
  }

  async recover(pc, current) {
    try {
      if (!(await this.restartIce())) throw new Error('no restart');
      this.after(RESTARTED_MS, () => {
        if (current() && pc.connectionState !== 'connected') this.lost();
      });
    } catch {
      if (current()) this.lost();
    }
  }

  // A proxy that takes a path prefix off may forget it in Location.
  resolve(location, base) {
    const url = new URL(location, base);
    const root = this.endpoint.pathname.replace(/\/$/, '');
    if (url.origin === this.endpoint.origin && !url.pathname.startsWith(`${root}/`)) {
      url.pathname = `${root}/${url.pathname.split('/').pop()}`;
    }
    return url.href;
  }

  connectionChanged(pc, current) {
    switch (pc.connectionState) {
      case 'connected':
        this.connected = true;
        if (this.state === 'connecting') this.show('connecting', 'Waiting for the first picture');
        break;
      case 'disconnected': // may come back by itself
        if (!this.connected) break; // it never came: the time for that is running
        this.show('connecting', 'The connection is interrupted');
        this.after(DISCONNECTED_MS, () => {
          if (current() && pc.connectionState === 'disconnected') this.recover(pc, current);
        });
        break;
      case 'failed':
        if (this.hasPlayed) this.lost();
        else this.fail(new Failure('No media connection to the server', 'ICE or DTLS failed.', 'back-off'));
        break;
      case 'closed':
        this.ended();
        break;
      default:
    }
  }

  // The server says good-bye by DTLS, which not every browser shows in the
  // connection's state.
  watchTransports(pc, current) {
    for (const { receiver } of pc.getTransceivers()) {
      const transport = receiver.transport;
      transport?.addEventListener('statechange', () => {
        if (current() && transport.state === 'closed') this.ended();
      });
      receiver.track.addEventListener('ended', () => current() && this.ended());
    }
  }

  ended() {
    this.sessionUrl = null; // gone with the viewer
    this.fail(new Failure('The server has ended the stream', '', 'back-off'));
  }

  lost() {
    this.fail(new Failure('The connection to the server is lost', '', 'back-off'));
  }

  fail(error) {
    const failure = error instanceof Failure ? error : new Failure('The player failed', String(error));
    this.stop();
    if (failure.retry === null) {
      this.show('error', failure.message, failure.detail);
      return;
    }
    const backOff = BACK_OFF_S[Math.min(this.attempts, BACK_OFF_S.length - 1)];
    const wait = failure.retry === 'back-off' ? backOff * (0.75 + Math.random() / 2) : failure.retry;
    this.attempts++;
    const until = performance.now() + wait * 1000;
    const generation = this.generation;
    const tick = () => {
      if (generation !== this.generation) return;
      const left = until - performance.now();
      if (left <= 0) {
        this.start();
        return;
      }
      const again = `Trying again in ${Math.ceil(left / 1000)} s.`;
      this.show('waiting', failure.message, failure.detail ? `${failure.detail}\n${again}` : again);
      this.after(Math.min(left, 250), tick);
    };
    tick();
  }

  noPicture() {
    this.show('connecting', this.inactive ? 'Waiting for the stream' : 'No picture is coming',
      this.inactive ? 'No picture is coming: nothing is sent. The connection stands; it goes on by itself.' : 'The connection stands; it goes on by itself.');
  }

  async play() {
    try {
      await this.video.play();
    } catch (error) {
      // A stopped load is no news; everything else needs the viewer's tap.
      if (error.name === 'NotAllowedError') this.show('error', 'Tap to play');
    }
  }

  setMuted(muted) {
    this.video.muted = muted;
    byId('mute').setAttribute('aria-pressed', String(muted));
    byId('unmute').hidden = !muted || this.state !== 'playing' || this.soundOffered;
    if (!muted) this.soundOffered = true;
  }

  async measure() {
    const pc = this.pc;
    if (!pc || pc.connectionState !== 'connected') return;
    const report = await pc.getStats();
    if (pc !== this.pc) return;
    const now = { time: performance.now(), bytes: 0, lost: 0, frames: 0, rtt: null, width: 0, height: 0 };
    for (const entry of report.values()) {
      if (entry.type === 'inbound-rtp') {
        now.bytes += entry.bytesReceived ?? 0;
        now.lost += entry.packetsLost ?? 0;
        if (entry.kind === 'video') {
          now.frames = entry.framesDecoded ?? 0;
          now.width = entry.frameWidth ?? 0;
          now.height = entry.frameHeight ?? 0;
        }
      } else if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime != null) {
        now.rtt = entry.currentRoundTripTime;
      }
    }
    const before = this.last;
    this.last = now;
    const moving = now.frames > (before?.frames ?? 0);
    if (moving && this.state !== 'playing') {
      this.hasPlayed = true;
      this.attempts = 0;
      this.show('playing', 'Playing');
      this.setMuted(this.video.muted);
    }
    if (!before) return;
    this.still = moving ? 0 : (this.still ?? 0) + 1;
    // FFmpeg may be starting again; the connection stays and goes on with the next picture.
    if (this.state === 'playing' && this.still >= 3) this.noPicture();
    const seconds = (now.time - before.time) / 1000;
    const fps = (now.frames - before.frames) / seconds;
    const kbits = ((now.bytes - before.bytes) * 8) / seconds / 1000;
    byId('stats').textContent = [
      now.width ? `${now.width}×${now.height}` : null,
      `${Math.round(fps)} fps`,
      kbits >= 1000 ? `${(kbits / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbits)} kbit/s`,
      `${now.lost} lost`,
      now.rtt === null ? null : `${Math.round(now.rtt * 1000)} ms round trip`,
    ].filter(Boolean).join(' · ');
  }
}

function toggleFullscreen() {
  const element = byId('player');
  if (document.fullscreenElement) document.exitFullscreen();
  else if (element.requestFullscreen) element.requestFullscreen().catch(() => {});
  else byId('video').webkitEnterFullscreen?.(); // iPhones
}

const player = new Player(document.querySelector('meta[name="whep-endpoint"]').content);
window.player = player;

const toggleSound = () => player.setMuted(!player.video.muted);
byId('mute').addEventListener('click', toggleSound);
byId('unmute').addEventListener('click', toggleSound);
byId('fullscreen').addEventListener('click', toggleFullscreen);
byId('video').addEventListener('dblclick', toggleFullscreen);
byId('retry').addEventListener('click', () => {
  player.attempts = 0;
  player.start();
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'm') toggleSound();
  else if (event.key === 'f') toggleFullscreen();
});
window.addEventListener('pagehide', () => player.stop());
window.addEventListener('pageshow', (event) => event.persisted && player.start());

player.start();
