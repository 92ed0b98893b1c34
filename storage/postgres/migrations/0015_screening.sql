-- What was said of bookings by who looks for fraud, and what is counted for it.

-- Each verdict and each operator's word about one, with the step that took it in. `n` counts in the booking;
-- `decided_by`: the operator; empty: the screener. `features` in the order of the model's own list. It names
-- nobody but the operator, and is kept as long as the booking.
CREATE TABLE booking_screening (
    booking_id uuid   NOT NULL,
    at         int8   NOT NULL,
    n          int4   NOT NULL,
    tenant_id  int4   NOT NULL,
    score      real,
    verdict    text   COLLATE "C" NOT NULL,
    model      text   COLLATE "C" NOT NULL,
    decided_by text   COLLATE "C" NOT NULL,
    reasons    text[] COLLATE "C" NOT NULL,
    features   real[] NOT NULL,
    PRIMARY KEY (booking_id, n)
) PARTITION BY RANGE (booking_id);
CREATE INDEX booking_screening_first ON booking_screening (tenant_id, booking_id) WHERE n = 1;

-- Its people ended it themselves: a booking that ended well, though nothing was booked.
ALTER TABLE booking ADD COLUMN is_called_off bool NOT NULL DEFAULT false;

-- A method that somebody tried to pay with, and once more when it was refused. Intents cannot say it: they name
-- no payer, and what a bank refuses on its own page ends no call. `method` is a digest; 31 days are kept, one more
-- than is ever counted.
CREATE TABLE payment_attempt (
    user_id    uuid  NOT NULL,
    booking_id uuid  NOT NULL,
    at         int8  NOT NULL,
    n          int8  NOT NULL,
    tenant_id  int4  NOT NULL,
    is_refused bool  NOT NULL,
    method     bytea NOT NULL,
    PRIMARY KEY (tenant_id, user_id, at, booking_id, n)
);
CREATE INDEX payment_attempt_at ON payment_attempt (at);

-- As before, with the seventh table.
CREATE OR REPLACE FUNCTION ensure_booking_leaves(year int, month int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    suffix text := format('_y%sm%s', to_char(year, 'FM0000'), to_char(month, 'FM00'));
    start  timestamp := make_timestamp(year, month, 1, 0, 0, 0);
    parent text;
    leaf   text;
    bounds uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(1131770466);
    IF to_regclass('booking_screening' || suffix) IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT array_agg((lpad(to_hex(extract(epoch FROM moment)::int8 * 1000), 12, '0')
                      || repeat('0', 20))::uuid ORDER BY moment)
      INTO bounds FROM unnest(ARRAY[start, start + interval '1 month']) AS moment;
    FOREACH parent IN ARRAY ARRAY['booking', 'booking_participant', 'booking_intent', 'booking_event',
                                  'ledger_posting', 'ledger_entry', 'booking_screening'] LOOP
        leaf := parent || suffix;
        CONTINUE WHEN to_regclass(leaf) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', leaf, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, leaf, bounds[1], bounds[2]);
        IF parent LIKE 'ledger%' THEN
            EXECUTE format('CREATE TRIGGER kept_whole BEFORE TRUNCATE ON %I
                            FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()', leaf);
        END IF;
    END LOOP;
END $$;

-- Months that are there already.
SELECT ensure_booking_leaves(substr(c.relname, 10, 4)::int, substr(c.relname, 15, 2)::int)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'booking'::regclass;
