// From a booking to a call, with nothing left out but Twilio: SQL, the worker, the backend to copy, the room page in a browser, callbacks,
// rows. PGHOST is a server with the library preloaded, SIMULATOR the simulator's program.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { Client } = require('pg');
const { Bridge } = require('./bridge');
const { Sfu } = require('./sfu');
const { certificate, launch, Tab } = require('./world');

const examples = path.join(__dirname, '..', '..', 'examples');
const programs = [];
let database, simulator, backend, twilio, browser, told;

// Its address, once it says where it listens.
async function start(program, args, env = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  programs.push(child);
  const [, address] = await new Promise((said, failed) => {
    child.stdout.on('data', data => { const found = /listening on (?:http:\/\/)?(\S+)/.exec(data); if (found) said(found); });
    child.on('exit', code => failed(new Error(`${program} ended with ${code}`)));
  });
  return `http://${address}`;
}

const query = async (text, ...values) => (await database.query({ text, values, rowMode: 'array' })).rows;
async function until(what, condition) {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const value = await condition();
    if (value) return value;
    await new Promise(done => setTimeout(done, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

before(async () => {
  database = new Client({ database: 'postgres', user: 'postgres' });
  await database.connect();
  simulator = await start(process.env.SIMULATOR, ['--port', '0']);
  await query('CREATE EXTENSION videoroom');
  await query('CREATE ROLE backend LOGIN');
  for (const part of ['scheduler', 'backend', 'relay']) await query('SELECT videoroom_grant($1, $2)', 'backend', part);
  await query(fs.readFileSync(path.join(examples, 'backend', 'account.sql'), 'utf8'));
  await query('GRANT SELECT ON account TO backend');
  for (const [user, host] of [['doctor-7', true], ['patient-19', false], ['stranger', false]]) {
    await query('INSERT INTO account VALUES ($1, $2, $3, $4)', user, user, crypto.scryptSync(`${user}'s password`, user, 32), host);
  }
  backend = (await start(process.execPath, [path.join(examples, 'backend', 'server.js')], {
    PGUSER: 'backend', PGDATABASE: 'postgres', PORT: '0', SESSION_SECRET: 'a secret', INSECURE_COOKIE: '1' })).replace('127.0.0.1', 'localhost');
  const settings = { api_url: simulator, callback_url: `${backend.replace('localhost', '127.0.0.1')}/twilio`, link_template: `${backend}/room/{room_id}#token={token}` };
  for (const [name, value] of Object.entries(settings)) await query(`ALTER SYSTEM SET videoroom.${name} = '${value}'`);
  await query('SELECT pg_reload_conf()');
  await until('the settings', async () => (await query('SHOW videoroom.link_template'))[0][0] === settings.link_template);

  twilio = new Bridge(simulator, certificate());
  browser = await launch(await twilio.listen());
  twilio.sfu = await Sfu.start(browser);
  told = twilio.tellMembers().catch(error => error);
});
after(async () => {
  await browser?.close();
  twilio?.close();
  for (const program of programs) program.kill();
  await database?.end();
  assert.match((await told).message, /fetch failed|terminated/);   // because the simulator is gone, and for nothing else
});

async function post(name, body, { cookie, headers, raw } = {}) {
  const answer = await fetch(`${backend}/${name}`, { method: 'POST', body: raw ?? JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...cookie ? { Cookie: cookie } : {}, ...headers } });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text), cookie: answer.headers.get('set-cookie')?.split(';')[0] };
}
const signIn = async user => (await post('login', { user, password: `${user}'s password` })).cookie;

const hours = count => new Date(Date.now() + count * 3_600_000).toISOString();
let bookings = 0;
async function book(participants = ['doctor-7', 'patient-19'], starts_at = hours(0.01), ends_at = hours(1)) {
  const booking_id = `visit-${++bookings}`;
  const { status, body } = await post('rpc/videoroom_create_booking', { booking_id, starts_at, ends_at, participants }, { cookie: await signIn('doctor-7') });
  assert.equal(status, 200);
  return { booking_id, room: body };
}

// A tab of somebody who has signed in, at an address.
async function visit(user, address) {
  const cookie = user && await signIn(user);
  return Tab.open(browser, address.startsWith('http') ? address : backend + address, { prepare: async page => {
    if (cookie) await page.browserContext().setCookie({ name: 'session', value: cookie.slice('session='.length), domain: 'localhost', path: '/', httpOnly: true, sameSite: 'Strict' });
  } });
}
const enter = async (user, room) => (await visit(user, `/room/${room}`)).enter();
const person = async (room, user) => (await query('SELECT status FROM videoroom_participants WHERE room_id = $1 AND user_id = $2', room, user))[0]?.[0];
const status = async room => (await query('SELECT status, connected::int, final FROM videoroom_rooms WHERE room_id = $1', room))[0];

