-- SPDX-License-Identifier: Apache-2.0
-- Which series and probes are silent: docs/semantics.md, "Silence". What is told of it is in `silence` and in the feed.
-- Intervals of time are microseconds in functions: those that have days depend on a session's time zone.

-- How often a record type is measured, where that is known, as stored's record types had it when it last looked.
CREATE TABLE record_type_interval (
    type        text COLLATE "C" PRIMARY KEY,
    interval_us bigint NOT NULL CHECK (interval_us > 0)
);

-- The operator's list of expected series. Of several entries that match a series the one with the greatest number decides. An
-- entry that restricts nothing but the probe is for probes, too. Removed ones stay, for whoever asks who expected what.
CREATE TABLE expected (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type          text COLLATE "C" NOT NULL, -- patterns, as they were written
    content       text COLLATE "C" NOT NULL,
    probe         text COLLATE "C" NOT NULL,
    source        text COLLATE "C" NOT NULL,
    dest          text COLLATE "C" NOT NULL,
    path          text COLLATE "C" NOT NULL,
    likes         text[] COLLATE "C" NOT NULL, -- the six, as LIKE has them
    source_prefix inet,                        -- of those that are addresses or prefixes: these, and no LIKE
    dest_prefix   inet,
    every_us      bigint NOT NULL CHECK (every_us > 0),
    delay_us      bigint CHECK (delay_us >= 0), -- NULL: what is seen
    retire_us     bigint CHECK (retire_us >= 0), -- NULL: 7 days or 100 times every_us, the longer
    author        text NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_by    text,
    removed_at    timestamptz
);

-- Silences that were told, of a series or (series_id NULL) of a probe as one series made of all its records. What was told of
-- it is in the feed under the numbers `told`, `ended`, `retracted`, `retired`: those of the transactions.
CREATE TABLE silence (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id    bigint,
    probe        text COLLATE "C" NOT NULL,
    silent_from  timestamptz NOT NULL, -- L + 3 e, and what does not count
    last_end     timestamptz NOT NULL, -- L
    expected_us  bigint NOT NULL,      -- e
    delay_us     bigint NOT NULL,      -- d
    retire_at    timestamptz NOT NULL,
    as_of        timestamptz NOT NULL, -- the instant it was told: then it was silent by all that had come in
    told         bigint NOT NULL,
    silent_until timestamptz,          -- the start of its next record
    ended        bigint,
    retracted    bigint,               -- by all that is known now it was not silent at `as_of`
    retired      bigint                -- it has been silent for so long that nobody expects it any more
);
CREATE UNIQUE INDEX silence_open_series ON silence (series_id)
    WHERE series_id IS NOT NULL AND silent_until IS NULL AND retracted IS NULL;
CREATE UNIQUE INDEX silence_open_probe ON silence (probe) WHERE series_id IS NULL AND silent_until IS NULL AND retracted IS NULL;
CREATE INDEX silence_of_series ON silence (series_id, as_of) WHERE series_id IS NOT NULL;
CREATE INDEX silence_of_probe ON silence (probe, as_of) WHERE series_id IS NULL;

-- Series and probes (series_id 0) whose told silences are to be looked at again: records came that start at or before the
-- instant at which some of them were told. since: the earliest start.
CREATE TABLE silence_again (
    series_id bigint NOT NULL,
    probe     text COLLATE "C" NOT NULL, -- '' of a series
    since     timestamptz NOT NULL,
    PRIMARY KEY (series_id, probe)
);

-- Of a probe that is silent, in an entry of the feed that is about no series.
ALTER TABLE feed ADD COLUMN probe text COLLATE "C";

CREATE INDEX series_probe ON series (probe);

-- The entry that decides about a series; no row: none is for it.
CREATE FUNCTION expected_of(type text, content text, probe text, source text, dest text, path text, source_addr inet,
                            dest_addr inet)
