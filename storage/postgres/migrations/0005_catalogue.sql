-- The shipped catalogue of places, loaded from data/places.jsonl.gz. `rank`: destinations, then
-- cities, then airports. `position`: (longitude, latitude). `names`: folded; `pieces`: what
-- storage/place_names.py cuts them into. `body`: the place as JSON.
CREATE TABLE place (
    id         text COLLATE "C" PRIMARY KEY,
    rank       int2   NOT NULL,
    iata       text COLLATE "C",
    population int8   NOT NULL,
    tags       text[] NOT NULL,
    position   point  NOT NULL,
    names      text[] NOT NULL,
    pieces     int4[] NOT NULL,
    body       bytea  NOT NULL
);
CREATE INDEX place_iata ON place (iata, rank, population DESC) WHERE iata IS NOT NULL;
CREATE INDEX place_position ON place USING gist (position);
CREATE INDEX place_pieces ON place USING gin (pieces);
CREATE INDEX place_destinations ON place USING gin (tags) WHERE rank = 0;
-- Which edition of the file the table holds; one row or none.
CREATE TABLE place_edition (
    version text NOT NULL
);