describe('from a booking to a call', { timeout: 300_000 }, () => {
  it('two people who are invited meet, whom nobody else gets to', async () => {
    const { room } = await book();
    const doctor = await enter('doctor-7', room);
    const patient = await enter('patient-19', room);
    await doctor.reads('status', /with one other person/);
    await until('both in the rows', async () => (await status(room))[1] === 2);
    assert.equal(await patient.isShown('end'), false);

    const stranger = await visit('stranger', `/room/${room}`);
    await stranger.reads('problem', /^You are not invited to this room\.$/);
    const nobody = await visit(null, `/room/${room}`);
    await nobody.reads('problem', /^Sign in first\.$/);
    const lost = await visit('patient-19', '/room/nosuchroom');
    await lost.reads('problem', /^There is no such room\.$/);

    await patient.press('leave');
    await until('the rows to say so', async () => await person(room, 'patient-19') === 'disconnected');
    await patient.press('join');
    await patient.reads('status', /with one other person/);
    await until('both again', async () => (await status(room))[1] === 2);
    for (const tab of [doctor, patient, stranger, nobody, lost]) await tab.close();
  });

  it('who comes early is told when the room opens', async () => {
    const { room } = await book(undefined, hours(2), hours(3));
    const tab = await visit('patient-19', `/room/${room}`);
    await tab.reads('status', /^The room opens at /);
    await tab.reads('timer', /^In 01:4\d:\d\d$/);
    await tab.close();
  });

  it('a link with a token needs no signing in', async () => {
    const { room } = await book();
    const link = await until('the room', () => query('SELECT link FROM videoroom_join($1, $2)', room, 'patient-19').then(rows => rows[0][0], () => null));
    const tab = await visit(null, link);
    await tab.enter();
    await until('them in the rows', async () => await person(room, 'patient-19') === 'connected');
    await tab.press('leave');
    await tab.reads('status', /^You have left/);
    await tab.press('join');
    await tab.reads('status', /^You are in/);
    await tab.close();
    await until('them to be out', async () => await person(room, 'patient-19') === 'disconnected');
  });

  it('a host puts somebody out, who is told, and refused from then on', async () => {
    const { room } = await book();
    const doctor = await enter('doctor-7', room);
    const patient = await enter('patient-19', room);
    doctor.page.on('dialog', dialog => dialog.accept());
    await doctor.page.waitForSelector('#people button');
    await doctor.page.click('#people button');
    await patient.reads('problem', /^You were taken out of the room\.$/);
    await until('the rows to say so', async () => await person(room, 'patient-19') === 'removed');
    await patient.press('join');
    await patient.reads('problem', /^You were taken out of this room\.$/);
    await doctor.reads('status', /alone so far/);
    for (const tab of [doctor, patient]) await tab.close();
  });

  it('a host ends it for all', async () => {
    const { room } = await book();
    const doctor = await enter('doctor-7', room);
    const patient = await enter('patient-19', room);
    doctor.page.on('dialog', dialog => dialog.accept());
    await doctor.press('end');
    for (const tab of [doctor, patient]) await tab.reads('problem', /^The room was closed\. \(53118\)$/);
    await until('the rows to be final', async () => (await status(room)).join() === 'completed,0,true');
    await patient.press('join');
    await patient.reads('problem', /^This room is over\.$/);
    for (const tab of [doctor, patient]) await tab.close();
  });

  it('a booking that is cancelled ends the call', async () => {
    const { booking_id, room } = await book();
    const patient = await enter('patient-19', room);
    assert.equal((await post('rpc/videoroom_cancel', { booking_id, reason: 'the doctor is ill' }, { cookie: await signIn('doctor-7') })).status, 200);
    await patient.reads('problem', /^The room was closed/);
    await patient.press('join');
    await patient.reads('problem', /^The booking was cancelled\.$/);
    await patient.close();
  });

  it('while Twilio is down, who comes waits, and is let in after it', async () => {
    await twilio.sim('POST', 'faults', { match: { method: 'POST', path: '^/v1/' }, status: 503, count: -1 });
    const { room } = await book();
    const tab = await visit('patient-19', `/room/${room}`);
    await tab.reads('status', /^Not yet\. Trying again…$/);
    assert.notEqual(await tab.text('problem'), '');
    await twilio.sim('DELETE', 'faults');
    await tab.enter();
    await tab.close();
  });
});

