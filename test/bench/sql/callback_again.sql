-- Forgets the callbacks and what they said, so that they can come again.
TRUNCATE videoroom.callback, plain.callback;
DELETE FROM videoroom.connection;
VACUUM videoroom.connection;
