// SPDX-License-Identifier: LGPL-2.1-or-later
// What the pages tell in each kind of failure, against a server that fakes it.
import assert from 'node:assert/strict';
import { artefact, launch, newPage, until } from './browser.mjs';
import { problem, serve } from './fake-server.mjs';

const tests = [];
const test = (name, run) => tests.push({ name, run });

// Watched within the page: some messages stand for a second only, and the way there may take longer.
const told = async (page, text, timeout = 30000) => {
  const shown = (what) => document.querySelector('#overlay')?.textContent.includes(what);
  try {
    await page.waitForFunction(shown, text, { polling: 50, timeout });
  } catch (error) {
    throw new Error(`no "${text}" within ${timeout / 1000} s (page: ${await page.textContent('#overlay')})`, { cause: error });
  }
};
const posts = (fake) => fake.requests.filter((r) => r.method === 'POST').length;

// [status, detail, headers, message, does it try again by itself]
const refusals = [
  [404, 'no stream "cam"', {}, 'There is no such stream', false],
  [406, 'no H.264 in the offer', {}, 'This browser cannot play the stream', false],
  [403, 'no', {}, 'You are not allowed to watch', false],
  [413, 'too big', {}, 'The server refused (413)', false],
  [409, 'nobody publishes', { 'Retry-After': '1' }, 'The stream has not started yet', true],
  [503, 'too many viewers', { 'Retry-After': '1' }, 'The server is busy', true],
  [504, 'no answer', {}, 'The server does not answer in time', true],
  [500, 'broken', {}, 'The server refused (500)', true],
];
for (const [status, detail, headers, message, again] of refusals) {
  test(`player: ${status}`, async ({ fake, page }) => {
    fake.whep = (request, response) => problem(response, status, detail, headers);
    await page.goto(`${fake.base}/play/cam`);
    await told(page, message);
    await told(page, detail);
    assert.equal(await page.evaluate(() => window.player.status), status);
    await page.screenshot({ path: artefact(`player-${status}.png`) });
    if (again) {
      await until('another try', () => posts(fake) >= 2);
    } else {
      assert.equal(await page.evaluate(() => window.player.state), 'error');
      const before = posts(fake);
      await page.click('#retry');
      await until('the try asked for', () => posts(fake) === before + 1);
    }
  });
}

test('player: Retry-After is kept', async ({ fake, page }) => {
  fake.whep = (request, response) => problem(response, 409, 'later', { 'Retry-After': '60' });
  await page.goto(`${fake.base}/play/cam`);
  await until('the minute', async () => /Trying again in (60|5\d) s/.test(await page.textContent('#overlay')));
  await page.waitForTimeout(1500);
  assert.equal(posts(fake), 1);
});

test('player: the offer', async ({ fake, page }) => {
  fake.whep = (request, response) => problem(response, 404, 'no');
  await page.goto(`${fake.base}/play/a%2Fb`);
  await told(page, 'There is no such stream');
  const [post] = fake.requests.filter((r) => r.method === 'POST');
  assert.equal(post.path, '/whep/a%2Fb');
  assert.match(post.body, /^v=0/);
  assert.equal(post.body.match(/a=recvonly/g).length, 2);
  assert.equal(await page.title(), 'a/b');
});

test('player: network failure', async ({ fake, page }) => {
  fake.whep = (request) => request.socket.destroy();
  await page.goto(`${fake.base}/play/cam`);
  await told(page, 'The server cannot be reached');
  await page.screenshot({ path: artefact('player-network.png') });
  await until('another try', () => posts(fake) >= 2);
});

test('player: an answer that is none', async ({ fake, page }) => {
  fake.whep = (request, response) => {
    if (request.method === 'DELETE') return response.writeHead(200).end();
    // As behind a proxy that took the prefix off and forgot Location.
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: '/whep/cam/5ec4e7' });
    return response.end('garbage');
  };
  await page.goto(`${fake.base}/play/cam`);
  await told(page, 'makes no sense to this browser');
  await until('DELETE', () => fake.requests.some((r) => r.method === 'DELETE' && r.path === '/whep/cam/5ec4e7'));
});

