-- How far business time runs ahead of the wall's: one row, which only grows.
CREATE TABLE business_clock (
    is_the_one bool PRIMARY KEY DEFAULT true CHECK (is_the_one),
    offset_ms  int8 NOT NULL
);
INSERT INTO business_clock (offset_ms) VALUES (0);
