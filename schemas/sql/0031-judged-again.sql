-- SPDX-License-Identifier: Apache-2.0
-- Told silences are judged again some at a time, and not where records that mattered were dropped.

-- Of silences that were told before it is not known.
ALTER TABLE silence ADD COLUMN seen_from timestamptz; -- e comes of records that start from this minute on

-- What is noted while a judgement is under way is one more note: there are two rows of a subject at most, one whose silences up to
-- `judged` are, and one of which none is. asked: another number each time that it is noted.
CREATE SEQUENCE silence_asked;
ALTER TABLE silence_again ADD COLUMN asked bigint NOT NULL DEFAULT nextval('ezrepo.silence_asked'),
    ADD COLUMN judged bigint NOT NULL DEFAULT 0, DROP CONSTRAINT silence_again_pkey;
CREATE UNIQUE INDEX silence_again_of ON silence_again (series_id, probe, (judged > 0));
CREATE INDEX silence_again_next ON silence_again ((judged = 0), asked);

-- Whether the entry e is for the series s.
CREATE FUNCTION is_expected_by(s series, e expected) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.type LIKE e.likes[1] AND s.content LIKE e.likes[2] AND s.probe LIKE e.likes[3] AND s.path LIKE e.likes[6]
        AND CASE WHEN e.source_prefix IS NULL THEN s.source LIKE e.likes[4] WHEN s.source_addr IS NULL THEN s.source = e.source
                 ELSE s.source_addr <<= e.source_prefix END
        AND CASE WHEN e.dest_prefix IS NULL THEN s.dest LIKE e.likes[5] WHEN s.dest_addr IS NULL THEN s.dest = e.dest
                 ELSE s.dest_addr <<= e.dest_prefix END
$$;

-- The one that decides about a series; no row: none is for it.
CREATE FUNCTION expected_of(s series) RETURNS SETOF expected LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT e.* FROM ezrepo.expected e WHERE e.removed_at IS NULL AND ezrepo.is_expected_by(s, e) ORDER BY e.number DESC LIMIT 1
$$;

DROP FUNCTION silence_of_probe;
DROP FUNCTION silence_states;
DROP FUNCTION expected_of(text, text, text, text, text, text, inet, inet);

-- When series, or a probe as one series made of all its records (together: of_series are its, and the one has the id 0), are
-- silent, by the records that start by `as_of`: as of then from silent_from on, which may lie behind as_of, and told
-- from told_from on, as long as no record comes. A row for each that has a record. last: L. e NULL: never silent. Of e as the
-- distances between minutes say it: with `holds` more distances behind the last one it cannot become less, and whatever
-- follows not less than `low` and these. ingestd, door: by which its last record came. seen_from: the first of the
-- minutes that e comes of.
CREATE FUNCTION silence_states(of_series bigint[], as_of timestamptz, together boolean)
RETURNS TABLE (series_id bigint, last timestamptz, last_start timestamptz, e bigint, d bigint, holds integer, low bigint,
               silent_from timestamptz, told_from timestamptz, retire_at timestamptz, ingestd text, door text, seen_from timestamptz)
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
    ), minutes AS MATERIALIZED ( -- the last one first
        SELECT u.id, u.minute, (u.minute - lead(u.minute) OVER w) * 60000000 AS distance, row_number() OVER w AS n
        FROM (SELECT DISTINCT r.id, floor(date_part('epoch', r.t_start) / 60)::bigint AS minute FROM recent r) AS u
        WINDOW w AS (PARTITION BY u.id ORDER BY u.minute DESC)
    ), seen AS (
        SELECT m.id, to_timestamp(min(m.minute) * 60) AS seen_from FROM minutes m WHERE m.n <= 33 GROUP BY m.id
    ), distances AS MATERIALIZED ( -- likewise
        SELECT m.id, m.distance, m.n, row_number() OVER (PARTITION BY m.id ORDER BY m.distance DESC) AS place
        FROM minutes m WHERE m.n <= 32 AND m.distance IS NOT NULL
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
        LEFT JOIN LATERAL expected_of(s) AS x ON true
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
               coalesce(s.every_us, m.low, 60000000) AS low, n.seen_from
        FROM latest k JOIN seen n USING (id) JOIN subject s USING (id) LEFT JOIN later l USING (id) LEFT JOIN measured m USING (id)
        LEFT JOIN delays y USING (id) LEFT JOIN records r ON r.id = k.id AND r.n = 1
        LEFT JOIN ledger g ON g.id = r.ledger_id LEFT JOIN origin o ON o.id = r.origin
    )
    SELECT s.id, s.last, s.last_start, s.e, s.d, s.holds, s.low, t.silent_from, t.told_from,
           t.silent_from + coalesce(s.retire_us, greatest(604800000000, 100 * s.e)) * interval '1 microsecond',
           s.ingestd, s.door, s.seen_from
    FROM state s CROSS JOIN LATERAL (SELECT array_agg(a.t_from ORDER BY a.t_from) AS f, array_agg(a.t_to ORDER BY a.t_from) AS t
                                     FROM absences_of(s.ingestd, s.door, s.last) AS a) AS away
    CROSS JOIN LATERAL silence_times(s.last, s.e, s.d, away.f, away.t) AS t
