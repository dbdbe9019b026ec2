// Serves the room page of examples/page, for every path /room/…, with the headers that keep it to itself.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const folder = path.join(__dirname, '..', 'page');
const types = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript' };
const headers = {
  'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' wss://*.twilio.com; "
    + "img-src data:; media-src blob: mediastream:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Permissions-Policy': 'camera=(self), microphone=(self), display-capture=(self)',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

// Twilio's client, from the npm package twilio-video: one's own origin serves it, as the policy above wants.
function files(twilioVideo) {
  const served = new Map(fs.readdirSync(folder).filter(name => types[path.extname(name)]).map(name => [`/${name}`, path.join(folder, name)]));
  served.set('/twilio-video.min.js', twilioVideo);
  return new Map([...served].map(([name, file]) => [name, { type: types[path.extname(file)], content: fs.readFileSync(file) }]));
}

// Answers a GET of one of the files, or of a room; false if it is for neither.
function servePage(served, request, response) {
  const [pathname] = request.url.split('?');
  const file = served.get(/^\/room\/[A-Za-z0-9]+$/.test(pathname) ? '/room.html' : pathname);
  if (request.method !== 'GET' || !file) return false;
  response.writeHead(200, { ...headers, 'Content-Type': file.type }).end(file.content);
  return true;
}

module.exports = { files, servePage };
