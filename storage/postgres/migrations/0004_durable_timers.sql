-- Rows that activate an actor when they are due. `generation` tells one set from another for ever;
-- `wake_at`: when somebody may claim it next: its time, the end of a claim, or of a backoff.
CREATE SEQUENCE durable_timer_generation;
CREATE TABLE durable_timer (
    due_at     int8 NOT NULL,
    wake_at    int8 NOT NULL,
    generation int8 NOT NULL DEFAULT nextval('durable_timer_generation'),
    tenant_id  int  NOT NULL,
    shard      int  NOT NULL,
    attempts   int  NOT NULL DEFAULT 0,
    kind       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    payload    bytea,
    PRIMARY KEY (tenant_id, kind, key, name)
) WITH (fillfactor = 70);
CREATE INDEX durable_timer_wake ON durable_timer (wake_at);
-- For those that were claimed under a clock that was ahead.
CREATE INDEX durable_timer_attempted ON durable_timer (wake_at) WHERE attempts > 0;
