// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists the processes of the process API.

const REFRESH_MS = 2000;
const TIMEOUT_MS = 10000;
const byId = (id) => document.getElementById(id);

function element(name, className, text) {
  const e = document.createElement(name);
  e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function levelOf(exec) {
  if (exec === 'running') return 'good';
  if (exec === 'failed' || exec === 'killed') return 'bad';
  return exec === 'starting' || exec === 'finishing' ? 'wait' : 'idle';
}

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = Math.max(0, parts.findIndex(([size]) => s >= size));
  let rest = s;
  return (s === 0 ? [[1, 's']] : parts.slice(first, first + 2)).map(([size, unit]) => {
    const n = Math.floor(rest / size);
    rest %= size;
    return `${n} ${unit}`;
  }).join(' ');
}

function factsOf(state) {
  const facts = [];
  if (state.exec === 'running') facts.push(`for ${duration(state.runtime_seconds ?? 0)}`);
  const progress = state.progress ?? {};
  if (progress.fps > 0) facts.push(`${Number(progress.fps).toFixed(0)} fps`);
  if (progress.bitrate_kbit > 0) facts.push(`${Number(progress.bitrate_kbit).toFixed(0)} kbit/s`);
  if (state.cpu_usage > 0) facts.push(`${Number(state.cpu_usage).toFixed(0)} % CPU`);
  if (state.reconnect_seconds >= 0 && state.exec !== 'running') facts.push(`starts again in ${duration(state.reconnect_seconds)}`);
  return facts.join(' · ');
}

function render(process) {
  const state = process.state ?? {};
  const config = process.config ?? {};
  const exec = state.exec || 'unknown';
  const item = element('li', 'process');
  item.dataset.id = process.id;
  item.dataset.level = levelOf(exec);
  item.append(element('span', 'state', exec));
  const title = element('h2', '', process.id);
  if (process.reference) title.append(element('span', 'reference', process.reference));
  item.append(title);
  if (config.webrtc?.enabled) {
    const link = element('a', 'button primary play', 'Watch');
    link.href = `play/${encodeURIComponent(process.id)}`;
    item.append(link);
  } else {
    item.append(element('span', 'facts-none', ''));
  }
  const facts = factsOf(state);
  if (facts) item.append(element('p', 'facts', facts));
  // What went wrong is in the last line; while all is well it is noise.
  if (state.last_logline && exec !== 'running') item.append(element('p', 'log', state.last_logline));
  return item;
}

function notice(text, kind = '') {
  const box = byId('notice');
  box.hidden = !text;
  box.dataset.kind = kind;
  if (box.textContent !== text) box.textContent = text;
}

function fail(text) {
  notice(text, 'bad');
  byId('processes').dataset.stale = 'true';
}

// Of the login, as long as the page is open.
const tokens = { access: '', refresh: '' };

async function api(path, token, options = {}) {
  return fetch(path, {
    ...options,
    headers: { Accept: 'application/json', ...(token && { Authorization: `Bearer ${token}` }), ...options.headers },
    cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

// With the access token, which lasts some minutes, or the next one.
async function getProcesses() {
  const path = 'api/v3/process?filter=config,state';
  const response = await api(path, tokens.access);
  if (response.status !== 401 || !tokens.refresh) return response;
  const renewed = await api('api/login/refresh', tokens.refresh);
  if (!renewed.ok) return response;
  tokens.access = (await renewed.json()).access_token;
  return api(path, tokens.access);
}

byId('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = event.target.querySelector('button');
  button.disabled = true; // a wrong login is answered late
  try {
    const response = await api('api/login', '', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: byId('user').value, password: byId('password').value }),
    });
    if (response.status === 401) notice('The user or the password is wrong.', 'bad');
    else if (!response.ok) notice(`The server refuses the login: status ${response.status}.`, 'bad');
    else {
      const answer = await response.json();
      [tokens.access, tokens.refresh] = [answer.access_token, answer.refresh_token];
      event.target.hidden = true;
      event.target.reset();
      await refresh();
    }
  } catch {
    notice('The server cannot be reached.', 'bad');
  } finally {
    button.disabled = false;
  }
});

let shown = '';

async function refresh() {
  let response;
  try {
    response = await getProcesses();
  } catch {
    fail('The server cannot be reached. Trying again.');
    return;
  }
  if (response.status === 401) {
    shown = '';
    byId('processes').replaceChildren();
    byId('count').textContent = '';
    notice('Log in to see the processes. Player pages need no login: play/ and the process’s id.');
    byId('login').hidden = false;
    byId('user').focus();
    return;
  }
  if (response.status === 403) {
    fail('The process API of this server does not serve this address.');
    return;
  }
  let processes;
  try {
    if (!response.ok) throw new Error(`status ${response.status}`);
    processes = await response.json();
    if (!Array.isArray(processes)) throw new Error('not a list');
  } catch (error) {
    fail(`The server’s answer cannot be used: ${error.message}. Trying again.`);
    return;
  }
  processes.sort((a, b) => String(a.id).localeCompare(String(b.id)));
  byId('count').textContent = processes.length === 1 ? '1 process' : `${processes.length} processes`;
  notice(processes.length ? '' : 'There is no process yet. Add one by POST to api/v3/process.');
  byId('processes').dataset.stale = 'false';
  const now = JSON.stringify(processes);
  if (now === shown) return; // keeps focus and selection
  shown = now;
  const focused = document.activeElement?.closest?.('.process')?.dataset.id;
  byId('processes').replaceChildren(...processes.map(render));
  if (focused) {
    [...document.querySelectorAll('.process')].find((p) => p.dataset.id === focused)?.querySelector('a')?.focus();
  }
}

for (;;) {
  if (!document.hidden && byId('login').hidden) await refresh();
  await new Promise((done) => setTimeout(done, REFRESH_MS));
}
