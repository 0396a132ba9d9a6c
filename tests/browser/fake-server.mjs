// SPDX-License-Identifier: LGPL-2.1-or-later
// Serves the real page files as the project's own server does, under a path prefix,
// and answers WHEP and the process API as a test wants.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';

const WEB = path.join(process.env.RTPRESTREAM_SOURCE_ROOT ?? '../..', 'web');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
  + "connect-src 'self'; base-uri 'none'; form-action 'none'";

async function page(response, name, variables) {
  let text = await readFile(path.join(WEB, name), 'utf8');
  for (const [key, value] of Object.entries(variables)) text = text.replaceAll(`@${key}@`, value);
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': POLICY });
  response.end(text);
}

export async function serve(prefix = '') {
  const fake = {
    requests: [],
    whep: (request, response) => response.writeHead(404).end(),
    api: (request, response) => response.writeHead(404).end(),
    login: (request, response) => response.writeHead(404).end(),
  };
  const server = createServer(async (request, response) => {
    const url = request.url.split('?')[0];
    if (!url.startsWith(prefix)) return response.writeHead(404).end();
    const below = url.slice(prefix.length);
    let body = '';
    for await (const chunk of request) body += chunk;
    fake.requests.push({ method: request.method, path: below, url: request.url, body });
    if (below === '/') return page(response, 'list.html', { root: '' });
    if (below.startsWith('/play/')) {
      const id = below.slice(6);
      return page(response, 'player.html', { root: '../', endpoint: `../whep/${id}`, title: decodeURIComponent(id) });
    }
    if (below.startsWith('/web/')) {
      const name = path.basename(below);
      response.writeHead(200, { 'Content-Type': TYPES[path.extname(name)] });
      return response.end(await readFile(path.join(WEB, name)));
    }
    if (below.startsWith('/whep/')) return fake.whep(request, response, body);
    if (below.startsWith('/api/v3/process')) return fake.api(request, response);
    if (below.startsWith('/api/login')) return fake.login(request, response, body);
    return response.writeHead(404).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  fake.base = `http://127.0.0.1:${server.address().port}${prefix}`;
  fake.close = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return fake;
}

export function problem(response, status, detail, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ type: 'about:blank', title: 'x', status, detail }));
}
