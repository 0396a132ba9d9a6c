// SPDX-License-Identifier: LGPL-2.1-or-later
// A stream with a clock in its picture and a flash with a beep at each full second, and what a page
// sees and hears of it.

const WIDTH = 640;
const BITS = 16;
const STRIP = 16; // the clock's height

// FFmpeg: the milliseconds of the wall clock as a strip of black and white on top of each picture.
export function startClock(children, port, { gop = 30, bitrate = '1M' } = {}) {
  const to = (p) => `udp://127.0.0.1:${p}?pkt_size=1200`;
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
    '-payload_type', '102', '-f', 'rtp', to(port),
    '-map', '[a]', '-c:a', 'libopus', '-application', 'lowdelay', '-payload_type', '111', '-f', 'rtp', to(port + 1),
  ]);
}

// In the page: notes each picture shown, with its age by the clock in it, in window.seen;
// and when a flash was seen and a beep heard, in window.flashes and window.beeps.
export async function watchClock(page) {
  await page.evaluate(({ width, bits, strip }) => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, strip];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    Object.assign(window, { seen: [], flashes: [], beeps: [] });
    let white = false;
    const look = (now) => {
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
      if (white && !wasWhite) window.flashes.push(at);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);

    const audio = new AudioContext();
    audio.resume();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 256; // 5 ms
    audio.createMediaStreamSource(new MediaStream(video.srcObject.getAudioTracks())).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loud = false;
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const wasLoud = loud;
      loud = samples.some((sample) => Math.abs(sample) > 0.2);
      if (loud && !wasLoud) window.beeps.push(performance.timeOrigin + performance.now());
    }, 4);
  }, { width: WIDTH, bits: BITS, strip: STRIP });
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

// How much later than its beep each flash of the given time was seen, in milliseconds.
export async function lipSync(page, seconds) {
  const from = await page.evaluate(() => performance.timeOrigin + performance.now());
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const { flashes, beeps } = await page.evaluate(() => ({ flashes: window.flashes, beeps: window.beeps }));
  const offsets = [];
  for (const flash of flashes.filter((at) => at > from + 500)) {
    const nearest = beeps.reduce((best, at) => (Math.abs(at - flash) < Math.abs(best - flash) ? at : best), Infinity);
    if (Math.abs(nearest - flash) < 500) offsets.push(flash - nearest);
  }
  return { flashes: offsets.length, p50: quantile(offsets, 0.5), least: Math.min(...offsets), most: Math.max(...offsets) };
}
