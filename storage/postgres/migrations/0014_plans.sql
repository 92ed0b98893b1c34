-- Trip boards: one row per room, and its changes.

-- `snapshot`: the board at `snapshot_version`; what was changed since is in plan_change.
CREATE TABLE plan (
    room_id          uuid PRIMARY KEY REFERENCES room ON DELETE CASCADE,
    version          int8 NOT NULL,
    snapshot_version int8 NOT NULL DEFAULT 0,
    tenant_id        int  NOT NULL,
    snapshot         bytea
);

-- `author`: a user's id, or `system`.
CREATE TABLE plan_change (
    room_id   uuid NOT NULL REFERENCES plan ON DELETE CASCADE,
    version   int8 NOT NULL,
    at        int8 NOT NULL,
    client_id uuid,
    author    text COLLATE "C" NOT NULL,
    body      bytea NOT NULL,
    PRIMARY KEY (room_id, version)
);
CREATE UNIQUE INDEX plan_change_client_id ON plan_change (room_id, author, client_id)
    WHERE client_id IS NOT NULL;

-- `secret_hash`: SHA-256 of what is in the address.
CREATE TABLE plan_calendar (
    room_id     uuid  NOT NULL REFERENCES room ON DELETE CASCADE,
    user_id     uuid  NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at  int8  NOT NULL,
    tenant_id   int   NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX plan_calendar_of_user ON plan_calendar (user_id);
