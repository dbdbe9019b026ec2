// Joins as a Node service would serve them: node join.js ROOMS SECONDS prints how many a second. Four at a time, over four
// connections (libpq's environment says which): the two rows by primary key, checked, and the access token by Twilio's own
// library. There is no HTTP around it, which is to its favour.
'use strict';
const { Pool } = require('pg');
const { AccessToken } = require('twilio').jwt;

const clients = 4;
const [rooms, seconds] = process.argv.slice(2).map(Number);
const pool = new Pool({ host: process.env.PGHOST, user: process.env.PGUSER, database: process.env.PGDATABASE, max: clients });

const look = {
  name: 'look',
  text: `SELECT r.status, r.closes_at, p.removed_at, s.room_sid
           FROM videoroom.room r
           JOIN videoroom.participant p ON p.room_id = r.room_id AND p.user_id = $2
           JOIN videoroom.session s ON s.room_id = r.room_id AND s.ended_at IS NULL
          WHERE r.room_id = $1`,
};

async function join(room, user) {
  const { rows } = await pool.query({ ...look, values: [room, user] });
  if (rows.length !== 1 || rows[0].removed_at || rows[0].closes_at < new Date()) throw new Error(`no join to ${room}`);
  const token = new AccessToken('AC' + 'a'.repeat(32), 'SK' + 'c'.repeat(32), 'd'.repeat(32), { identity: user, ttl: 3600 });
  token.addGrant(new AccessToken.VideoGrant({ room: rows[0].room_sid }));
  return `https://app.example/room/${room}#token=${token.toJwt()}`;
}

async function client(until) {
  let joins = 0;
  for (; Date.now() < until; joins++) {
    const number = 1 + Math.floor(Math.random() * rooms);
    await join('aaa' + String(number).padStart(22, '0'), 'host');
  }
  return joins;
}

(async () => {
  await Promise.all(Array.from({ length: clients }, () => join('aaa' + '1'.padStart(22, '0'), 'host')));
  const begun = Date.now();
  const joins = await Promise.all(Array.from({ length: clients }, () => client(begun + 1000 * seconds)));
  console.log((1000 * joins.reduce((sum, each) => sum + each, 0)) / (Date.now() - begun));
  await pool.end();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
