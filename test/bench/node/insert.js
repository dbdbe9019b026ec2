// Callbacks as a Node service would keep them: node insert.js FIRST LAST <signed.tsv inserts those lines of what bench-sign
// printed over four connections, each as soon as the last is done, and prints how many a second. There is no HTTP around it.
'use strict';
const { Pool } = require('pg');
const lines = require('fs').readFileSync(0, 'utf8').split('\n');

const clients = 4;
const [first, last] = process.argv.slice(2).map(Number);
const pool = new Pool({ host: process.env.PGHOST, user: process.env.PGUSER, database: process.env.PGDATABASE, max: clients });
const insert = { name: 'callback', text: 'INSERT INTO videoroom.callback (body, signature, url) VALUES ($1, $2, $3)' };
let next = first;

async function client() {
  while (next <= last) {
    const [, body, signature] = lines[next++ - 1].split('\t');
    await pool.query({ ...insert, values: [body, signature, null] });
  }
}

(async () => {
  await Promise.all(Array.from({ length: clients }, () => pool.query('SELECT 1')));
  const begun = Date.now();
  await Promise.all(Array.from({ length: clients }, client));
  console.log((1000 * (last - first + 1)) / (Date.now() - begun));
  await pool.end();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
