// SPDX-License-Identifier: LGPL-2.1-or-later
// Programs that a test starts, and ends whatever happens.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { until } from './browser.mjs';

export class Children {
  #running = new Set();

  start(command, args, env = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const state = { child, output: '', ended: null };
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
