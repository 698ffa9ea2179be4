-- SPDX-License-Identifier: Apache-2.0
-- Gaps of the release before: a store that has series keeps them until its operator agrees to those of this one
-- (`ezrepo types adopt`) or says others himself. '' is for all types that are not named.
CREATE TABLE kept_gap (
    type text COLLATE "C" PRIMARY KEY,
    gap  interval NOT NULL
);
INSERT INTO kept_gap SELECT type, gap FROM record_type WHERE EXISTS (SELECT FROM series);

COMMENT ON TABLE record_type IS 'gaps by record type that periods are made with; '''' is for all others';

-- Series that have another gap are computed again while new records are taken; the others before.
ALTER TABLE series_again ADD meanwhile boolean NOT NULL DEFAULT false;
