// All that the page says, in each language. Another language is another member of `languages`, with the same keys.

export const languages = {
  en: {
    title: 'Video room', join: 'Join', joinAgain: 'Join again', leave: 'Leave', microphone: 'Microphone', camera: 'Camera',
    screen: 'Share screen', end: 'End for all', putOut: 'Put out', people: 'Who is here', chat: 'Messages', message: 'Message', send: 'Send', you: 'You',
    micOff: 'microphone off', theirScreen: '{who}: screen',
    ready: 'Ready. Microphone and camera are asked for when you join.', joining: 'Joining…', reconnecting: 'The connection was interrupted. Reconnecting…',
    alone: 'You are in the room, alone so far.', withOne: 'You are in the room with one other person.', withMany: 'You are in the room with {count} others.',
    out: 'Not in the room.', left: 'You have left the room.', putOutYou: 'You were taken out of the room.',
    asking: 'Asking for the room…', opens: 'The room opens at {time}.', opensIn: 'In {left}', trying: 'Not yet. Trying again…',
    noScript: 'The video software could not be loaded.', unsupported: 'This browser cannot do video calls, or the page is not served over https.',
    noDevice: '{device}: {why}.', deviceForbidden: 'the browser was not allowed to use it', deviceMissing: 'none was found', deviceBusy: 'another program uses it', deviceOdd: 'it cannot be used',
    screenFailed: 'The screen could not be shared.', actFailed: 'That did not work.', endSure: 'End the room for everybody, for good?', putOutSure: 'Put {who} out of the room?',
    unreachable: 'The server cannot be reached.',
    reasons: {
      'not-ready': 'The room is being made ready.', uncommitted: 'The booking is just being made.', busy: 'Many people are coming in right now.',
      paused: 'The video service is not answering at the moment.', 'no-worker': 'The service is starting.', standby: 'The service is moving to another server.',
      refused: 'The video service refuses the room at the moment.', failed: 'The room could not be made. Tell whoever invited you.',
      'not-participant': 'You are not invited to this room.', removed: 'You were taken out of this room.', 'not-open': 'The room is not open yet.',
      unknown: 'There is no such room.', cancelled: 'The booking was cancelled.', over: 'This room is over.',
      'no-claim': 'Sign in first.', 'bad-claim': 'Sign in first.', 'no-backend': 'This link is incomplete. Open the booking again.',
    },
    problems: {
      badLink: 'This link is not valid. Open the booking again.', expired: 'This link has expired. Open the booking again for a new one.',
      clock: "This device's clock is wrong. Set it, and try again.", blocked: 'There is no way to the video service. Does a firewall or an extension block it?',
      lost: 'The connection was lost.', confused: 'This browser and the video service do not understand each other. Reload the page.',
      busy: 'The video service is busy.', notMade: 'The room cannot be used as it was set up. Tell whoever invited you.', full: 'The room is full.',
      over: 'This room is over.', closed: 'The room was closed.', device: 'The room does not take this microphone, camera or screen.',
      gone: 'You are no longer in the room.', elsewhere: 'You joined from somewhere else, so this window has left.',
      tooLong: 'You have been in the room for as long as it allows.', media: 'This browser could not set up sound and picture.',
      mediaLost: 'Sound and picture could not get through.', unknown: 'Something went wrong.',
    },
  },
  de: {
    title: 'Videoraum', join: 'Beitreten', joinAgain: 'Wieder beitreten', leave: 'Verlassen', microphone: 'Mikrofon', camera: 'Kamera',
    screen: 'Bildschirm teilen', end: 'Für alle beenden', putOut: 'Hinauswerfen', people: 'Wer da ist', chat: 'Nachrichten', message: 'Nachricht', send: 'Senden', you: 'Du',
    micOff: 'Mikrofon aus', theirScreen: '{who}: Bildschirm',
    ready: 'Bereit. Nach Mikrofon und Kamera wird beim Beitreten gefragt.', joining: 'Du trittst bei …', reconnecting: 'Die Verbindung war unterbrochen. Sie wird wiederhergestellt …',
    alone: 'Du bist im Raum, bisher allein.', withOne: 'Du bist mit einer weiteren Person im Raum.', withMany: 'Du bist mit {count} anderen im Raum.',
    out: 'Nicht im Raum.', left: 'Du hast den Raum verlassen.', putOutYou: 'Du wurdest aus dem Raum genommen.',
    asking: 'Der Raum wird angefragt …', opens: 'Der Raum öffnet um {time}.', opensIn: 'In {left}', trying: 'Noch nicht. Es wird weiter versucht …',
    noScript: 'Die Videosoftware konnte nicht geladen werden.', unsupported: 'Dieser Browser kann keine Videogespräche, oder die Seite kam nicht über https.',
    noDevice: '{device}: {why}.', deviceForbidden: 'der Browser durfte nicht zugreifen', deviceMissing: 'nicht vorhanden', deviceBusy: 'ein anderes Programm benutzt es', deviceOdd: 'nicht verwendbar',
    screenFailed: 'Der Bildschirm konnte nicht geteilt werden.', actFailed: 'Das hat nicht geklappt.', endSure: 'Den Raum für alle beenden, endgültig?', putOutSure: '{who} aus dem Raum werfen?',
    unreachable: 'Der Server ist nicht erreichbar.',
    reasons: {
      'not-ready': 'Der Raum wird gerade vorbereitet.', uncommitted: 'Die Buchung entsteht gerade.', busy: 'Gerade kommen viele Leute.',
      paused: 'Der Videodienst antwortet im Moment nicht.', 'no-worker': 'Der Dienst startet.', standby: 'Der Dienst zieht auf einen anderen Server um.',
      refused: 'Der Videodienst verweigert den Raum im Moment.', failed: 'Der Raum konnte nicht angelegt werden. Sag denen Bescheid, die dich eingeladen haben.',
      'not-participant': 'Du bist zu diesem Raum nicht eingeladen.', removed: 'Du wurdest aus diesem Raum genommen.', 'not-open': 'Der Raum ist noch nicht offen.',
      unknown: 'Diesen Raum gibt es nicht.', cancelled: 'Die Buchung wurde abgesagt.', over: 'Dieser Raum ist vorbei.',
      'no-claim': 'Melde dich zuerst an.', 'bad-claim': 'Melde dich zuerst an.', 'no-backend': 'Dieser Link ist unvollständig. Öffne die Buchung noch einmal.',
    },
    problems: {
      badLink: 'Dieser Link ist nicht gültig. Öffne die Buchung noch einmal.', expired: 'Dieser Link ist abgelaufen. Öffne die Buchung noch einmal, um einen neuen zu bekommen.',
      clock: 'Die Uhr dieses Geräts geht falsch. Stell sie und versuch es noch einmal.', blocked: 'Es gibt keinen Weg zum Videodienst. Blockiert ihn eine Firewall oder eine Erweiterung?',
      lost: 'Die Verbindung ist abgerissen.', confused: 'Dieser Browser und der Videodienst verstehen einander nicht. Lade die Seite neu.',
      busy: 'Der Videodienst ist überlastet.', notMade: 'Der Raum ist so, wie er angelegt wurde, nicht benutzbar. Sag denen Bescheid, die dich eingeladen haben.', full: 'Der Raum ist voll.',
      over: 'Dieser Raum ist vorbei.', closed: 'Der Raum wurde geschlossen.', device: 'Der Raum nimmt dieses Mikrofon, diese Kamera oder diesen Bildschirm nicht an.',
      gone: 'Du bist nicht mehr im Raum.', elsewhere: 'Du bist von woanders beigetreten, darum hat dieses Fenster den Raum verlassen.',
      tooLong: 'Du warst so lange im Raum, wie er es zulässt.', media: 'Dieser Browser konnte Ton und Bild nicht einrichten.',
      mediaLost: 'Ton und Bild kommen nicht durch.', unknown: 'Etwas ist schiefgegangen.',
    },
  },
};

