-- How long messages are kept.

-- A room's own limit, read from its settings so that there is one truth.
ALTER TABLE room ADD COLUMN retention_days int GENERATED ALWAYS AS
    (substring(encode(settings, 'escape') FROM '"retentionDays": *([0-9]+)')::int) STORED;
CREATE INDEX room_retained ON room (id) WHERE retention_days IS NOT NULL;

CREATE INDEX search_document_age ON search_document (sent_at);