RETURNS SETOF expected LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT e.* FROM ezrepo.expected e
    WHERE e.removed_at IS NULL AND $1 LIKE e.likes[1] AND $2 LIKE e.likes[2] AND $3 LIKE e.likes[3] AND $6 LIKE e.likes[6]
      AND CASE WHEN e.source_prefix IS NULL THEN $4 LIKE e.likes[4] WHEN $7 IS NULL THEN $4 = e.source
               ELSE $7 <<= e.source_prefix END
      AND CASE WHEN e.dest_prefix IS NULL THEN $5 LIKE e.likes[5] WHEN $8 IS NULL THEN $5 = e.dest
               ELSE $8 <<= e.dest_prefix END
    ORDER BY e.number DESC LIMIT 1
$$;

-- The same of a probe.
CREATE FUNCTION expected_of_probe(probe text) RETURNS SETOF expected LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT e.* FROM ezrepo.expected e
    WHERE e.removed_at IS NULL AND $1 LIKE e.likes[3] AND e.source_prefix IS NULL AND e.dest_prefix IS NULL
      AND (e.type, e.content, e.source, e.dest, e.path) = ('*', '*', '*', '*', '*')
    ORDER BY e.number DESC LIMIT 1
$$;

-- What it takes to know how often series are measured, as of an instant, of those that start by then: at least the last 32
-- records of each, and a start in each of the last 33 minutes in which some start (key NULL where nothing else is told).
-- together: the series are one, of which that holds. The newest day that has records of anybody's is looked at
-- first, then spans twice as long, of at most 16 days.
CREATE FUNCTION recent_starts(of_series bigint[], as_of timestamptz, together boolean)
RETURNS TABLE (series_id bigint, t_start timestamptz, t_end timestamptz, key bigint, arrival bigint, ledger_id integer,
               origin smallint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 AS $$
DECLARE
    enough CONSTANT integer := 40; -- records, which are mostly of 33 minutes
    wanted bigint[] := of_series;
    dense bigint[];
    ids bigint[]; starts timestamptz[]; ends timestamptz[]; keys bigint[]; arrivals bigint[]; ledgers integer[];
    origins smallint[];
    all_ids bigint[] := '{}'; all_starts timestamptz[] := '{}'; -- of all spans
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := as_of + interval '1 microsecond';
BEGIN
    WHILE cardinality(wanted) > 0 LOOP
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h WHERE h.hour < span_end;
        EXIT WHEN day IS NULL;
        span_start := day - (days - 1) * interval '24 hours';
        span_end := least(span_end, day + interval '24 hours');
        EXECUTE
            'SELECT array_agg(r.series_id), array_agg(r.t_start), array_agg(r.t_end), array_agg(r.key), array_agg(r.arrival),'
            '       array_agg(r.ledger_id), array_agg(r.origin)'
            ' FROM unnest($1) AS o (id) CROSS JOIN LATERAL (SELECT * FROM measurement m WHERE m.series_id = o.id'
            '    AND m.t_start >= $2 AND m.t_start < $3 ORDER BY m.t_start DESC, m.t_end DESC, m.key DESC LIMIT $4) AS r'
            INTO ids, starts, ends, keys, arrivals, ledgers, origins USING wanted, span_start, span_end, enough;
        RETURN QUERY SELECT * FROM unnest(ids, starts, ends, keys, arrivals, ledgers, origins);
        all_ids := all_ids || ids;
        all_starts := all_starts || starts;
        -- Of those that have more records within less minutes: minute by minute.
        SELECT array_agg(d.id) INTO dense FROM (
            SELECT u.id FROM unnest(ids, starts) AS u (id, t) GROUP BY u.id
            HAVING count(*) = enough AND count(DISTINCT floor(date_part('epoch', u.t) / 60)) < 33) AS d;
        IF dense IS NOT NULL THEN
            EXECUTE
                'SELECT array_agg(o.id), array_agg(r.t_start) FROM unnest($1) AS o (id) CROSS JOIN LATERAL ('
                '    WITH RECURSIVE minutes AS ('
                '        (SELECT m.t_start, 1 AS n FROM measurement m WHERE m.series_id = o.id AND m.t_start >= $2'
                '            AND m.t_start < $3 ORDER BY m.t_start DESC LIMIT 1)'
                '        UNION ALL'
                '        SELECT b.t_start, k.n + 1 FROM minutes k CROSS JOIN LATERAL (SELECT m.t_start FROM measurement m'
                '            WHERE m.series_id = o.id AND m.t_start >= $2 AND m.t_start < $3'
                '              AND m.t_start < date_trunc(''minute'', k.t_start, ''UTC'')'
                '            ORDER BY m.t_start DESC LIMIT 1) AS b WHERE k.n < 33)'
                '    SELECT k.t_start FROM minutes k) AS r'
                INTO ids, starts USING dense, span_start, span_end;
            RETURN QUERY SELECT u.id, u.t, NULL::timestamptz, NULL::bigint, NULL::bigint, NULL::integer, NULL::smallint
                         FROM unnest(ids, starts) AS u (id, t);
            all_ids := all_ids || ids;
            all_starts := all_starts || starts;
        END IF;
        SELECT array_agg(w.id) INTO wanted
        FROM unnest(wanted) AS w (id)
        LEFT JOIN (SELECT CASE WHEN together THEN 0 ELSE f.id END AS id,
                          count(DISTINCT floor(date_part('epoch', f.t) / 60)) AS minutes
                   FROM unnest(all_ids, all_starts) AS f (id, t) GROUP BY 1) AS c
               ON c.id = CASE WHEN together THEN 0 ELSE w.id END
        WHERE coalesce(c.minutes, 0) < 33;
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;

-- The latest end, at most as_of, of the records of each series that start by then, where it is later than `last`, that of its
-- last records: one that began long before may still run. Only hours are read that hold some record that ends so late.
CREATE FUNCTION later_ends(of_series bigint[], last timestamptz[], as_of timestamptz)
RETURNS TABLE (series_id bigint, t_end timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 AS $$
DECLARE
    hours timestamptz[];
    reaches timestamptz[];
BEGIN
    SELECT array_agg(h.hour), array_agg(h.reach) INTO hours, reaches FROM measured_hour h
    WHERE h.hour <= as_of AND h.reach > (SELECT min(u.l) FROM unnest(last) AS u (l));
    RETURN QUERY EXECUTE
        'SELECT m.series_id, max(least(m.t_end, $5)) FROM unnest($1, $2) AS o (id, last)'
        ' JOIN unnest($3, $4) AS h (hour, reach) ON h.reach > o.last'
        ' JOIN measurement m ON m.series_id = o.id AND m.t_start >= h.hour AND m.t_start < h.hour + interval ''1 hour'''
        '  AND m.t_end > o.last AND m.t_start >= $6 AND m.t_start <= $5 GROUP BY m.series_id'
        USING of_series, last, hours, reaches, as_of, (SELECT min(u.h) FROM unnest(hours) AS u (h));
END $$;

-- From when on something is silent, and when that is told: 3 e after its last end and d later, in time that counts, which that
-- within an absence does not; and not before e after an absence that began before it was silent. Absences as
-- absences_of() has them: in order, none touching another.
CREATE FUNCTION silence_times(last timestamptz, e bigint, d bigint, absent_from timestamptz[], absent_to timestamptz[],
                              OUT silent_from timestamptz, OUT told_from timestamptz)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    us CONSTANT interval := interval '1 microsecond';
    late boolean := false; -- an absence that only puts off the telling
BEGIN
    silent_from := last + 3 * e * us;
    told_from := silent_from + d * us;
    FOR i IN 1 .. coalesce(cardinality(absent_from), 0) LOOP
        CONTINUE WHEN absent_to[i] <= last;
        late := late OR absent_from[i] >= silent_from;
        EXIT WHEN late AND absent_from[i] >= told_from;
        IF absent_to[i] = 'infinity' THEN -- it is absent now
            silent_from := CASE WHEN late THEN silent_from ELSE 'infinity' END;
            told_from := 'infinity';
            RETURN;
        END IF;
        IF NOT late THEN
            silent_from := greatest(silent_from + (absent_to[i] - greatest(absent_from[i], last)), absent_to[i] + e * us);
            told_from := silent_from + d * us;
        ELSE
            told_from := told_from + (absent_to[i] - absent_from[i]);
        END IF;
    END LOOP;
END $$;

-- When series, or a probe as one series made of all its records (together: of_series are its, and the one has the id 0), are
-- silent, by the records that start by `as_of`: as of then from silent_from on, which may lie behind as_of, and told
-- from told_from on, as long as no record comes. A row for each that has a record. last: L. e NULL: never silent. Of e as the
-- distances between minutes say it: with `holds` more distances behind the last one it cannot become less, and whatever
-- follows not less than `low` and these. ingestd, door: by which its last record came.
CREATE FUNCTION silence_states(of_series bigint[], as_of timestamptz, together boolean)
RETURNS TABLE (series_id bigint, last timestamptz, last_start timestamptz, e bigint, d bigint, holds integer, low bigint,
               silent_from timestamptz, told_from timestamptz, retire_at timestamptz, ingestd text, door text)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
    WITH recent AS MATERIALIZED (
        SELECT CASE WHEN together THEN 0 ELSE r.series_id END AS id, r.* FROM recent_starts(of_series, as_of, together) AS r
    ), records AS MATERIALIZED ( -- the last 32 of each
        SELECT * FROM (SELECT r.*, row_number() OVER (PARTITION BY r.id ORDER BY r.t_start DESC, r.t_end DESC, r.key DESC,
                              r.series_id DESC) AS n FROM recent r WHERE r.key IS NOT NULL) AS k WHERE k.n <= 32
    ), latest AS MATERIALIZED (
        SELECT r.id, max(r.t_start) AS last_start, max(least(r.t_end, as_of)) AS last FROM recent r WHERE r.key IS NOT NULL
        GROUP BY r.id
    ), later AS MATERIALIZED (
        SELECT CASE WHEN together THEN 0 ELSE l.series_id END AS id, max(l.t_end) AS t_end
        FROM (SELECT array_agg(u.id) AS ids, array_agg(k.last) AS lasts FROM unnest(of_series) AS u (id)
              JOIN latest k ON k.id = CASE WHEN together THEN 0 ELSE u.id END) AS all_of,
        LATERAL later_ends(all_of.ids, all_of.lasts, as_of) AS l GROUP BY 1
    ), distances AS MATERIALIZED ( -- the last one first
        SELECT m.id, m.distance, row_number() OVER (PARTITION BY m.id ORDER BY m.minute DESC) AS n,
               row_number() OVER (PARTITION BY m.id ORDER BY m.distance DESC) AS place
        FROM (SELECT u.id, u.minute, (u.minute - lead(u.minute) OVER w) * 60000000 AS distance, row_number() OVER w AS n
              FROM (SELECT DISTINCT r.id, floor(date_part('epoch', r.t_start) / 60)::bigint AS minute FROM recent r) AS u
              WINDOW w AS (PARTITION BY u.id ORDER BY u.minute DESC)) AS m
        WHERE m.n <= 32 AND m.distance IS NOT NULL
    ), measured AS (
        SELECT d.id, count(*)::integer AS n, min(d.distance) AS low, min(s.distance) AS e,
               32 - (array_agg(d.n ORDER BY d.n) FILTER (WHERE d.distance >= s.distance))[2]::integer AS holds
        FROM distances d LEFT JOIN distances s ON s.id = d.id AND s.place = 2 GROUP BY d.id
    ), delays AS (
        SELECT r.id, max(least(greatest(round(date_part('epoch', a.received_at - r.t_end) * 1000000)::bigint, 0),
                               86400000000)) AS d
        FROM records r CROSS JOIN LATERAL (SELECT o.received_at FROM arrival o WHERE o.number <= r.arrival
                                           ORDER BY o.number DESC LIMIT 1) AS a GROUP BY r.id
    ), subject AS (
        SELECT s.id, i.interval_us, x.every_us, x.delay_us, x.retire_us
        FROM unnest(of_series) AS u (id) JOIN series s ON s.id = u.id
        LEFT JOIN record_type_interval i ON i.type = s.type
        LEFT JOIN LATERAL expected_of(s.type, s.content, s.probe, s.source, s.dest, s.path, s.source_addr, s.dest_addr) AS x
               ON true
        WHERE NOT together
        UNION ALL
        SELECT 0, p.interval_us, x.every_us, x.delay_us, x.retire_us
        FROM (SELECT min(i.interval_us) AS interval_us, min(s.probe) AS probe FROM unnest(of_series) AS u (id)
              JOIN series s ON s.id = u.id LEFT JOIN record_type_interval i ON i.type = s.type) AS p
        LEFT JOIN LATERAL expected_of_probe(p.probe) AS x ON true
        WHERE together
    ), state AS (
        SELECT k.id, greatest(k.last, l.t_end) AS last, k.last_start, g.instance::text AS ingestd, o.door,
               coalesce(s.delay_us, y.d, 0) AS d, s.retire_us,
               CASE WHEN s.every_us IS NOT NULL THEN s.every_us WHEN m.n >= 8 THEN m.e ELSE s.interval_us END AS e,
               CASE WHEN s.every_us IS NOT NULL THEN 32 WHEN m.n >= 8 THEN m.holds ELSE 7 - coalesce(m.n, 0) END AS holds,
               coalesce(s.every_us, m.low, 60000000) AS low
        FROM latest k JOIN subject s USING (id) LEFT JOIN later l USING (id) LEFT JOIN measured m USING (id)
        LEFT JOIN delays y USING (id) LEFT JOIN records r ON r.id = k.id AND r.n = 1
        LEFT JOIN ledger g ON g.id = r.ledger_id LEFT JOIN origin o ON o.id = r.origin
    )
    SELECT s.id, s.last, s.last_start, s.e, s.d, s.holds, s.low, t.silent_from, t.told_from,
           t.silent_from + coalesce(s.retire_us, greatest(604800000000, 100 * s.e)) * interval '1 microsecond',
           s.ingestd, s.door
    FROM state s CROSS JOIN LATERAL (SELECT array_agg(a.t_from ORDER BY a.t_from) AS f, array_agg(a.t_to ORDER BY a.t_from) AS t
                                     FROM absences_of(s.ingestd, s.door, s.last) AS a) AS away
    CROSS JOIN LATERAL silence_times(s.last, s.e, s.d, away.f, away.t) AS t
$$;

-- Of the series of a probe as one, if it has any.
CREATE FUNCTION silence_of_probe(of_probe text, as_of timestamptz)
RETURNS TABLE (series_id bigint, last timestamptz, last_start timestamptz, e bigint, d bigint, holds integer, low bigint,
               silent_from timestamptz, told_from timestamptz, retire_at timestamptz, ingestd text, door text)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1 AS $$
    SELECT s.* FROM (SELECT array_agg(id) AS ids FROM series WHERE probe = of_probe) AS its
    CROSS JOIN LATERAL silence_states(its.ids, as_of, true) AS s WHERE its.ids IS NOT NULL
$$;

-- When the first record after an instant starts, of all of these, at `until` at the latest; NULL: there is none. Days that hold
-- some are looked at from that on, in spans twice as long each.
CREATE FUNCTION next_start(of_series bigint[], behind timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    days integer := 1;
    span_start timestamptz := behind;
    span_end timestamptz;
    hour timestamptz;
    first timestamptz;
BEGIN
    LOOP
        SELECT min(h.hour) INTO hour FROM measured_hour h
        WHERE h.hour >= date_trunc('hour', span_start, 'UTC') AND h.hour <= until;
        EXIT WHEN hour IS NULL;
        span_start := greatest(span_start, hour);
        span_end := date_trunc('day', span_start, 'UTC') + days * interval '24 hours';
        EXECUTE 'SELECT min(f.t) FROM unnest($1) AS o (id) CROSS JOIN LATERAL (SELECT m.t_start AS t FROM measurement m'
                '  WHERE m.series_id = o.id AND m.t_start > $2 AND m.t_start >= $3 AND m.t_start < $4 AND m.t_start <= $5'
                '  ORDER BY m.t_start LIMIT 1) AS f'
            INTO first USING of_series, behind, span_start, span_end, until;
        EXIT WHEN first IS NOT NULL;
        span_start := span_end;
        days := least(2 * days, 16);
    END LOOP;
    RETURN first;
END $$;

ALTER FUNCTION silence_states SET search_path = ezrepo;
ALTER FUNCTION silence_of_probe SET search_path = ezrepo;
ALTER FUNCTION next_start SET search_path = ezrepo;

COMMENT ON TABLE record_type_interval IS 'how often record types are measured';
COMMENT ON TABLE expected IS 'which series are expected how often, as operators say';
COMMENT ON TABLE silence IS 'silences that were told';
COMMENT ON TABLE silence_again IS 'whose told silences late records may have changed';
