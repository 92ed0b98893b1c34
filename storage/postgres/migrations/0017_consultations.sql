-- Appointments with professionals. One row is a time that a professional opened, until somebody books it, and what
-- became of it after; who cancels leaves the row as it is, and the time is opened anew as another one.

-- `tags`: what may be talked of there. `about`: what the traveller wants to know; `note`: why it was cancelled.
-- `metered_ms`: for so long both were in the call. `reopens`: the time has not been closed since.
-- That nobody is in two places is kept by locking the accounts of all whom a change concerns, in the order of their ids.
CREATE TABLE consultation (
    id              uuid PRIMARY KEY,
    professional_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    traveller_id    uuid REFERENCES account ON DELETE CASCADE,
    cancelled_by    uuid,
    starts_at       int8 NOT NULL,
    ends_at         int8 NOT NULL CHECK (ends_at > starts_at),
    metered_ms      int8 NOT NULL DEFAULT 0,
    tenant_id       int  NOT NULL REFERENCES tenant,
    reopens         bool NOT NULL DEFAULT true,
    state           text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'booked', 'cancelled')),
    about           text NOT NULL DEFAULT '',
    note            text NOT NULL DEFAULT '',
    tags            text[] COLLATE "C" NOT NULL,
    CHECK (state = 'open' OR traveller_id IS NOT NULL)
);
CREATE INDEX consultation_open ON consultation (tenant_id, starts_at, id) WHERE state = 'open';
CREATE INDEX consultation_of_professional ON consultation (professional_id, starts_at, id);
CREATE INDEX consultation_of_traveller ON consultation (traveller_id, starts_at, id)
    WHERE traveller_id IS NOT NULL;
CREATE INDEX consultation_age ON consultation (ends_at);
