// Signalling on top of the simulator: who may come in, it says; and what the REST API does to people there, they are told here.
'use strict';
const { Signalling } = require('./signalling');

class Bridge extends Signalling {
  constructor(simulator, certificate) {
    super({ ...certificate,
      admit: async token => (await this.sim('POST', 'connect', { token })).body,
      left: me => this.sim('POST', 'disconnect', { participant_sid: me.sid }) });
    this.simulator = simulator;
  }

  async sim(method, name, body) {
    const answer = await fetch(`${this.simulator}/sim/${name}`, { method, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { ok: answer.ok, body: text ? JSON.parse(text) : null };
  }

  // Until the simulator is gone.
  async tellMembers() {
    for (;; await new Promise(done => setTimeout(done, 100))) {
      await this.sim('GET', 'health');
      for (const member of [...this.members]) {
        const { body: [room] } = await this.sim('GET', `rooms?room=${member.me.room_sid}`);
        if (room.status === 'completed') this.putOut(member.me.identity, { status: 'completed' });
        else if (room.participants.find(({ sid }) => sid === member.me.sid).status === 'disconnected') this.putOut(member.me.identity);
      }
    }
  }
}

module.exports = { Bridge };