test('player: DELETE when the page goes away', async ({ fake, page }) => {
  fake.whep = (request, response) => {
    if (request.method === 'DELETE') return response.writeHead(200).end();
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: 'cam/5ec4e7' });
    return undefined; // the body never comes: still connecting
  };
  await page.goto(`${fake.base}/play/cam`);
  await until('POST', () => posts(fake) === 1);
  fake.whep = (request, response, body) => {
    if (request.method === 'DELETE') return response.writeHead(200).end();
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `${request.url}/5ec4e7` });
    return response.end(answerTo(body));
  };
  await page.reload();
  await until('session', () => page.evaluate(() => window.player.sessionUrl?.endsWith('/whep/cam/5ec4e7')));
  await page.goto('about:blank');
  await until('DELETE', () => fake.requests.some((r) => r.method === 'DELETE' && r.path === '/whep/cam/5ec4e7'));
});

test('player: no way for the media', async ({ fake, page }) => {
  fake.whep = (request, response, body) => {
    if (request.method === 'DELETE') return response.writeHead(200).end();
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `${request.url}/5ec4e7` });
    return response.end(answerTo(body));
  };
  await page.goto(`${fake.base}/play/cam`);
  await told(page, 'No media connection to the server', 60000);
  await page.screenshot({ path: artefact('player-no-media.png') });
  await until('another try', () => posts(fake) >= 2);
});

test('player: sound and full screen', async ({ fake, page }) => {
  await page.goto(`${fake.base}/play/cam`);
  assert.equal(await page.evaluate(() => document.querySelector('video').muted), true);
  await page.click('#mute');
  assert.equal(await page.evaluate(() => document.querySelector('video').muted), false);
  await page.keyboard.press('m');
  assert.equal(await page.evaluate(() => document.querySelector('video').muted), true);
  await page.click('#fullscreen');
  await until('full screen', () => page.evaluate(() => document.fullscreenElement?.id === 'player'));
});

test('player: on a phone', async ({ fake, page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  fake.whep = (request, response) => problem(response, 406, 'The stream is H.265, which the offer does not have');
  await page.goto(`${fake.base}/play/cam`);
  await told(page, 'This browser cannot play the stream');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.screenshot({ path: artefact('player-phone.png') });
});

const processes = [
  { id: 'a/b <i>', reference: 'demo', config: { webrtc: { enabled: true } },
    state: { exec: 'running', order: 'start', runtime_seconds: 3725, last_logline: 'frame=1', progress: { fps: 30, bitrate_kbit: 2100 }, cpu_usage: 12.3 } },
  { id: 'broken', config: { webrtc: { enabled: true } },
    state: { exec: 'failed', order: 'start', reconnect_seconds: 3, last_logline: 'rtsp://camera: Connection refused' } },
  { id: 'plain', config: {}, state: { exec: 'finished', order: 'stop', last_logline: '' } },
];
const json = (response, value) => {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
};

test('list: processes', async ({ fake, page }) => {
  fake.api = (request, response) => json(response, processes);
  await page.goto(`${fake.base}/`);
  await page.waitForSelector('.process');
  assert.equal(await page.locator('.process').count(), 3);
  assert.equal(await page.locator('.process h2').first().textContent(), 'a/b <i>demo');
  assert.match(await page.locator('.process').first().textContent(), /running.*for 1 h 2 min · 30 fps · 2100 kbit\/s/);
  assert.match(await page.locator('[data-id="broken"]').textContent(), /failed.*starts again in 3 s.*Connection refused/);
  assert.equal(await page.locator('[data-id="plain"] a').count(), 0);
  assert.equal(await page.locator('.process a').first().getAttribute('href'), 'play/a%2Fb%20%3Ci%3E');
  assert.ok(fake.requests.some((r) => r.url.endsWith('/api/v3/process?filter=config,state')));
  await page.screenshot({ path: artefact('list.png') });
  fake.api = (request, response) => json(response, []);
  await until('refresh', async () => (await page.locator('.process').count()) === 0);
  assert.match(await page.textContent('#notice'), /no process yet/);
  fake.api = (request, response) => json(response, processes);
  await page.waitForSelector('.process');
  await page.locator('.process a').first().click();
  await page.waitForURL('**/play/a%2Fb%20%3Ci%3E');
});

test('list: failures', async ({ fake, page }) => {
  fake.api = (request, response) => response.writeHead(403).end();
  await page.goto(`${fake.base}/`);
  const notice = (text) => until(text, async () => (await page.textContent('#notice')).includes(text));
  await notice('does not serve this address');
  fake.api = (request, response) => response.writeHead(500).end();
  await notice('status 500');
  fake.api = (request, response) => json(response, { a: 1 });
  await notice('not a list');
  fake.api = (request) => request.socket.destroy();
  await notice('cannot be reached');
  fake.api = (request, response) => json(response, processes);
  await page.waitForSelector('.process');
  assert.equal(await page.isVisible('#notice'), false);
});

test('list: login', async ({ fake, page }) => {
  let access = '';
  const logins = [];
  const refused = (response, status) => response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"code":401,"message":"Unauthorized","details":[]}');
  fake.api = (request, response) => (access && request.headers.authorization === `Bearer ${access}` ? json(response, processes) : refused(response, 401));
  fake.login = (request, response, body) => {
    if (request.method === 'GET') {
      if (request.headers.authorization !== 'Bearer later') return refused(response, 401);
      access = 'second';
      return json(response, { access_token: access });
    }
    logins.push(JSON.parse(body));
    if (logins.at(-1).password !== 'right <&"') return refused(response, 401);
    access = 'first';
    return json(response, { access_token: access, refresh_token: 'later' });
  };
  await page.goto(`${fake.base}/`);
  const notice = (text) => until(text, async () => (await page.textContent('#notice')).includes(text));
  await notice('Log in to see');
  await page.screenshot({ path: artefact('list-login.png') });
  await page.fill('#user', 'admin');
  await page.fill('#password', 'wrong');
  await page.click('#login button');
  await notice('is wrong');
  assert.equal(await page.locator('.process').count(), 0);
  await page.fill('#password', 'right <&"');
  await page.click('#login button');
  await page.waitForSelector('.process');
  assert.equal(await page.isVisible('#login'), false);
  assert.deepEqual(logins.at(-1), { username: 'admin', password: 'right <&"' });
  // The access token is renewed; when that is over, too, the page asks again.
  access = 'third';
  await until('another token', () => access === 'second');
  access = '';
  fake.login = (request, response) => refused(response, 401);
  await notice('Log in to see');
  assert.equal(await page.locator('.process').count(), 0);
});

