-- Every time is milliseconds since the Unix epoch, UTC (int8), unless the type says otherwise.
-- There are no foreign keys on the message path: the fence, not a constraint, keeps strangers out.

CREATE TABLE tenant (
    id   int PRIMARY KEY,
    name text NOT NULL UNIQUE
);
INSERT INTO tenant (id, name) VALUES (1, 'default');

-- Who lives. One row per incarnation of a node; only its heartbeat changes it.
CREATE TABLE node (
    incarnation int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL,
    expires_at  timestamptz NOT NULL,
    dead        bool NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE INDEX node_alive ON node (name) WHERE NOT dead;

-- Who owns. A row changes only when ownership does, so that heartbeats never meet FOR SHARE.
CREATE TABLE shard_owner (
    shard_id    int PRIMARY KEY,
    incarnation int8,
    fence       int8 NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO shard_owner (shard_id) SELECT generate_series(0, 1023);

-- One row per durable event of a room. `body` is the encoded event frame.
CREATE TABLE message (
    seq        int8  NOT NULL,
    sent_at    int8  NOT NULL,
    target_seq int8,
    room_id    uuid  NOT NULL,
    client_id  uuid,
    message_id uuid,
    tenant_id  int   NOT NULL,
    kind       int2  NOT NULL,
    sender_id  text  COLLATE "C" NOT NULL,
    body       bytea NOT NULL
) PARTITION BY RANGE (sent_at);

-- A leaf per month. Unique keys sit on the leaf: on the parent they would have to contain sent_at,
-- and a repeat comes with another time. CREATE and ATTACH, because PARTITION OF would lock readers out.
CREATE FUNCTION ensure_message_leaf(year int, month int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    leaf  text := format('message_y%sm%s', to_char(year, 'FM0000'), to_char(month, 'FM00'));
    start timestamp := make_timestamp(year, month, 1, 0, 0, 0);
BEGIN
    PERFORM pg_advisory_xact_lock(1131770465);
    IF to_regclass(leaf) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE message)', leaf);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (room_id, seq)', leaf || '_seq', leaf);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (room_id, sender_id, client_id)
                    WHERE client_id IS NOT NULL', leaf || '_once', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (room_id, message_id)
                    WHERE message_id IS NOT NULL', leaf || '_message', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (room_id, target_seq, seq)
                    WHERE target_seq IS NOT NULL', leaf || '_target', leaf);
    EXECUTE format('ALTER TABLE message ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', leaf,
                   extract(epoch FROM start)::int8 * 1000,
                   extract(epoch FROM start + interval '1 month')::int8 * 1000);
END $$;

-- What committed, for whoever keeps a read model. A reader must not pass a position whose
-- transaction may still be running: it reads below pg_snapshot_xmin(pg_current_snapshot()).
CREATE TABLE outbox (
    position   int8  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    xid        xid8  NOT NULL DEFAULT pg_current_xact_id(),
    first      int8  NOT NULL,
    last       int8  NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    tenant_id  int   NOT NULL,
    topic      text  NOT NULL,
    key        text  NOT NULL
);

-- `first`: the lowest readable seq. Retention moves it, and with it the head of an emptied log
-- never falls: the head is at least first - 1.
CREATE TABLE room (
    id               uuid  PRIMARY KEY,
    tenant_id        int   NOT NULL REFERENCES tenant,
    kind             text  NOT NULL,
    title            text  NOT NULL,
    settings         bytea NOT NULL DEFAULT '{}',
    history          text  NOT NULL,
    creator_id       uuid  NOT NULL,
    create_client_id uuid  NOT NULL,
    direct_key       text,
    epoch            text  NOT NULL,
    created_at       int8  NOT NULL,
    first            int8  NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, creator_id, create_client_id),
    UNIQUE (tenant_id, direct_key)
);

-- role: owner | member; state: invited | joined. A membership that ended has no row.
CREATE TABLE membership (
    room_id     uuid NOT NULL,
    user_id     uuid NOT NULL,
    from_seq    int8 NOT NULL,
    muted_until int8,
    tenant_id   int  NOT NULL,
    role        text NOT NULL,
    state       text NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX membership_of_user ON membership (tenant_id, user_id, room_id);

CREATE TABLE read_pointer (
    room_id   uuid NOT NULL,
    user_id   uuid NOT NULL,
    seq       int8 NOT NULL,
    tenant_id int  NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 70);
