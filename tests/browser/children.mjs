// SPDX-License-Identifier: LGPL-2.1-or-later
// Programs that a test starts, and ends whatever happens.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { until } from './browser.mjs';

export class Children {
  #running = new Set();

  start(command, args, env = {}) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const state = { child, output: '', ended: null };
    child.stdin.on('error', () => {}); // it has ended, which is seen below
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => { state.output = (state.output + data).slice(-100000); });
    }
    child.on('error', (error) => { state.output += String(error); state.ended = 'error'; });
    child.on('close', (code, signal) => {
      state.ended = signal ?? code;
      this.#running.delete(state);
    });
    state.says = (pattern) => until(`"${pattern}" of ${command}`, () => {
      const match = pattern.exec(state.output);
      if (!match && state.ended !== null) throw new Error(`${command} ended (${state.ended}): ${state.output}`);
      return match;
    });
    state.stop = async (signal = 'SIGINT') => {
      child.kill(signal);
      await until(`end of ${command}`, () => state.ended !== null);
    };
    this.#running.add(state);
    return state;
  }

  async end() {
    await Promise.all([...this.#running].map((state) => state.stop('SIGKILL')));
  }
}

// A TCP port that is free now. Who takes it must cope with its being taken meanwhile.
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// A bad network between a page and its server (tests/support/lossy-relay.py): pages are opened at `url`.
export async function startRelay(children, server, loss) {
  const relay = children.start('python3', [
    path.join(process.env.RTPRESTREAM_SOURCE_ROOT, 'tests/support/lossy-relay.py'), '--server', server, '--loss', String(loss),
  ]);
  const [, url] = await relay.says(/"url": "([^"]+)"/);
  let answers = 0;
  return {
    url,
    // Of the relay's commands; returns its counters.
    tell: async (command) => {
      relay.child.stdin.write(`${command}\n`);
      answers++;
      const lines = await until(`the relay's answer to ${command}`, () => {
        const whole = relay.output.split('\n').slice(1, -1);
        return whole.length >= answers && whole;
      });
      const answer = JSON.parse(lines[answers - 1]);
      if (answer.error) throw new Error(answer.error);
      return answer;
    },
  };
}

// FFmpeg as an operator runs it: H.264 to the port, Opus to the next.
export function startFFmpeg(children, port) {
  const to = (p) => `udp://127.0.0.1:${p}?pkt_size=1200`;
  return children.start('ffmpeg', [
    '-nostdin', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30',
    '-re', '-f', 'lavfi', '-i', 'sine=frequency=440',
    '-map', '0:v', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency',
    '-profile:v', 'baseline', '-pix_fmt', 'yuv420p', '-g', '30', '-bf', '0', '-payload_type', '102', '-f', 'rtp', to(port),
    '-map', '1:a', '-c:a', 'libopus', '-payload_type', '111', '-f', 'rtp', to(port + 1),
  ]);
}

// The experimenter's gst-launch-1.0.
export function startLaunch(children, transport, rtpPort, whepPort, more = '', src = '') {
  // The line of the README, with free ports for its 5004 and 8080.
  const line = `rtprestreamsrc port=${rtpPort} ${src} name=s  rtprestreamsink transport=${transport} whep-port=${whepPort} ${more} name=k `
    + 's.video ! k.video   s.audio ! k.audio';
  return children.start('gst-launch-1.0', ['-v', ...line.split(/\s+/)], { LC_ALL: 'C' });
}

export async function startLaunchOnFreePorts(children, transport, more = '', src = '') {
  for (let tries = 5; ; tries--) {
    const whepPort = await freePort();
    const server = startLaunch(children, transport, 0, whepPort, more, src);
    try {
      const [, port] = await server.says(/port = (\d+)/);
      await server.says(/Setting pipeline to PLAYING/);
      return { server, rtpPort: Number(port), whepPort };
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}
