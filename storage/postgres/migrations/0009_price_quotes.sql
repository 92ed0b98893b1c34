-- What a journey was offered for, whoever was to travel: equality alone is asked, so the index is a hash.
CREATE INDEX offer_journey ON offer USING hash ((query - 'party'));
