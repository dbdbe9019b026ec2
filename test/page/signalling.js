// Twilio Video's signalling, as the client SDK speaks it: frames hello, welcome, msg and heartbeat; in them connect, connected, update,
// disconnect and error. Rooms are kept here; `admit` says who may come in: given a token, it gives {sid, identity, room_sid}, or {code}.
// Media go through an SFU, if there is one: see sfu.js.
'use strict';
const https = require('node:https');
const { WebSocketServer } = require('ws');

let named = 0;
const sid = () => 'MT' + String(++named).padStart(32, '0');

class Member {
  constructor(signalling, socket, me, tracks, offer) {
    Object.assign(this, { signalling, socket, me, offer, revision: 1, heard: 1, tracks: [] });
    this.publish(tracks);
  }

  publish(tracks) {
    const known = new Map(this.tracks.map(track => [track.id, track.sid]));
    this.tracks = tracks.map(({ id, kind, name, enabled = true }) => ({ id, kind, name, enabled, priority: 'standard', sid: known.get(id) ?? sid() }));
  }

  say(body) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify({ type: 'msg', body: { version: 2, ...body } }));
  }

  get others() { return this.signalling.members.filter(other => other !== this && other.me.room_sid === this.me.room_sid); }

  shown(state = 'connected') {
    return { sid: this.me.sid, identity: this.me.identity, revision: this.revision, state, tracks: state === 'connected' ? this.tracks : [] };
  }

  published() {
    return { revision: this.revision, tracks: this.tracks.map(({ id, sid }) => ({ id, sid, state: 'ready' })) };
  }

  // Of all the others' tracks that the SFU brings here.
  subscribed() {
    const tracks = this.signalling.sfu ? this.others.flatMap(other => other.tracks) : [];
    return { revision: ++this.heard, tracks: tracks.map(({ id, sid }) => ({ id, sid, state: 'ready' })) };
  }
}

class Signalling {
  constructor({ key, cert, admit, left }) {
    Object.assign(this, { admit, left, sfu: null, members: [], sockets: new Set(), refuseSync: 0, deaf: false });
    this.server = https.createServer({ key, cert });
    new WebSocketServer({ server: this.server }).on('connection', (socket, request) => this.#accept(socket, request));
  }

  async listen() {
    await new Promise(listening => this.server.listen(0, '127.0.0.1', listening));
    return this.server.address().port;
  }

  close() {
    for (const socket of this.sockets) socket.terminate();
    this.server.close();
  }

  // Everybody's connection breaks; their session lasts.
  cut() { for (const socket of this.sockets) socket.close(1011, 'gone'); }

  member(identity) { return this.members.find(member => member.me.identity === identity); }

  // Puts somebody out: with a code, with a status, or, as by the REST API, with nothing.
  putOut(identity, { code, status } = {}) {
    const member = this.member(identity);
    this.#remove(member);
    member.say(code ? { type: 'error', code, message: 'put out' } : { type: 'disconnected', status });
  }

  // Everybody is forgotten.
  async clear() {
    await Promise.all(this.members.splice(0).map(member => this.sfu?.leave(member.me.sid)));
  }

  #remove(member) {
    if (!this.members.includes(member)) return;
    this.members = this.members.filter(other => other !== member);
    member.revision++;
    for (const other of member.others) other.say({ type: 'update', participants: [member.shown('disconnected')], subscribed: other.subscribed() });
    this.sfu?.leave(member.me.sid);
  }

  #accept(socket, request) {
    this.sockets.add(socket);
    const answer = frame => socket.send(JSON.stringify(frame));
    const say = body => answer({ type: 'msg', body: { version: 2, ...body } });
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('message', async data => {
      const frame = JSON.parse(data);
      if (!request.url.startsWith('/signaling')) return frame.type === 'connect' && answer({ type: 'connected', session: 'insights', version: 1 });
      if (this.deaf) return undefined;
      if (frame.type === 'heartbeat') return answer({ type: 'heartbeat' });
      const { body = {} } = frame;
      const member = this.members.find(known => known.socket === socket);
      if (frame.type === 'hello') {
        answer({ type: 'welcome', negotiatedTimeout: frame.timeout });
        if (body.type === 'ice') return say({ type: 'iced', version: 1, ice_servers: [] });
        if (body.type === 'sync') this.#sync(socket, body, say);
      } else if (body.type === 'connect') {
        await this.#connect(socket, body, say);
      } else if (body.type === 'disconnect' && member) {
        const { me } = member;
        this.#remove(member);
        await this.left?.(me);
      } else if (body.type === 'update' && member) {
        await this.#update(member, body);
      }
      return undefined;
    });
  }

  async #connect(socket, body, say) {
    const me = await this.admit(body.token);
    if (me.code) return say({ type: 'error', code: me.code, message: 'refused' });
    const same = this.members.find(member => member.me.identity === me.identity && member.me.room_sid === me.room_sid);
    if (same) this.putOut(me.identity, { code: 53205 });
    const member = new Member(this, socket, me, body.participant.tracks, body.peer_connections?.[0]);
    this.members.push(member);
    say({
      type: 'connected', session: me.sid, sid: me.room_sid, name: me.room_sid, participant: member.shown(), participants: member.others.map(other => other.shown()),
      published: member.published(), subscribed: member.subscribed(), recording: { is_recording: false, enabled: false, revision: 1 },
      peer_connections: [], options: { session_timeout: 30, signaling_region: 'us1', media_region: 'de1' } });
    for (const other of member.others) other.say({ type: 'update', participants: [member.shown()], subscribed: other.subscribed() });
    return this.sfu?.join(member);
  }

  #sync(socket, body, say) {
    const member = this.members.find(known => known.me.sid === body.session);
    if (this.refuseSync || !member) return say({ type: 'error', code: this.refuseSync || 53001, message: 'refused' });
    member.socket = socket;
    member.revision++;
    say({ type: 'synced', session: body.session, sid: member.me.room_sid, name: member.me.room_sid, participant: member.shown(), participants: member.others.map(other => other.shown()), peer_connections: [] });
    return undefined;
  }

  // Tracks that are published, withdrawn, muted; and what the SFU's peer has to say.
  async #update(member, body) {
    if (body.participant?.tracks) {
      member.publish(body.participant.tracks);
      member.revision++;
      member.say({ type: 'update', published: member.published() });
      for (const other of member.others) other.say({ type: 'update', participants: [member.shown()], subscribed: other.subscribed() });
    }
    if (body.peer_connections) await this.sfu?.hear(member, body.peer_connections[0]);
  }
}

module.exports = { Signalling };