describe('the backend', { timeout: 60_000 }, () => {
  it('asks who it is', async () => {
    const { room } = await book();
    const join = options => post('rpc/videoroom_join', { room_id: room }, options).then(answer => answer.status);
    const patient = await signIn('patient-19');
    assert.equal(await join(), 401);
    assert.equal(await join({ cookie: patient.replace(/.$/, letter => letter === 'A' ? 'B' : 'A') }), 401);
    assert.equal(await join({ cookie: patient.replace(/\.\d+\./, `.${Math.floor(Date.now() / 1000) + 9_999_999}.`) }), 401);
    assert.equal(await join({ cookie: await signIn('stranger') }), 403);
    assert.equal((await post('login', { user: 'patient-19', password: 'guess' })).status, 401);
    assert.equal((await post('login', { user: 'nobody', password: 'guess' })).status, 401);
    assert.equal((await post('login', ['patient-19'])).status, 401);
  });

  it('gives a cookie that scripts, other sites and plain http do not get, and takes it back', async () => {
    const attributes = async options => (await fetch(`${backend}/${options.path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(options.body ?? {}) })).headers.get('set-cookie').split('; ').slice(1);
    assert.deepEqual(await attributes({ path: 'login', body: { user: 'stranger', password: "stranger's password" } }), ['Path=/', 'Max-Age=86400', 'HttpOnly', 'SameSite=Strict']);
    assert.deepEqual(await attributes({ path: 'logout' }), ['Path=/', 'Max-Age=0', 'HttpOnly', 'SameSite=Strict']);
  });

  it('knows a person by the name in its table, and no longer than that is there', async () => {
    for (const [user, host] of [['1', true], ['49', false]]) await query('INSERT INTO account VALUES ($1, $2, $3, $4)', user, user, crypto.scryptSync(`${user}'s password`, user, 32), host);
    const { cookie } = await post('login', { user: [49], password: "49's password" });
    assert.equal((await post('rpc/videoroom_end', { room_id: 'x' }, { cookie })).status, 403);
    await query("DELETE FROM account WHERE user_id = '49'");
    assert.equal((await post('rpc/videoroom_end', { room_id: 'x' }, { cookie })).status, 401);
  });

  it('lets only hosts book, cancel, end and put out', async () => {
    const { booking_id, room } = await book();
    const cookie = await signIn('patient-19');
    for (const [name, given] of [
      ['videoroom_create_booking', { booking_id: 'mine', starts_at: hours(1), ends_at: hours(2), participants: ['patient-19'] }], ['videoroom_cancel', { booking_id }],
      ['videoroom_end', { room_id: room }], ['videoroom_remove_participant', { room_id: room, user_id: 'doctor-7' }]]) {
      assert.equal((await post(`rpc/${name}`, given, { cookie })).status, 403, name);
    }
  });

  it('answers what it does not understand with what is wrong', async () => {
    const cookie = await signIn('doctor-7');
    const status = (name, options) => post(name, {}, { cookie, ...options }).then(answer => answer.status);
    assert.equal(await status('rpc/videoroom_join', { raw: '{' }), 400);
    assert.equal(await status('rpc/videoroom_join', { raw: 'null' }), 400);
    assert.equal(await status('rpc/videoroom_join', { headers: { 'Content-Type': 'text/plain' } }), 415);
    assert.equal(await status('rpc/videoroom_join', { raw: `{"room_id": "${'x'.repeat(200_000)}"}` }), 413);
    assert.equal(await status('rpc/videoroom_create_booking', { raw: '{"booking_id": "b", "starts_at": "soon"}' }), 400);
    assert.equal(await status('rpc/constructor'), 404);
    assert.equal(await status('elsewhere'), 404);
    assert.equal((await fetch(`${backend}/rpc/videoroom_join`)).status, 405);
    assert.equal((await fetch(`${backend}/server.js`)).status, 404);
    assert.equal((await fetch(`${backend}/room/../server.js`)).status, 404);
  });

  it('takes no callback that Twilio did not sign', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal((await post('twilio', null, { raw: 'RoomName=a', headers: { ...form, 'X-Twilio-Signature': 'x'.repeat(28) } })).status, 403);
    assert.equal((await post('twilio', null, { raw: 'RoomName=a', headers: form })).status, 403);
    assert.equal((await post('twilio', null, { raw: 'x'.repeat(70_000), headers: form })).status, 413);
  });
});
