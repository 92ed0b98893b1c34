-- Events that providers delivered: each is taken once.
CREATE TABLE webhook_event (
    received_at int8 NOT NULL,
    provider    text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX webhook_event_age ON webhook_event (received_at);

-- `sealed`: the secret, encrypted under the master key (AES-GCM; nonce first).
CREATE TABLE webhook_secret (
    since       int8 NOT NULL,
    provider    text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    sealed      bytea NOT NULL,
    PRIMARY KEY (provider, endpoint_id)
);
