-- Personas that sit in a room, as membership has its people. Written with the log's rows, like it.
-- name: as it was when the persona came, by the event from_seq. One that left has no row.
CREATE TABLE room_persona (
    room_id    uuid NOT NULL,
    persona_id uuid NOT NULL,
    owner_id   uuid NOT NULL,
    from_seq   int8 NOT NULL,
    tenant_id  int  NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (room_id, persona_id)
);
CREATE INDEX room_persona_seats ON room_persona (tenant_id, persona_id, room_id);

-- The first persona that ever comes into a room is announced there, once.
ALTER TABLE room ADD COLUMN had_personas bool NOT NULL DEFAULT false;