$$;

-- Of the series of a probe as one, if it has any.
CREATE FUNCTION silence_of_probe(of_probe text, as_of timestamptz)
RETURNS TABLE (series_id bigint, last timestamptz, last_start timestamptz, e bigint, d bigint, holds integer, low bigint,
               silent_from timestamptz, told_from timestamptz, retire_at timestamptz, ingestd text, door text, seen_from timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1 AS $$
    SELECT s.* FROM (SELECT array_agg(id) AS ids FROM series WHERE probe = of_probe) AS its
    CROSS JOIN LATERAL silence_states(its.ids, as_of, true) AS s WHERE its.ids IS NOT NULL
$$;

-- Of a series, or where that is 0 of a probe.
CREATE FUNCTION silence_of(of_series bigint, of_probe text, as_of timestamptz)
RETURNS TABLE (last timestamptz, e bigint, d bigint, silent_from timestamptz, retire_at timestamptz, listed boolean)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 AS $$
BEGIN
    IF of_series = 0 THEN
        RETURN QUERY SELECT s.last, s.e, s.d, s.silent_from, s.retire_at, s.holds = 32 FROM silence_of_probe(of_probe, as_of) AS s;
    ELSE
        RETURN QUERY SELECT s.last, s.e, s.d, s.silent_from, s.retire_at, s.holds = 32
                     FROM silence_states(ARRAY[of_series], as_of, false) AS s;
    END IF;
END $$;

-- Whether records of a series, or where that is 0 of a probe, that start within the minute `since` or later were dropped, or may be.
CREATE FUNCTION may_be_dropped(of_series bigint, of_probe text, since timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    day date := (since AT TIME ZONE 'UTC')::date;
BEGIN
    RETURN EXISTS (SELECT FROM retention_class c WHERE c.horizon > day) AND EXISTS (
        SELECT FROM (SELECT DISTINCT s.type FROM series s
                     WHERE CASE WHEN of_series = 0 THEN s.probe = of_probe ELSE s.id = of_series END) AS its
        LEFT JOIN retention_class c ON c.type = its.type CROSS JOIN retention_class rest
        WHERE rest.class = 0 -- which has those of days before c.from_day
          AND (c.horizon > greatest(day, c.from_day) OR least(rest.horizon, c.from_day) > day));
END $$;

-- The same as next_start(), of a series or a probe.
CREATE FUNCTION next_start_of(of_series bigint, of_probe text, behind timestamptz, until timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
    SELECT next_start(CASE WHEN of_series = 0 THEN (SELECT array_agg(id) FROM series WHERE probe = of_probe)
                           ELSE ARRAY[of_series] END, behind, until)
$$;

ALTER FUNCTION silence_states SET search_path = ezrepo;
ALTER FUNCTION silence_of_probe SET search_path = ezrepo;
ALTER FUNCTION silence_of SET search_path = ezrepo;
ALTER FUNCTION may_be_dropped SET search_path = ezrepo;
ALTER FUNCTION next_start_of SET search_path = ezrepo;

COMMENT ON SEQUENCE silence_asked IS 'numbers of notes in silence_again';
