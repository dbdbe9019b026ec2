// Who is in the call, each with a tile: their pictures, whether their microphone is on, and for whoever may, a button that puts them out.
import { text } from './texts.js';

// `putOut`: given somebody's identity; null where this person may put nobody out.
export class People {
  constructor(list, putOut) {
    Object.assign(this, { list, putOut, tiles: new Map() });
  }

  add(participant, isMe) {
    const tile = document.createElement('li');
    const name = document.createElement('span');
    const state = document.createElement('span');
    const about = document.createElement('div');
    name.textContent = isMe ? text('you') : participant.identity;
    about.className = 'about';
    about.append(name, state);
    if (this.putOut && !isMe) about.append(this.#button(participant));
    tile.append(about);
    this.list.append(tile);
    this.tiles.set(participant.sid, { tile, state, name: name.textContent });

    for (const publication of participant.tracks.values()) {
      if (publication.track) this.attach(participant, publication.track, isMe);
    }
    this.#microphone(participant, { kind: 'audio' });
    participant.on('trackSubscribed', track => this.attach(participant, track, isMe));
    participant.on('trackUnsubscribed', detach);
    for (const event of ['trackDisabled', 'trackEnabled', 'trackPublished', 'trackUnpublished']) {
      participant.on(event, given => this.#microphone(participant, given));
    }
  }

  // Nobody wants to hear themselves; what is no sound or picture is the chat's.
  attach(participant, track, isMe) {
    if (!track.attach || (isMe && track.kind === 'audio')) return;
    const tile = this.tiles.get(participant.sid);
    const element = track.attach();
    element.playsInline = true;
    if (track.kind === 'video') {
      element.setAttribute('aria-label', track.name === 'screen' ? text('theirScreen', { who: tile.name }) : tile.name);
    }
    tile?.tile.append(element);
  }

  remove(participant) {
    const tile = this.tiles.get(participant.sid)?.tile;
    if (tile?.contains(document.activeElement)) document.getElementById('people-title').focus();
    tile?.remove();
    this.tiles.delete(participant.sid);
  }

  clear() {
    this.list.replaceChildren();
    this.tiles.clear();
  }

  #microphone(participant, changed) {
    if (changed.kind !== 'audio') return;
    const on = [...participant.audioTracks.values()].some(publication => publication.isTrackEnabled);
    this.tiles.get(participant.sid).state.textContent = on ? '' : text('micOff');
  }

  #button(participant) {
    const button = document.createElement('button');
    button.textContent = text('putOut');
    button.setAttribute('aria-label', `${text('putOut')}: ${participant.identity}`);
    button.onclick = () => this.putOut(participant.identity);
    return button;
  }
}

export function detach(track) {
  track.detach?.().forEach(element => element.remove());
}
