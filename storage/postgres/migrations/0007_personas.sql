-- Personas, the runs by which they answer, what people think of that, and what they remember.
-- What belongs to a persona goes with it; runs and what they showed are history and stay for 24 months.

-- `slot`: which of its owner's five this is. The key on it, not a count, keeps out the sixth, however
-- many come at once. `card`: the imported character card's JSON, which jsonb would write anew.
CREATE TABLE persona (
    id           uuid NOT NULL,
    owner_id     uuid NOT NULL,
    created_at   int8 NOT NULL,
    tenant_id    int  NOT NULL REFERENCES tenant,
    version      int  NOT NULL DEFAULT 1,
    slot         int2 NOT NULL CHECK (slot >= 0),
    is_favourite bool NOT NULL DEFAULT false,
    is_paid      bool NOT NULL DEFAULT false,
    name         text NOT NULL,
    style        text COLLATE "C" NOT NULL,
    about        text NOT NULL,
    greeting     text NOT NULL,
    card         bytea,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, owner_id, slot)
);

-- A user's active persona: in one room, or (the room of nothing but zeros) everywhere else.
CREATE TABLE persona_choice (
    user_id    uuid NOT NULL,
    room_id    uuid NOT NULL,
    persona_id uuid NOT NULL,
    chosen_at  int8 NOT NULL,
    tenant_id  int  NOT NULL,
    PRIMARY KEY (tenant_id, user_id, room_id),
    FOREIGN KEY (tenant_id, persona_id) REFERENCES persona ON DELETE CASCADE
);
CREATE INDEX persona_choice_of_persona ON persona_choice (tenant_id, persona_id);

-- `segments`: JSON, an array of how each was worded; no text of anybody's.
CREATE TABLE persona_run (
    id         uuid NOT NULL,
    room_id    uuid NOT NULL,
    persona_id uuid NOT NULL,
    asker_id   uuid NOT NULL,
    message_id uuid NOT NULL,
    reply_to   uuid NOT NULL,
    started_at int8 NOT NULL,
    ended_at   int8,
    seq        int8,
    cost       int8 NOT NULL,
    tenant_id  int  NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    intent     text COLLATE "C" NOT NULL,
    tools      text[] NOT NULL,
    segments   jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX persona_run_open ON persona_run (tenant_id, room_id) WHERE outcome = 'open';
CREATE INDEX persona_run_message ON persona_run (tenant_id, message_id);
CREATE INDEX persona_run_of_persona ON persona_run (tenant_id, persona_id, id);
CREATE INDEX persona_run_age ON persona_run (started_at);

-- A recommendation as it was shown. `place`: 1 is the first; `features`: what it was ranked by.
CREATE TABLE persona_shown (
    run_id    uuid NOT NULL,
    shown_at  int8 NOT NULL,
    tenant_id int  NOT NULL,
    place     int2 NOT NULL,
    card_id   text COLLATE "C" NOT NULL,
    item_id   text COLLATE "C" NOT NULL,
    tower     text COLLATE "C" NOT NULL,
    features  float8[] NOT NULL,
    PRIMARY KEY (tenant_id, run_id, card_id)
);
CREATE INDEX persona_shown_age ON persona_shown (shown_at);

-- What somebody thinks of an answer (`item_id` is empty) or of one item in it; -1 or 1.
CREATE TABLE persona_feedback (
    user_id    uuid NOT NULL,
    persona_id uuid NOT NULL,
    message_id uuid NOT NULL,
    given_at   int8 NOT NULL,
    tenant_id  int  NOT NULL,
    value      int2 NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    item_id    text COLLATE "C" NOT NULL,
    tower      text COLLATE "C" NOT NULL,
    reason     text,
    features   float8[] NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id, kind, item_id),
    FOREIGN KEY (tenant_id, persona_id) REFERENCES persona ON DELETE CASCADE
);
CREATE INDEX persona_feedback_of_persona
    ON persona_feedback (tenant_id, persona_id, user_id, given_at);
CREATE INDEX persona_feedback_age ON persona_feedback (given_at);

-- What one person showed one persona to like: the specification's `learningModel`.
CREATE TABLE persona_taste (
    persona_id     uuid  NOT NULL,
    user_id        uuid  NOT NULL,
    tenant_id      int   NOT NULL,
    learning_model jsonb NOT NULL,
    PRIMARY KEY (tenant_id, persona_id, user_id),
    FOREIGN KEY (tenant_id, persona_id) REFERENCES persona ON DELETE CASCADE
);

-- `about` null: nobody; `room_id` null: said to it in private. `value`: JSON, what the slot is to the
-- policy beside `text`, which people read.
CREATE TABLE persona_memory (
    id             uuid NOT NULL,
    persona_id     uuid NOT NULL,
    about          uuid,
    room_id        uuid,
    source_message uuid,
    created_at     int8 NOT NULL,
    expires_at     int8,
    tenant_id      int  NOT NULL,
    in_groups      bool NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    slot           text COLLATE "C" NOT NULL,
    text           text NOT NULL,
    value          bytea,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, persona_id) REFERENCES persona ON DELETE CASCADE
);
CREATE INDEX persona_memory_about ON persona_memory (tenant_id, persona_id, about);
CREATE INDEX persona_memory_room ON persona_memory (tenant_id, persona_id, room_id);
CREATE INDEX persona_memory_source ON persona_memory (tenant_id, source_message)
    WHERE source_message IS NOT NULL;
CREATE INDEX persona_memory_expiry ON persona_memory (expires_at) WHERE expires_at IS NOT NULL;
