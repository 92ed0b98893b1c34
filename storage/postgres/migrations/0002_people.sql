-- People, their credentials, sessions and inboxes, and the read models fed by the outbox.
-- Every time is milliseconds since the Unix epoch, UTC (int8), unless the type says otherwise.
-- Every secret is stored as its SHA-256 (random ones) or as argon2id (passwords).

-- One table, not partitioned: docs/adr/0003-users-are-one-table.md.
CREATE TABLE account (
    id          uuid  PRIMARY KEY,
    tenant_id   int   NOT NULL REFERENCES tenant,
    handle      text  NOT NULL,
    name        text  NOT NULL,
    email       text  NOT NULL,
    role        text  NOT NULL,
    locale      text  NOT NULL,
    time_zone   text  NOT NULL DEFAULT 'UTC',
    currency    text  NOT NULL DEFAULT 'EUR',
    preferences bytea NOT NULL DEFAULT '{}',
    created_at  int8  NOT NULL
);
CREATE UNIQUE INDEX account_handle ON account (tenant_id, lower(handle));
CREATE UNIQUE INDEX account_email ON account (tenant_id, lower(email));

CREATE TABLE credential (
    user_id       uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    tenant_id     int  NOT NULL,
    password_hash text NOT NULL,
    changed_at    int8 NOT NULL
);

-- One row per login; what was made under it dies with it. `renewed_at`: its newest refresh token.
CREATE TABLE login (
    id         uuid PRIMARY KEY,
    tenant_id  int  NOT NULL,
    user_id    uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at int8 NOT NULL,
    renewed_at int8 NOT NULL,
    revoked_at int8
);
CREATE INDEX login_of_user ON login (user_id);
CREATE INDEX login_renewed ON login (renewed_at);

-- Spent tokens stay until their login is forgotten: a second use of one must be recognised.
CREATE TABLE refresh_token (
    hash      bytea PRIMARY KEY,
    login_id  uuid  NOT NULL REFERENCES login ON DELETE CASCADE,
    tenant_id int   NOT NULL,
    issued_at int8  NOT NULL,
    spent_at  int8
);
CREATE INDEX refresh_token_of_login ON refresh_token (login_id);
CREATE INDEX refresh_token_issued ON refresh_token (issued_at);

-- `principal_until`: the end of the access token that asked for the ticket; the socket ends with it.
CREATE TABLE ticket (
    hash            bytea PRIMARY KEY,
    login_id        uuid  NOT NULL REFERENCES login ON DELETE CASCADE,
    tenant_id       int   NOT NULL,
    expires_at      int8  NOT NULL,
    principal_until int8  NOT NULL
);
CREATE INDEX ticket_of_login ON ticket (login_id);
CREATE INDEX ticket_expiry ON ticket (expires_at);

CREATE TABLE session (
    id         uuid PRIMARY KEY,
    tenant_id  int  NOT NULL,
    user_id    uuid NOT NULL,
    login_id   uuid NOT NULL REFERENCES login ON DELETE CASCADE,
    opened_at  int8 NOT NULL,
    expires_at int8 NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX session_of_login ON session (login_id);
CREATE INDEX session_expiry ON session (expires_at);

-- The server's own, for all tenants. `since`: when the key took its part. `sealed`: nonce and AES-256-GCM ciphertext of the private key.
CREATE TABLE signing_key (
    kid    text  PRIMARY KEY,
    part   text  NOT NULL UNIQUE CHECK (part IN ('next', 'current', 'previous')),
    since  int8  NOT NULL,
    sealed bytea NOT NULL
);

CREATE TABLE inbox_head (
    user_id   uuid NOT NULL,
    head      int8 NOT NULL DEFAULT 0,
    tenant_id int  NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) WITH (fillfactor = 70);

CREATE TABLE inbox_item (
    user_id    uuid  NOT NULL,
    seq        int8  NOT NULL,
    created_at int8  NOT NULL,
    tenant_id  int   NOT NULL,
    source     text  COLLATE "C" NOT NULL,
    kind       text  NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (tenant_id, user_id, seq),
    UNIQUE (tenant_id, user_id, source)
);
CREATE INDEX inbox_item_age ON inbox_item (created_at);

-- `scope` names tenant, user or address, and route. Without `status` the first call is still running.
CREATE TABLE idempotency_key (
    scope      text  COLLATE "C" NOT NULL,
    key        text  COLLATE "C" NOT NULL,
    body_hash  bytea NOT NULL,
    claimed_at int8  NOT NULL,
    status     int,
    body       bytea,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (claimed_at);

-- The words of messages as they stand. A read model: made from the log, remade at will.
CREATE TABLE search_document (
    room_id    uuid     NOT NULL,
    seq        int8     NOT NULL,
    sent_at    int8     NOT NULL,
    message_id uuid     NOT NULL,
    tenant_id  int      NOT NULL,
    sender_id  text     COLLATE "C" NOT NULL,
    words      tsvector NOT NULL,
    PRIMARY KEY (room_id, seq)
);
CREATE INDEX search_document_words ON search_document USING gin (words);

-- How far a subscriber has read the outbox, in the order (xid, position): the order in which
-- transactions become final, which positions alone do not have.
CREATE TABLE outbox_position (
    subscriber text PRIMARY KEY,
    xid        xid8 NOT NULL,
    position   int8 NOT NULL,
    rebuilding bool NOT NULL
);
CREATE INDEX outbox_order ON outbox (xid, position);
