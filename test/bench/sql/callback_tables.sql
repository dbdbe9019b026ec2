-- What the callbacks are about, again in plain tables, and the callbacks, signed beforehand.
INSERT INTO plain.room SELECT * FROM videoroom.room r WHERE r.room_id LIKE 'aaa00000%' ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS plain.signed;
CREATE TABLE plain.signed (number integer PRIMARY KEY, body text NOT NULL, signature text NOT NULL);
COPY plain.signed FROM :'file';
VACUUM ANALYZE plain.room, plain.signed;
