-- Tables of the same shape, with the same keys, checks, indexes, defaults and storage, that no function guards.
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE TABLE plain.room (LIKE videoroom.room INCLUDING ALL) WITH (fillfactor = 80);
CREATE TABLE plain.participant (LIKE videoroom.participant INCLUDING ALL, FOREIGN KEY (room_id) REFERENCES plain.room);
CREATE TABLE plain.event (LIKE videoroom.event INCLUDING ALL);
CREATE TABLE plain.outbox (LIKE videoroom.outbox INCLUDING ALL, FOREIGN KEY (room_id) REFERENCES plain.room) WITH (fillfactor = 70);
CREATE TABLE plain.session (LIKE videoroom.session INCLUDING ALL, FOREIGN KEY (room_id) REFERENCES plain.room) WITH (fillfactor = 80);
CREATE TABLE plain.connection (LIKE videoroom.connection INCLUDING ALL, FOREIGN KEY (room_sid) REFERENCES plain.session) WITH (fillfactor = 80);
CREATE TABLE plain.callback (LIKE videoroom.callback INCLUDING ALL);
