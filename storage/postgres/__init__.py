"""PostgreSQL: the embedded server, the pool, migrations, the message log, shards, outbox and repositories."""
