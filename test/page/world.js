// The world that the page lives in: a browser, to which Twilio is our signalling; a site that serves the page with a scripted backend.
'use strict';
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const puppeteer = require('puppeteer-core');
const { files, servePage } = require('../../examples/backend/page');

const secret = 'api-key-secret';
const granted = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

function certificate() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'page-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=twilio.com', '-keyout', `${folder}/key`, '-out', `${folder}/cert`], { stdio: 'ignore' });
  const made = { key: fs.readFileSync(`${folder}/key`), cert: fs.readFileSync(`${folder}/cert`) };
  fs.rmSync(folder, { recursive: true });
  return made;
}

function launch(signallingPort, media = granted) {
  return puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: [
    ...media, `--host-resolver-rules=MAP *.twilio.com 127.0.0.1:${signallingPort}, MAP app.example 127.0.0.1`, '--ignore-certificate-errors', '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--disable-gpu', '--disable-dev-shm-usage',
    ...process.getuid() === 0 ? ['--no-sandbox'] : []] });
}

// An access token as videoroom makes it, and what signalling makes of one.
const encode = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const hmac = text => crypto.createHmac('sha256', secret).update(text).digest('base64url');
function token(identity, { room = 'RM' + 'a'.repeat(32), ttl = 3600, signature } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'HS256', typ: 'JWT', cty: 'twilio-fpa;v=1' })}.${encode({ grants: { identity, video: { room } }, iat: now, exp: now + ttl })}`;
  return `${text}.${signature ?? hmac(text)}`;
}
let people = 0;
function admit(text) {
  const [head, claims, signature] = text.split('.');
  if (hmac(`${head}.${claims}`) !== signature) return { code: 20107 };
  const { grants, exp } = JSON.parse(Buffer.from(claims, 'base64url'));
  if (exp * 1000 < Date.now()) return { code: 20104 };
  return { sid: 'PA' + String(++people).padStart(32, '0'), identity: grants.identity, room_sid: grants.video.room };
}

// `functions`: of each /rpc/NAME what it answers, [status, body]; what is asked is kept in `asked`.
async function site(functions = {}) {
  const page = files(require.resolve('twilio-video/dist/twilio-video.min.js'));
  const asked = [];
  const server = http.createServer(async (request, response) => {
    if (servePage(page, request, response)) return;
    const name = request.url.replace('/rpc/', '');
    const parts = [];
    for await (const part of request) parts.push(part);
    if (!functions[name]) return response.writeHead(404).end('<h1>Not found</h1>');
    const given = JSON.parse(Buffer.concat(parts));
    asked.push([name, given]);
    const [status, body] = await functions[name](given);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise(listening => server.listen(0, '127.0.0.1', listening));
  return { url: `http://localhost:${server.address().port}`, asked, close: () => { server.closeAllConnections(); server.close(); } };
}

function refusal(status, reason, more = {}) {
  return [status, { code: `PT${status}`, message: reason, details: JSON.stringify({ reason, ...more }), hint: null }];
}

// A tab of somebody's own, and what is seen there.
class Tab {
  static async open(browser, url, { language = 'en', prepare } = {}) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const tab = new Tab();
    Object.assign(tab, { context, page, errors: [] });
    page.on('pageerror', error => tab.errors.push(error.message));
    await page.evaluateOnNewDocument(tag => Object.defineProperty(navigator, 'languages', { get: () => [tag] }), language);
    await prepare?.(page);
    await page.goto(url);
    return tab;
  }

  text(id) { return this.page.$eval(`#${id}`, element => element.textContent); }
  async said() { return [await this.text('status'), await this.text('problem')]; }
  isShown(id) { return this.page.$eval(`#${id}`, element => !element.hidden); }
  press(id) { return this.page.click(`#${id}`); }
  close() { return this.context.close(); }

  // Until the page says so, or the test fails with what it says instead.
  async reads(id, pattern, seconds = 25) {
    try {
      await this.page.waitForFunction((name, source) => new RegExp(source).test(document.getElementById(name).textContent), { timeout: 1000 * seconds, polling: 50 }, id, pattern.source);
    } catch {
      throw new Error(`#${id} does not read ${pattern}; status and problem: ${JSON.stringify(await this.said())}; ${this.errors}`);
    }
    return this;
  }

  async until(what, condition, ...given) {
    try {
      await this.page.waitForFunction(condition, { timeout: 25_000, polling: 50 }, ...given);
    } catch {
      throw new Error(`waited in vain for ${what}; ${JSON.stringify(await this.said())}; ${this.errors}`);
    }
    return this;
  }

  async enter() {
    await this.reads('status', /^(Ready|Bereit)/);
    await this.press('join');
    return this.reads('status', /^(You are in|Du bist)/);
  }
}

module.exports = { admit, certificate, launch, refusal, site, Tab, token };
