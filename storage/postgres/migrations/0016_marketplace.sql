-- Characters on offer: a persona as its owner published it, who took it, and what they say of it.

-- `id` is the persona's. What is from `name` to `card` was the persona's at its `version`, a copy: what is given
-- is what was published, whatever became of the persona since. `suspended_for`: why an operator took it off the
-- market; empty: nobody did. `stars` is the sum of its `reviews`; `score` their mean in thousandths, with five
-- reviews of 3.6 stars beside them that nobody wrote: one friend does not go before a hundred customers.
CREATE TABLE listing (
    id            uuid  NOT NULL,
    owner_id      uuid  NOT NULL REFERENCES account ON DELETE CASCADE,
    published_at  int8  NOT NULL,
    tenant_id     int   NOT NULL,
    version       int   NOT NULL,
    imports       int   NOT NULL DEFAULT 0,
    reviews       int   NOT NULL DEFAULT 0,
    stars         int   NOT NULL DEFAULT 0,
    score         int   NOT NULL GENERATED ALWAYS AS ((stars + 18) * 1000 / (reviews + 5)) STORED,
    is_offered    bool  NOT NULL,
    suspended_for text  NOT NULL DEFAULT '',
    name          text  NOT NULL,
    style         text  COLLATE "C" NOT NULL,
    about         text  NOT NULL,
    greeting      text  NOT NULL,
    summary       text  NOT NULL,
    tags          text[] COLLATE "C" NOT NULL,
    words         tsvector NOT NULL,
    card          bytea,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, id) REFERENCES persona ON DELETE CASCADE
);
CREATE INDEX listing_best ON listing (tenant_id, score DESC, id DESC)
    WHERE is_offered AND suspended_for = '';
CREATE INDEX listing_words ON listing USING gin (words);
CREATE INDEX listing_tags ON listing USING gin (tags);
CREATE INDEX listing_of_owner ON listing (owner_id);

-- Who took it: whoever did may say how it is.
CREATE TABLE listing_import (
    listing_id  uuid NOT NULL,
    user_id     uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    imported_at int8 NOT NULL,
    tenant_id   int  NOT NULL,
    PRIMARY KEY (tenant_id, listing_id, user_id),
    FOREIGN KEY (tenant_id, listing_id) REFERENCES listing ON DELETE CASCADE
);
CREATE INDEX listing_import_of_user ON listing_import (user_id);

-- One of each user who took it. Whose it is, is shown to nobody.
CREATE TABLE listing_review (
    id          uuid NOT NULL,
    listing_id  uuid NOT NULL,
    user_id     uuid NOT NULL,
    written_at  int8 NOT NULL,
    tenant_id   int  NOT NULL,
    stars       int2 NOT NULL CHECK (stars BETWEEN 1 AND 5),
    text        text NOT NULL,
    PRIMARY KEY (tenant_id, listing_id, user_id),
    FOREIGN KEY (tenant_id, listing_id, user_id) REFERENCES listing_import ON DELETE CASCADE
);
CREATE INDEX listing_review_newest ON listing_review (tenant_id, listing_id, id DESC);
