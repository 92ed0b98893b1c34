-- Offers that were shown, 30 days long: what a quote refers to, and what was agreed to.
-- `token` is the supplier's JSON byte for byte, which jsonb would write anew; so are those in `others`,
-- a JSON array of the same offer's other sources. `stored_at`: when it was shown or last priced.
CREATE TABLE offer (
    id         uuid  PRIMARY KEY,
    tenant_id  int   NOT NULL,
    user_id    uuid,
    stored_at  int8  NOT NULL,
    fetched_at int8  NOT NULL,
    expires_at int8  NOT NULL,
    amount     int8  NOT NULL,
    currency   text  COLLATE "C" NOT NULL,
    supplier   text  COLLATE "C" NOT NULL,
    can_hold   bool  NOT NULL,
    is_stale   bool  NOT NULL,
    query      jsonb NOT NULL,
    details    bytea NOT NULL,
    token      bytea NOT NULL,
    others     bytea NOT NULL
);
CREATE INDEX offer_stored ON offer (stored_at);
