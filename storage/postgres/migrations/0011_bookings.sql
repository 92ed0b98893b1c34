-- Bookings: the saga's journal, who takes part, what people were told, the ledger, quotes, travellers.

-- What a booking has is partitioned by the month in which its id was made: the first 48 bits of a
-- UUIDv7 are its time (RFC 9562 §5.7), so that an id alone names the leaf, and keys may sit on the parent.
-- `stuck_from`: from when on operators see it, unless it changes before; 0: an operator is needed.
CREATE TABLE booking (
    booking_id     uuid  PRIMARY KEY,
    creator_id     uuid  NOT NULL,
    room_id        uuid,
    quote_id       uuid  NOT NULL,
    created_at     int8  NOT NULL,
    changed_at     int8  NOT NULL,
    ended_at       int8,
    deadline       int8,
    revision       int8  NOT NULL,
    version        int8  NOT NULL,
    amount         int8  NOT NULL,
    stuck_from     int8  GENERATED ALWAYS AS (CASE
        WHEN is_terminal THEN NULL
        WHEN needs_operator THEN 0
        WHEN deadline IS NOT NULL THEN greatest(deadline, changed_at) + 3600000 END) STORED,
    tenant_id      int   NOT NULL,
    is_terminal    bool  NOT NULL,
    needs_operator bool  NOT NULL,
    currency       text  COLLATE "C" NOT NULL,
    state          text  COLLATE "C" NOT NULL,
    status         text  COLLATE "C" NOT NULL,
    step           text  NOT NULL,
    snapshot       bytea NOT NULL
) PARTITION BY RANGE (booking_id);
CREATE INDEX booking_stuck ON booking (stuck_from) WHERE stuck_from IS NOT NULL;

-- Who pays, and the organiser: without an amount where it pays nothing. `status`: the booking's;
-- `place`: their order, rising with every step.
-- The composite index is the specification's (user, status, date): the id is the date.
CREATE TABLE booking_participant (
    booking_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    amount     int8,
    place      int8 NOT NULL,
    tenant_id  int  NOT NULL,
    currency   text COLLATE "C",
    state      text COLLATE "C",
    status     text COLLATE "C" NOT NULL,
    PRIMARY KEY (booking_id, user_id)
) PARTITION BY RANGE (booking_id);
CREATE INDEX booking_of_participant ON booking_participant (tenant_id, user_id, status, booking_id);

-- A call that may have left, and how it ended; without `outcome` nobody knows (yet).
CREATE TABLE booking_intent (
    booking_id   uuid  NOT NULL,
    seq          int8  NOT NULL,
    committed_at int8  NOT NULL,
    ended_at     int8,
    op           text  COLLATE "C" NOT NULL,
    key          text  COLLATE "C" NOT NULL,
    outcome      text  COLLATE "C",
    detail       text  NOT NULL DEFAULT '',
    body         bytea NOT NULL,
    PRIMARY KEY (booking_id, seq)
) PARTITION BY RANGE (booking_id);

CREATE TABLE booking_event (
    booking_id uuid  NOT NULL,
    version    int8  NOT NULL,
    at         int8  NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (booking_id, version)
) PARTITION BY RANGE (booking_id);

-- Double entry. `intent`: whose outcome moved the money. A memo (an authorisation) moves nothing.
CREATE TABLE ledger_posting (
    booking_id uuid NOT NULL,
    intent     int8 NOT NULL,
    posted_at  int8 NOT NULL,
    is_memo    bool NOT NULL,
    currency   text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    PRIMARY KEY (booking_id, name)
) PARTITION BY RANGE (booking_id);

CREATE TABLE ledger_entry (
    booking_id uuid NOT NULL,
    amount     int8 NOT NULL,
    place      int2 NOT NULL,
    posting    text COLLATE "C" NOT NULL,
    account    text COLLATE "C" NOT NULL,
    PRIMARY KEY (booking_id, posting, place)
) PARTITION BY RANGE (booking_id);

-- Nothing in the ledger is ever changed or taken out; a month that is past keeping goes as a leaf.
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger_posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A posting's entries come in one statement and add up to zero; so they do for ever.
CREATE FUNCTION refuse_unbalanced_posting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced text;
BEGIN
    SELECT posting INTO unbalanced FROM added GROUP BY booking_id, posting
    HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the posting % is not balanced', unbalanced
              USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balanced';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER balanced AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_posting();

-- CREATE and ATTACH, because PARTITION OF would lock readers out.
CREATE FUNCTION ensure_booking_leaves(year int, month int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    suffix text := format('_y%sm%s', to_char(year, 'FM0000'), to_char(month, 'FM00'));
    start  timestamp := make_timestamp(year, month, 1, 0, 0, 0);
    parent text;
    leaf   text;
    bounds uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(1131770466);
    IF to_regclass('ledger_entry' || suffix) IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT array_agg((lpad(to_hex(extract(epoch FROM moment)::int8 * 1000), 12, '0')
                      || repeat('0', 20))::uuid ORDER BY moment)
      INTO bounds FROM unnest(ARRAY[start, start + interval '1 month']) AS moment;
    FOREACH parent IN ARRAY ARRAY['booking', 'booking_participant', 'booking_intent',
                                  'booking_event', 'ledger_posting', 'ledger_entry'] LOOP
        leaf := parent || suffix;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', leaf, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, leaf, bounds[1], bounds[2]);
        IF parent LIKE 'ledger%' THEN
            EXECUTE format('CREATE TRIGGER kept_whole BEFORE TRUNCATE ON %I
                            FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()', leaf);
        END IF;
    END LOOP;
END $$;

-- What is unique among all months' bookings. `is_live`: the booking has not ended.
CREATE TABLE booking_key (
    client_id  uuid NOT NULL,
    creator_id uuid NOT NULL,
    booking_id uuid NOT NULL UNIQUE,
    quote_id   uuid NOT NULL,
    tenant_id  int  NOT NULL,
    is_live    bool NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, creator_id, client_id)
);
CREATE UNIQUE INDEX booking_key_live_quote ON booking_key (tenant_id, quote_id) WHERE is_live;

-- What a trip costs, 30 days long. `items`: JSON, in which the suppliers' tokens are byte for byte.
-- `routes`: supplier, kind and ends of each item, as one text.
CREATE TABLE trip_quote (
    id         uuid  PRIMARY KEY,
    user_id    uuid  NOT NULL,
    room_id    uuid,
    stored_at  int8  NOT NULL,
    created_at int8  NOT NULL,
    expires_at int8  NOT NULL,
    amount     int8  NOT NULL,
    tenant_id  int   NOT NULL,
    is_booked  bool  NOT NULL DEFAULT false,
    currency   text  COLLATE "C" NOT NULL,
    routes     text[] COLLATE "C" NOT NULL,
    items      bytea NOT NULL
);
CREATE INDEX trip_quote_stored ON trip_quote (stored_at);
CREATE INDEX trip_quote_routes ON trip_quote USING gin (routes);

-- Who travels. `sealed`: nonce and AES-256-GCM ciphertext under a key made from the master key.
CREATE TABLE traveller (
    booking_id   uuid  NOT NULL,
    given_by     uuid  NOT NULL REFERENCES account ON DELETE CASCADE,
    tenant_id    int   NOT NULL,
    traveller_id text  COLLATE "C" NOT NULL,
    digest       text  COLLATE "C" NOT NULL,
    sealed       bytea NOT NULL,
    PRIMARY KEY (booking_id, traveller_id)
);
CREATE INDEX traveller_given_by ON traveller (given_by);
