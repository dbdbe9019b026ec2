// The room page: gets a token, from the link or from the backend, and takes part in the call.
import { ask } from './backend.js';
import { expiry, kept } from './link.js';
import { detach, People } from './people.js';
import { language, problem, reason, text } from './texts.js';

const $ = id => document.getElementById(id);
const roomId = location.pathname.split('/').pop();
const inCall = ['microphone', 'camera', 'screen', 'leave', 'end', 'call'];
const waitSeconds = 3;

let room = null;       // while in the call
let connecting = null; // the promise of it
let leaving = false;
let tracks = [];       // ours
let picking = false;   // which screen to share
let shared = null;     // our screen, while it is shared
let data = null;       // the chat
let people = null;
let may = [];          // what the backend lets this person do besides
let timer = null;      // until the backend is asked again
let token = null;      // the backend's; a link's is kept by link.js
let spent = null;      // why the token is good for nothing any more

function say(status, trouble = '') {
  for (const [id, words] of [['status', status], ['problem', trouble]]) if ($(id).textContent !== words) $(id).textContent = words;
}

// The button that leads in, or none.
function offer(key) {
  if (key) $('join').textContent = text(key);
  $('join').hidden = !key;
  $('join').disabled = false;
}

// --- getting a token

function stopWaiting() {
  clearTimeout(timer);
  $('timer').hidden = true;
}

function later(seconds, what) {
  stopWaiting();
  timer = setTimeout(what, seconds * 1000);
}

// Counts down to when the room opens, by the second; a screen reader is told once. The backend, whose clock it is, is asked once a minute.
function countDown(opensAt, since = Date.now()) {
  const left = Math.ceil((opensAt - Date.now()) / 1000);
  if (left <= 0 || Date.now() >= since + 60_000) return obtain();
  later(1, () => countDown(opensAt, since));
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  $('timer').textContent = text('opensIn', { left: parts.map(part => String(part).padStart(2, '0')).join(':') });
  $('timer').hidden = false;
}

