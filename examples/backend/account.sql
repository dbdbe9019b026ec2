-- The people that server.js signs in. hash is scrypt of the password with that salt, 32 bytes: in Node
--   crypto.scryptSync(password, salt, 32)
CREATE TABLE account (
    user_id text PRIMARY KEY,
    salt    text NOT NULL,
    hash    bytea NOT NULL,
    host    boolean NOT NULL DEFAULT false
);
