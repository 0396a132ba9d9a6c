// SPDX-License-Identifier: LGPL-2.1-or-later
// A stream with a clock in its picture and a flash with a beep at each full second, and what a page
// sees and hears of it.

const WIDTH = 640;
const BITS = 16;
const STRIP = 16; // the clock's height

// FFmpeg: the milliseconds of the wall clock as a strip of black and white on top of each picture.
export function startClock(children, port, { gop = 30, bitrate = '1M' } = {}) {
  const start = String(Date.now() * 1000);
  const to = (p) => ['-start_time_realtime', start, '-f', 'rtp', `udp://127.0.0.1:${p}?pkt_size=1200`];
  const bit = `floor(mod(T*1000+0.5,${2 ** BITS})/pow(2,floor(X*${BITS}/${WIDTH})))`;
  const graph = `color=black:size=${WIDTH}x${STRIP}:rate=30,realtime,settb=1/1000,setpts=RTCTIME/1000,`
    + `geq=lum='if(mod(${bit},2),235,16)':cb=128:cr=128,settb=1/90000,setpts=N*3000[clock];`
    + `testsrc2=size=${WIDTH}x344:rate=30,settb=1/90000,drawbox=t=fill:color=white:enable='lt(mod(t,1),0.1)'[picture];`
    + '[clock][picture]vstack[v];'
    + "aevalsrc='if(lt(mod(t,1),0.1),0.8*sin(2*PI*1000*t),0)':s=48000:nb_samples=960,arealtime,asetnsamples=960[a]";
  return children.start('ffmpeg', [
    '-nostdin', '-loglevel', 'error', '-filter_complex', graph,
    '-map', '[v]', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline',
    '-pix_fmt', 'yuv420p', '-g', String(gop), '-keyint_min', String(gop), '-sc_threshold', '0', '-bf', '0', '-b:v', bitrate,
    '-payload_type', '102', ...to(port),
    '-map', '[a]', '-c:a', 'libopus', '-application', 'lowdelay', '-payload_type', '111', ...to(port + 1),
  ]);
}

// On the page's audio thread, which nothing that the page does delays: when a beep begins, in the time of the audio context.
const EAR = `registerProcessor('ear', class extends AudioWorkletProcessor {
  quiet = sampleRate;
  process([[samples]]) {
    samples?.forEach((sample, i) => {
      const loud = Math.abs(sample) > 0.2;
      if (loud && this.quiet > sampleRate / 10) this.port.postMessage(currentTime + i / sampleRate);
      this.quiet = loud ? 0 : this.quiet + 1;
    });
    return true;
  }
})`;

// In the page (of a context with bypassCSP): notes each picture shown, with its age by the clock in it, in window.seen;
// and when a flash is on the screen and a beep at the loudspeaker, in window.flashes and window.beeps. A flash
// whose first picture may have been one that the page did not come to look at counts as window.overlooked.
export async function watchClock(page) {
  await page.evaluate(async ({ width, bits, strip, ear }) => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, strip];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    Object.assign(window, { seen: [], flashes: [], beeps: [], overlooked: 0 });
    let white = false;
    let presented = 0;
    const look = (now, { presentedFrames, expectedDisplayTime }) => {
      video.requestVideoFrameCallback(look);
      context.drawImage(video, 0, 0, width, strip, 0, 0, width, strip);
      const { data } = context.getImageData(0, strip / 2, width, 1);
      let clock = 0;
      for (let bit = 0; bit < bits; bit++) {
        if (data[4 * Math.floor((bit + 0.5) * width / bits)] > 128) clock += 2 ** bit;
      }
      const at = performance.timeOrigin + now;
      const age = ((at - clock) % 2 ** bits + 2 ** bits) % 2 ** bits;
      window.seen.push({ at, age: age > 2 ** (bits - 1) ? age - 2 ** bits : age });
      // Four places of the picture below.
      context.drawImage(video, 0, strip, width, video.videoHeight - strip, 0, 0, 4, 4);
      const picture = context.getImageData(0, 0, 4, 4).data;
      const wasWhite = white;
      white = [0, 20, 40, 60].every((i) => picture[i] > 220 && picture[i + 1] > 220 && picture[i + 2] > 220);
      if (white && !wasWhite) {
        if (presentedFrames === presented + 1) window.flashes.push(performance.timeOrigin + expectedDisplayTime);
        else window.overlooked++;
      }
      presented = presentedFrames;
    };
    video.requestVideoFrameCallback(look);

    const audio = new AudioContext();
    audio.resume();
    await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([ear], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(audio, 'ear');
    node.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = audio.getOutputTimestamp();
      window.beeps.push(performance.timeOrigin + performanceTime + 1000 * (data - contextTime));
    };
    // What hearing itself takes: a sound of the page's own, by way of a stream.
    const own = new OscillatorNode(audio);
    const stream = audio.createMediaStreamDestination();
    const ownEar = new AudioWorkletNode(audio, 'ear');
    own.connect(stream);
    audio.createMediaStreamSource(stream.stream).connect(ownEar).connect(audio.destination);
    const begun = audio.currentTime + 0.3;
    window.hearing = new Promise((done) => {
      ownEar.port.onmessage = ({ data }) => done(1000 * (data - begun));
    });
    own.start(begun);
    own.stop(begun + 0.05);
    audio.createMediaStreamSource(new MediaStream(video.srcObject.getAudioTracks())).connect(node).connect(audio.destination);
  }, { width: WIDTH, bits: BITS, strip: STRIP, ear: EAR });
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

// The ages of the pictures shown in the given time, from now on: milliseconds.
export async function ages(page, seconds) {
  const from = await page.evaluate(() => window.seen.length);
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const all = (await page.evaluate((n) => window.seen.slice(n), from)).map((picture) => picture.age);
  return { pictures: all.length, p50: quantile(all, 0.5), p95: quantile(all, 0.95), max: Math.max(...all) };
}

// How far the picture is ahead of the sound by the browser's own account (estimatedPlayoutTimestamp: which instant of
// the sender's clock is played now), in milliseconds; null before the sender reports of both are known.
async function playoutSkew(page) {
  return page.evaluate(async () => {
    const at = {};
    for (const report of (await window.player.pc.getStats()).values()) {
      if (report.type === 'inbound-rtp') at[report.kind] = report.estimatedPlayoutTimestamp;
    }
    return at.video && at.audio ? at.video - at.audio : null;
  });
}

// How much later than its beep each flash of the given time was seen, in milliseconds; and what the browser says of it.
export async function lipSync(page, seconds) {
  const from = await page.evaluate(() => performance.timeOrigin + performance.now());
  const skews = [];
  for (let second = 0; second < seconds; second++) {
    await new Promise((done) => setTimeout(done, 1000));
    const skew = await playoutSkew(page);
    if (skew !== null) skews.push(skew);
  }
  const { flashes, heard, hearing, overlooked } = await page.evaluate(async () => (
    { flashes: window.flashes, heard: window.beeps, hearing: await window.hearing, overlooked: window.overlooked }));
  const beeps = heard.map((at) => at - hearing);
  const offsets = [];
  for (const flash of flashes.filter((at) => at > from + 500)) {
    const nearest = beeps.reduce((best, at) => (Math.abs(at - flash) < Math.abs(best - flash) ? at : best), Infinity);
    if (Math.abs(nearest - flash) < 500) offsets.push(flash - nearest);
  }
  return {
    flashes: offsets.length, overlooked, hearing, p50: quantile(offsets, 0.5), least: Math.min(...offsets), most: Math.max(...offsets), offsets, skews,
  };
}
