-- Who asked to be forgotten: an account without a way in, that nothing more is put down for.
ALTER TABLE account ADD COLUMN is_forgotten bool NOT NULL DEFAULT false;
UPDATE account SET is_forgotten = true
 WHERE handle = 'gone-' || right(id::text, 12) AND email = 'gone-' || right(id::text, 12) || '@invalid';
