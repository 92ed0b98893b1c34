-- Versions of models, and the runs by which they are made. `body`: the model itself where it is small
-- enough for every node to read it here. `figures`: JSON, a name → a number.
CREATE TABLE model (
    made_at     int8 NOT NULL,
    changed_at  int8 NOT NULL,
    promoted_at int8,
    tenant_id   int  NOT NULL REFERENCES tenant,
    kind        text COLLATE "C" NOT NULL,
    version     text COLLATE "C" NOT NULL,
    digest      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    why         text NOT NULL,
    figures     jsonb NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (tenant_id, kind, version)
);
CREATE UNIQUE INDEX model_active ON model (tenant_id, kind) WHERE state = 'active';

CREATE TABLE model_run (
    number     int8 NOT NULL,
    due_at     int8 NOT NULL,
    started_at int8 NOT NULL,
    seen_at    int8 NOT NULL,
    ended_at   int8,
    tenant_id  int  NOT NULL REFERENCES tenant,
    job        text COLLATE "C" NOT NULL,
    node       text NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    why        text NOT NULL,
    figures    jsonb NOT NULL,
    PRIMARY KEY (tenant_id, job, number)
);
CREATE UNIQUE INDEX model_run_open ON model_run (tenant_id, job) WHERE ended_at IS NULL;