function refused(error) {
  if (error.reason === 'not-open' && Date.parse(error.opensAt)) {
    const opensAt = new Date(error.opensAt);
    say(text('opens', { time: opensAt.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' }) }));
    return opensAt > Date.now() ? countDown(opensAt) : later(waitSeconds, obtain);
  }
  if (error.status === 503) {
    say(text('trying'), reason(error));
    return later(waitSeconds, obtain);
  }
  if (!(error.status < 500) || error.status === 429) {
    say(text('trying'), text('unreachable'));
    return later(waitSeconds, obtain);
  }
  say(text('out'), reason(error));
  if (error.reason !== 'no-backend') again();
}

// A fresh token from the backend, however long that takes; then `whenReady`.
let whenReady = ready;
let asking = 0;        // the number of the last time; what an earlier one is answered, nobody waits for
async function obtain() {
  stopWaiting();
  const mine = ++asking;
  try {
    const answer = await ask('videoroom_join', { room_id: roomId });
    if (mine !== asking) return;
    may = answer.may ?? [];
    token = answer.token;
    spent = null;
    whenReady();
  } catch (error) {
    if (mine !== asking) return;
    if ((error.reason !== 'no-backend' && error.status !== 401) || !kept()) return refused(error);
    // A link is all there is.
    if (isGood(kept()) && !spent) return whenReady();
    say(text('out'), spent ?? problem({ code: expiry(kept()) ? 20104 : 20101 }).words);
    offer('');
  }
}

function isGood(token) {
  return token && expiry(token) > Date.now();
}

function ready() {
  say(text('ready'));
  offer('join');
  $('join').focus();
}

// --- in the call

const deviceTroubles = { NotAllowedError: 'deviceForbidden', NotFoundError: 'deviceMissing', NotReadableError: 'deviceBusy' };

// Each by itself: a camera that is missing takes no microphone along.
async function devices() {
  const missing = [];
  for (const [name, make] of [['microphone', Twilio.Video.createLocalAudioTrack], ['camera', Twilio.Video.createLocalVideoTrack]]) {
    try {
      const track = await make({ name });
      tracks.push(track);
      track.once('stopped', () => lost(track, name));
    } catch (error) {
      missing.push(text('noDevice', { device: text(name), why: text(deviceTroubles[error.name] ?? 'deviceOdd') }));
    }
  }
  return missing.join(' ');
}

// A device that was pulled out, or taken back.
function lost(track, name) {
  if (!room || !tracks.includes(track)) return;
  tracks = tracks.filter(other => other !== track);
  room.localParticipant.unpublishTrack(track);
  detach(track);
  $(name).hidden = true;
  say($('status').textContent, `${$('problem').textContent} ${text('noDevice', { device: text(name), why: text('deviceOdd') })}`.trim());
}

function count() {
  const others = room.participants.size;
  say(text(others === 0 ? 'alone' : others === 1 ? 'withOne' : 'withMany', { count: others }), $('problem').textContent);
}

function greet(participant) {
  people.add(participant, false);
  participant.on('trackSubscribed', track => {
    if (track.kind === 'data') track.on('message', message => show(participant.identity, message));
  });
}

async function join() {
  whenReady = ready;
  leaving = false;
  $('join').disabled = true;
  $('leave').hidden = false;
  say(text('joining'));
  const missing = await devices();
  if (leaving) return gone();
  data = new Twilio.Video.LocalDataTrack({ name: 'chat' });
  try {
    connecting = Twilio.Video.connect(token ?? kept(), { tracks: [...tracks, data], bandwidthProfile: { video: { mode: 'collaboration' } } });
    room = await connecting;
  } catch (error) {
    return gone(leaving ? null : error);
  }
  room.once('disconnected', (_, error) => gone(error));
  if (leaving) return room.disconnect();
  people = new People($('people'), may.includes('remove') ? putOut : null);
  people.add(room.localParticipant, true);
  room.participants.forEach(greet);
  room.on('participantConnected', participant => { greet(participant); count(); });
  room.on('participantDisconnected', participant => { people.remove(participant); count(); });
  room.on('reconnecting', () => say(text('reconnecting'), $('problem').textContent));
  room.on('reconnected', count);
  showButtons();
  say('', missing);
  count();
}

function showButtons() {
  offer('');
  const have = new Set(['leave', 'call', ...tracks.map(track => track.kind === 'audio' ? 'microphone' : 'camera')]);
  if (navigator.mediaDevices?.getDisplayMedia) have.add('screen');
  if (may.includes('end')) have.add('end');
  for (const id of inCall) $(id).hidden = !have.has(id);
  for (const id of ['microphone', 'camera']) $(id).setAttribute('aria-pressed', 'true');
  $('people-title').focus();
}

function cleanUp() {
  stopSharing();
  for (const track of tracks.splice(0)) {
    track.stop();
    detach(track);
  }
  people?.clear();
  $('messages').replaceChildren();
  for (const id of inCall) $(id).hidden = true;
  room = connecting = people = data = null;
}

// Whoever is put out by the REST API is given no error: only who pressed Leave has left.
function gone(error) {
  cleanUp();
  if (error) return refuse(error);
  if (!leaving) spent = text('putOutYou');
  say(text(leaving ? 'left' : 'out'), leaving ? '' : spent);
  again();
}

function refuse(error) {
  const { words, final } = problem(error);
  if (final) spent = words;
  say(text('out'), words);
  again();
}

// Another try begins with another token, where there is a backend that gives one.
function again() {
  offer('joinAgain');
  $('join').focus();
  $('join').onclick = rejoin;
}

function rejoin() {
  if (!token && isGood(kept()) && !spent) return join();
  $('join').disabled = true;
  whenReady = join;
  say(text('asking'));
  obtain();
}

// --- what people do there

function toggle(id, kind) {
  $(id).onclick = () => {
    const on = $(id).getAttribute('aria-pressed') !== 'true';
    $(id).setAttribute('aria-pressed', String(on));
    for (const track of tracks.filter(track => track.kind === kind)) on ? track.enable() : track.disable();
  };
}

function stopSharing() {
  if (!shared) return;
  room?.localParticipant.unpublishTrack(shared);
  shared.stop();
  detach(shared);
  shared = null;
  $('screen').setAttribute('aria-pressed', 'false');
}

async function share() {
  if (picking) return;
  if (shared) return stopSharing();
  picking = true;
  try {
    const [track] = (await navigator.mediaDevices.getDisplayMedia({ video: true })).getVideoTracks();
    if (!room) return track.stop();
    shared = new Twilio.Video.LocalVideoTrack(track, { name: 'screen' });
    track.onended = stopSharing;
    await room.localParticipant.publishTrack(shared);
    people.attach(room.localParticipant, shared, true);
    $('screen').setAttribute('aria-pressed', 'true');
  } catch (error) {
    stopSharing();
    if (room && error.name !== 'NotAllowedError') $('problem').textContent = text('screenFailed');
  } finally {
    picking = false;
  }
}

function show(who, message) {
  const line = document.createElement('p');
  line.textContent = `${who}: ${message}`;
  $('messages').append(line);
  if ($('messages').childElementCount > 200) $('messages').firstChild.remove();
  line.scrollIntoView({ block: 'nearest' });
}

function write(event) {
  event.preventDefault();
  const message = $('message').value.trim();
  if (!message) return;
  data.send(message);
  show(text('you'), message);
  $('message').value = '';
}

async function act(name, args) {
  try {
    await ask(name, args);
  } catch {
    $('problem').textContent = text('actFailed');
  }
}

function putOut(identity) {
  if (confirm(text('putOutSure', { who: identity }))) act('videoroom_remove_participant', { room_id: roomId, user_id: identity });
}

function end() {
  if (confirm(text('endSure'))) act('videoroom_end', { room_id: roomId });
}

function leave() {
  leaving = true;
  room ? room.disconnect() : connecting?.cancel();
}

// --- the page

function begin() {
  if (!window.Twilio) return say(text('out'), text('noScript'));
  if (!Twilio.Video.isSupported) return say(text('out'), text('unsupported'));
  stopWaiting();
  asking++;
  offer('');
  $('join').onclick = () => isGood(token ?? kept()) ? join() : rejoin();
  whenReady = ready;
  token = spent = null;
  if (isGood(kept())) return ready();
  say(text('asking'));
  obtain();
}

document.documentElement.lang = language;
document.title = text('title');
for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
toggle('microphone', 'audio');
toggle('camera', 'video');
$('screen').onclick = share;
$('leave').onclick = leave;
$('end').onclick = end;
$('chat').onsubmit = write;
addEventListener('pagehide', leave);   // else Twilio counts this person for another minute or two
addEventListener('hashchange', () => { if (!room && !$('join').disabled) begin(); });
begin();
