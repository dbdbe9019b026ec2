\set n :n + 1
INSERT INTO videoroom.callback (body, signature) SELECT body, signature FROM plain.signed WHERE number = :client_id * 25000 + :n;
