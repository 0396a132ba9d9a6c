// SPDX-License-Identifier: LGPL-2.1-or-later
// Debian's Chromium under playwright-core, and what every browser test needs.
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const SKIP = 77;
const required = process.env.RTPRESTREAM_REQUIRE_BROWSER === '1';

// A missing browser is a skip on a developer's machine and a failure in CI.
function missing(what) {
  console.error(`${required ? 'FAIL' : 'SKIP'}: ${what}`);
  process.exit(required ? 1 : SKIP);
}

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(executablePath)) missing(`no ${executablePath}`);
const require = createRequire(import.meta.url);
let chromium;
try {
  ({ chromium } = require('playwright-core'));
} catch (error) {
  missing(`no playwright-core (npm ci in tests/browser): ${error.code ?? error.message}`);
}

export async function launch() {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

// A page that collects what it complains about. A small one: half of what a test costs is painting it.
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 800, height: 480 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refused request is what many tests are about.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  return { page, complaints };
}

export function artefact(name) {
  const folder = process.env.RTPRESTREAM_ARTEFACTS
    ?? path.join(process.env.RTPRESTREAM_BUILD_ROOT ?? '.', 'artefacts', 'browser');
  mkdirSync(folder, { recursive: true });
  return path.join(folder, name);
}

// Waits for a condition on the Node side, generously.
export async function until(what, condition, timeoutMs = 30000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${timeoutMs / 1000} s`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
