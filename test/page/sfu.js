// What forwards the media: a page of the same browser, with a peer connection to each member. Data channels are opened to the others
// under the label of the track; sound and picture are added to the others' connections, which are offered anew.
'use strict';

function inThePage() {
  const peers = new Map();   // by sid: {pc, tracks: what came from there, channels}
  // Or closed meanwhile, of which a connection is told nothing.
  const gathered = pc => new Promise(done => {
    const look = setInterval(() => {
      if (pc.iceGatheringState !== 'complete' && pc.signalingState !== 'closed') return;
      clearInterval(look);
      done();
    }, 10);
  });
  const others = peer => [...peers.values()].filter(other => other !== peer && other.room === peer.room);
  const open = (peer, label) => {
    if (!peer.out.has(label)) peer.out.set(label, peer.pc.createDataChannel(label));
    return peer.out.get(label);
  };
  const send = (channel, data) => channel.readyState === 'open' ? channel.send(data) : channel.addEventListener('open', () => channel.send(data));
  const forward = (to, track) => { if (!to.pc.getSenders().some(sender => sender.track === track)) to.pc.addTrack(track, new MediaStream([track])); };

  // The browser gives what is sent on names of its own; the client goes by those under which it was published.
  const named = pc => pc.localDescription?.sdp.split(/^(?=m=)/m).map(section => {
    const track = pc.getTransceivers().find(({ mid }) => section.includes(`a=mid:${mid}\r`))?.sender.track;
    return track ? section.replace(/^a=msid:(\S+) \S+/m, `a=msid:$1 ${track.id}`) : section;
  }).join('');

  window.join = async (sid, room, sdp) => {
    const pc = new RTCPeerConnection();
    const peer = { pc, room, tracks: [], labels: [], out: new Map() };
    peers.set(sid, peer);
    pc.ontrack = ({ track }) => { peer.tracks.push(track); };
    pc.ondatachannel = ({ channel }) => {
      for (const other of others(peer)) open(other, channel.label);
      channel.onmessage = ({ data }) => { for (const other of others(peer)) send(open(other, channel.label), data); };
      peer.labels.push(channel.label);
    };
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    await gathered(pc);
    return pc.localDescription?.sdp;
  };
  // It offers something else. What it was offered in the same moment is void by that, and is offered again.
  window.change = async (sid, sdp) => {
    const { pc } = peers.get(sid);
    const again = pc.signalingState === 'have-local-offer';
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    await gathered(pc);
    return { answer: named(pc), again };
  };
  // What this one is to get of the others since; null if nothing.
  window.offer = async sid => {
    const peer = peers.get(sid);
    if (!peer) return null;
    peer.late = peer.pc.signalingState !== 'stable';
    if (peer.late) return null;
    for (const other of others(peer)) {
      for (const track of other.tracks) forward(peer, track);
      for (const label of other.labels) open(peer, label);
    }
    await peer.pc.setLocalDescription(await peer.pc.createOffer());
    await gathered(peer.pc);
    return named(peer.pc);
  };
  // Has something come meanwhile that is to be offered, too?
  window.answered = async (sid, sdp) => {
    const peer = peers.get(sid);
    if (peer?.pc.signalingState !== 'have-local-offer') return false;
    await peer.pc.setRemoteDescription({ type: 'answer', sdp });
    return peer.late;
  };
  window.hears = sid => peers.get(sid)?.labels.length > 0;
  window.leave = sid => { peers.get(sid)?.pc.close(); peers.delete(sid); };
}

class Sfu {
  constructor(page) { Object.assign(this, { page, revisions: new Map() }); }

  static async start(browser) {
    const page = await browser.newPage();
    await page.goto('about:blank');
    await page.evaluate(`(${inThePage})()`);
    return new Sfu(page);
  }

  async join(member) {
    const { id, description } = member.offer;
    const sdp = await this.#ask('join', member.me.sid, member.me.room_sid, description.sdp);
    this.revisions.set(member.me.sid, description.revision);
    member.say({ type: 'update', peer_connections: [{ id, description: { type: 'answer', sdp, revision: description.revision } }] });
    for (const other of [member, ...member.others]) await this.#offer(other);
  }

  async #offer(member) {
    const sdp = await this.#ask('offer', member.me.sid);
    if (!sdp) return;
    const revision = this.revisions.get(member.me.sid) + 1;
    this.revisions.set(member.me.sid, revision);
    member.say({ type: 'update', peer_connections: [{ id: member.offer.id, description: { type: 'offer', sdp, revision } }] });
  }

  async hear(member, { description }) {
    if (description?.type === 'offer') {
      const { answer: sdp, again } = await this.#ask('change', member.me.sid, description.sdp) ?? {};
      this.revisions.set(member.me.sid, description.revision);
      member.say({ type: 'update', peer_connections: [{ id: member.offer.id, description: { type: 'answer', sdp, revision: description.revision } }] });
      for (const other of again ? [member, ...member.others] : member.others) await this.#offer(other);
    } else if (description && await this.#ask('answered', member.me.sid, description.sdp)) {
      await this.#offer(member);
    }
  }

  // Until the data channel of this one is open.
  hears(member) { return this.page.waitForFunction(sid => window.hears(sid), { polling: 50 }, member.me.sid); }

  leave(sid) { return this.#ask('leave', sid); }

  // Nothing where the browser, or somebody's connection, is closed meanwhile.
  async #ask(what, ...given) {
    try {
      return await this.page.evaluate((name, values) => window[name](...values), what, given);
    } catch (error) {
      if (this.page.browser().connected && !/closed|destroyed/.test(error.message)) throw error;
      return null;
    }
  }
}

module.exports = { Sfu };