// Codes of Twilio's, by what they mean to the person: those of the client SDK, and those that it has no class for.
const meanings = {
  badLink: [20101, 20102, 20103, 20106, 20107, 20151, 20157, 53200, 53201, 53202], expired: [20104], clock: [20105],
  blocked: [53000, 53500, 53501], lost: [53001, 53002], confused: [53003, 53004], busy: [53006, 53116, 53119, 53206, 53305],
  notMade: [53100, 53101, 53102, 53103, 53104, 53107, 53108, 53109, 53110, 53111, 53113, 53114, 53115, 53117, 53120, 53123, 53124, 53215],
  full: [53105], over: [53106], closed: [53112, 53118], device: [53125, 53203, 53300, 53301, 53302, 53303, 53304], gone: [53204],
  elsewhere: [53205], tooLong: [53216], media: [53400, 53401, 53402, 53403, 53404, 53407], mediaLost: [53405],
};
const meaningOf = new Map(Object.entries(meanings).flatMap(([meaning, codes]) => codes.map(code => [code, meaning])));
// For these the same token will not do another time.
const final = new Set(['badLink', 'expired', 'over', 'closed', 'notMade']);

export const language = navigator.languages.map(tag => tag.slice(0, 2).toLowerCase()).find(tag => languages[tag]) ?? 'en';
const table = languages[language];

export function text(key, values = {}) {
  return table[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Why the backend lets nobody in.
export function reason(refusal) {
  if (refusal.status === 401) return table.reasons['no-claim'];
  return table.reasons[refusal.reason] ?? `${table.problems.unknown} (${refusal.reason})`;
}

// What an error of Twilio's means, and whether the same token is worth no other try.
export function problem(error) {
  const meaning = meaningOf.get(error?.code) ?? 'unknown';
  return { words: table.problems[meaning] + (error?.code ? ` (${error.code})` : ''), final: final.has(meaning) };
}
