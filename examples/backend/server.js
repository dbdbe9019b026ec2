// A backend to copy: signs people in, books, joins and cancels for them, serves the room page, and takes Twilio's callbacks. libpq's
// variables say where the database is; the role needs the parts scheduler, backend and relay. Besides:
//   PORT             8080 if it is not set; 0: a free one
//   SESSION_SECRET   what cookies are signed with
//   INSECURE_COOKIE  set: cookies also go over plain http, to try it on one's own machine
// People are rows of account.sql. Hosts may book, cancel, end and put out, whatever the room: whose is which, your own tables know.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const { promisify } = require('node:util');
const { Pool } = require('pg');
const { files, servePage } = require('./page');

const secret = process.env.SESSION_SECRET || crypto.randomBytes(32);
const page = files(require.resolve('twilio-video/dist/twilio-video.min.js'));
const pool = new Pool({ max: 10, statement_timeout: 8_000, idleTimeoutMillis: 30_000, connectionTimeoutMillis: 5_000 });
pool.on('error', error => console.error(error.message));

class Answer extends Error {
  constructor(status, code, message) { super(message); Object.assign(this, { status, code }); }
}

async function body(request, most) {
  if (!(request.headers['content-length'] <= most)) {
    request.resume();   // else the answer is lost with the connection
    throw new Answer(413, 'too-large', `the body must say its length, ${most} bytes at most`);
  }
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function json(request) {
  if (!/^application\/json\b/.test(request.headers['content-type'])) throw new Answer(415, 'not-json', 'the body must be JSON');
  let value = null;
  try { value = JSON.parse(await body(request, 100_000)); } catch (error) { if (error instanceof Answer) throw error; }
  if (typeof value !== 'object' || !value) throw new Answer(400, 'not-json', 'the body must be a JSON object');
  return value;
}

// --- who is it

const sign = text => crypto.createHmac('sha256', secret).update(text).digest('base64url');
const same = (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b);
function cookie(user, seconds) {
  const value = `${Buffer.from(user).toString('base64url')}.${Math.floor(Date.now() / 1000) + seconds}`;
  return `session=${value}.${sign(value)}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${process.env.INSECURE_COOKIE ? '' : '; Secure'}`;
}

function signedIn(request) {
  const [, value, user, until, signature] = /(?:^|; )session=(([\w-]+)\.(\d+))\.([\w-]+)(?:;|$)/.exec(request.headers.cookie ?? '') ?? [];
  if (!value || !same(Buffer.from(signature), Buffer.from(sign(value))) || until < Date.now() / 1000) {
    throw new Answer(401, 'no-session', 'sign in first');
  }
  return Buffer.from(user, 'base64url').toString();
}

async function login({ user, password }) {
  const { rows: [found] } = await pool.query('SELECT user_id, salt, hash FROM account WHERE user_id = $1', [String(user)]);
  const given = await promisify(crypto.scrypt)(String(password), found?.salt ?? 'nobody', 32);
  if (!found || !same(given, found.hash)) throw new Answer(401, 'no-account', 'no such user and password');
  return cookie(found.user_id, 86_400);
}

// --- what they may: of each function who, and its call

const sql = (text, ...values) => pool.query(text, values).then(({ rows }) => rows[0] ?? null);
const functions = {
  async videoroom_join({ user_id, host }, { room_id }) {
    return { ...await sql('SELECT * FROM videoroom_join($1, $2)', room_id, user_id), may: host ? ['end', 'remove'] : [] };
  },
};
const hosts = {
  videoroom_create_booking: (_, { booking_id, starts_at, ends_at, participants, options }) =>
    sql('SELECT videoroom_create_booking($1, $2, $3, $4, $5) AS room_id', booking_id, starts_at, ends_at, participants, options ?? {})
      .then(({ room_id }) => room_id),
  videoroom_cancel: (_, { booking_id, reason }) => sql('SELECT videoroom_cancel($1, $2)', booking_id, reason ?? ''),
  videoroom_end: (_, { room_id }) => sql('SELECT videoroom_end($1)', room_id),
  videoroom_remove_participant: (_, { room_id, user_id }) => sql('SELECT videoroom_remove_participant($1, $2)', room_id, user_id),
};

async function call(name, request) {
  const account = await sql('SELECT user_id, host FROM account WHERE user_id = $1', signedIn(request));
  if (!account) throw new Answer(401, 'no-session', 'sign in first');
  const given = await json(request);
  if (Object.hasOwn(functions, name)) return functions[name](account, given);
  if (!Object.hasOwn(hosts, name)) throw new Answer(404, 'no-function', `there is no function ${name}`);
  if (!account.host) throw new Answer(403, 'not-host', 'only hosts may do that');
  return hosts[name](account, given);
}

async function serve(request, response) {
  if (servePage(page, request, response)) return;
  const reply = (status, value, headers) =>
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers }).end(JSON.stringify(value));
  const [pathname] = request.url.split('?');
  if (request.method !== 'POST') throw new Answer(pathname.startsWith('/rpc/') ? 405 : 404, 'not-found', 'not found');
  if (pathname === '/login') return reply(200, {}, { 'Set-Cookie': await login(await json(request)) });
  if (pathname === '/logout') return reply(200, {}, { 'Set-Cookie': cookie('', 0) });
  if (pathname === '/twilio') {
    const callback = [await body(request, 65_536), request.headers['x-twilio-signature'] ?? ''];
    await pool.query('INSERT INTO videoroom.callback (body, signature) VALUES ($1, $2)', callback);
    return response.writeHead(204).end();
  }
  return reply(200, await call(pathname.replace(/^\/rpc\//, ''), request));
}

// SQLSTATE PTnnn is HTTP status nnn, as PostgREST has it. What else the database says is for the log.
function refuse(error, response) {
  const status = error.status ?? (/^PT\d{3}$/.test(error.code) ? Number(error.code.slice(2)) : error.code?.startsWith('22') ? 400 : 503);
  if (status === 503 && error.code !== 'PT503') console.error(error.message);
  const said = status !== 503 || error.code === 'PT503' ? { message: error.message, details: error.detail ?? null } : { message: 'not now', details: null };
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: error.code ?? '', ...said }));
}

http.createServer((request, response) => serve(request, response).catch(error => refuse(error, response)))
  .listen(process.env.PORT ?? 8080, '127.0.0.1', function listening() { console.log(`listening on 127.0.0.1:${this.address().port}`); });