// A legal answer from a server that nobody is behind: ICE fails or times out.
function answerTo(offer) {
  const lines = offer.split(/\r\n/);
  const out = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', lines.find((l) => l.startsWith('a=group:BUNDLE')), 'a=ice-lite'];
  let payload;
  for (const line of lines) {
    if (line.startsWith('m=')) {
      const video = line.startsWith('m=video');
      const codec = video ? /^a=rtpmap:(\d+) (?:H264|VP8)\// : /^a=rtpmap:(\d+) opus\//;
      const section = lines.slice(lines.indexOf(line));
      [, payload] = section.map((l) => codec.exec(l)).find(Boolean);
      out.push(line.split(' ').slice(0, 3).concat(payload).join(' '), 'c=IN IP4 127.0.0.1', 'a=rtcp-mux', 'a=sendonly',
        'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx', 'a=setup:passive',
        `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host', 'a=end-of-candidates',
        section.find((l) => codec.test(l)));
    } else if (line.startsWith('a=mid:')) {
      out.push(line);
    }
  }
  return `${out.join('\r\n')}\r\n`;
}

const browser = await launch();
let failed = 0;
async function runTest(index, { name, run }) {
  const fake = await serve('/some/prefix');
  const { page, complaints } = await newPage(browser);
  try {
    await run({ fake, page });
    assert.deepEqual(complaints, [], 'the page complained');
    console.log(`ok ${index} ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${index} ${name}`);
    console.log(String(error.stack).replace(/^/gm, '# '));
    await page.screenshot({ path: artefact(`failed-${index}.png`) }).catch(() => {});
  }
  await page.context().close();
  await fake.close();
}

// Most of them wait most of the time, each in a page with a server of its own. The long ones
// stand last, and go first.
const SIDE_BY_SIDE = 6;
console.log(`1..${tests.length}`);
const left = [...tests.entries()].reverse().values();
await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
  for (const [i, test] of left) await runTest(i + 1, test);
}));
await browser.close();
process.exitCode = failed ? 1 : 0;
