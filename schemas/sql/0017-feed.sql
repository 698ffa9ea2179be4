-- SPDX-License-Identifier: Apache-2.0
-- The feed of changes, and cursors that know whose history they are of.

-- last: the last number that was given under this row; with it a store tells exactly up to which number it has all.
-- NULL in rows of the release before, but for the newest, under which so many numbers may have been given.
ALTER TABLE arrival ADD COLUMN last bigint;
UPDATE arrival SET last = number + 1048576 WHERE number = (SELECT max(number) FROM arrival);

-- Each connection that writes adds a row with the first transaction it numbers. A number and the mark of the row that
-- covers it, the one with the greatest `first` that is not greater, are the same in two states of a store only
-- if both have the same transactions up to that number (docs/architecture.md).
CREATE TABLE arrival_mark (
    first bigint PRIMARY KEY,
    mark  bigint NOT NULL
);

-- Any number but the few that are there already.
CREATE FUNCTION new_mark() RETURNS bigint LANGUAGE sql VOLATILE AS
$$SELECT hashtextextended(gen_random_uuid()::text, 0) & 9223372036854775807$$;
REVOKE ALL ON FUNCTION new_mark() FROM PUBLIC;
INSERT INTO arrival_mark VALUES (0, new_mark());

-- Up to this number all transactions are there.
CREATE FUNCTION arrival_last() RETURNS bigint LANGUAGE sql STABLE AS
$$SELECT coalesce((SELECT coalesce(last, number) FROM ezrepo.arrival ORDER BY number DESC LIMIT 1), 0)$$;

CREATE FUNCTION arrival_mark_of(number bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$SELECT mark FROM ezrepo.arrival_mark WHERE first <= number ORDER BY first DESC LIMIT 1$$;

-- Everything that is told, in the order of COMMIT: arrival is the number of the transaction it was told in, n rises in
-- it. Of an event, and of one that is retracted, the columns from event_id on say which; of others, detail. What
-- replaces what of the same series has the same arrival. What a rebuild makes of events is one entry, its own.
CREATE TABLE feed (
    arrival    bigint NOT NULL,
    told_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id   bigint,
    series_id  bigint,
    t          timestamptz,
    n          integer NOT NULL,
    grade_id   smallint,
    from_grade smallint,
    to_grade   smallint,
    kind       text NOT NULL,
    detail     jsonb,
    PRIMARY KEY (arrival, n)
);

-- Entries about what is under way: noted with its beginning, told with its end, by another stored if need be.
CREATE TABLE feed_due (
    kind    text NOT NULL,
    subject text NOT NULL,
    detail  jsonb NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- One row: entries of transactions below this number were told so long ago that they are gone.
CREATE TABLE feed_cut (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    below  bigint NOT NULL
);
INSERT INTO feed_cut (below) SELECT arrival_last() + 1; -- there was no feed before

COMMENT ON TABLE arrival_mark IS 'which connection gave the numbers from `first` on';
COMMENT ON TABLE feed IS 'what changed, in the order of COMMIT';
COMMENT ON TABLE feed_due IS 'entries of the feed about what is under way';
COMMENT ON TABLE feed_cut IS 'up to where the feed is gone';
