-- SPDX-License-Identifier: Apache-2.0
-- silence_states() as it was, less dear: it is planned once for a session, not each time it is asked; when records of a transaction
-- were received is looked up once for all of them; and who has no earlier records is not looked for in earlier days.

-- 0022-silence.sql says what it gives.
CREATE OR REPLACE FUNCTION recent_starts(of_series bigint[], as_of timestamptz, together boolean)
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
        -- Who has no earlier ones, as the months say, is looked for no further.
        IF days = 4 AND NOT EXISTS (SELECT FROM measured_hour h WHERE h.hour < span_start AND NOT h.in_day) THEN
            SELECT array_agg(w.id) INTO wanted FROM unnest(wanted) AS w (id) WHERE EXISTS (
                SELECT FROM rollup_month r WHERE r.month = ANY (ARRAY(
                    SELECT DISTINCT date_trunc('month', h.hour, 'UTC') FROM measured_hour h WHERE h.hour < span_start))
                AND r.series_id = w.id AND r.grade_id = 0
                AND r.c0[CASE WHEN r.month = date_trunc('month', span_start, 'UTC')
                         THEN extract(day FROM span_start AT TIME ZONE 'UTC')::integer - 1 ELSE 31 END] > 0);
        END IF;
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;

-- When series, or a probe as one series made of all its records (together: of_series are its, and the one has the id 0), are
-- silent, by the records that start by `as_of`: as of then from silent_from on, which may lie behind as_of, and told
-- from told_from on, as long as no record comes. A row for each that has a record. last: L. e NULL: never silent. Of e as the
-- distances between minutes say it: with `holds` more distances behind the last one it cannot become less, and whatever
-- follows not less than `low` and these. ingestd, door: by which its last record came. seen_from: the first of the
-- minutes that e comes of.
CREATE OR REPLACE FUNCTION silence_states(of_series bigint[], as_of timestamptz, together boolean)
RETURNS TABLE (series_id bigint, last timestamptz, last_start timestamptz, e bigint, d bigint, holds integer, low bigint,
               silent_from timestamptz, told_from timestamptz, retire_at timestamptz, ingestd text, door text, seen_from timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH recent AS MATERIALIZED (
        SELECT CASE WHEN together THEN 0 ELSE r.series_id END AS id, r.* FROM recent_starts(of_series, as_of, together) AS r
    ), records AS MATERIALIZED ( -- the last one first
        SELECT r.*, row_number() OVER (PARTITION BY r.id ORDER BY r.t_start DESC, r.t_end DESC, r.key DESC, r.series_id DESC) AS n
        FROM recent r WHERE r.key IS NOT NULL
    ), latest AS MATERIALIZED (
        SELECT r.id, max(r.t_start) AS last_start, max(least(r.t_end, as_of)) AS last,
               max(r.ledger_id) FILTER (WHERE r.n = 1) AS ledger_id, max(r.origin) FILTER (WHERE r.n = 1) AS origin
        FROM records r GROUP BY r.id
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
    ), came AS MATERIALIZED ( -- when
        SELECT n.arrival, (SELECT o.received_at FROM arrival o WHERE o.number <= n.arrival ORDER BY o.number DESC LIMIT 1) AS at
        FROM (SELECT DISTINCT r.arrival FROM records r WHERE r.n <= 32) AS n
    ), delays AS (
        SELECT r.id, max(least(greatest(round(date_part('epoch', c.at - r.t_end) * 1000000)::bigint, 0),
                               86400000000)) AS d
        FROM records r JOIN came c USING (arrival) WHERE r.n <= 32 GROUP BY r.id
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
        LEFT JOIN delays y USING (id) LEFT JOIN ledger g ON g.id = k.ledger_id LEFT JOIN origin o ON o.id = k.origin
    )
    SELECT s.id, s.last, s.last_start, s.e, s.d, s.holds, s.low, t.silent_from, t.told_from,
           t.silent_from + coalesce(s.retire_us, greatest(604800000000, 100 * s.e)) * interval '1 microsecond',
           s.ingestd, s.door, s.seen_from
    FROM state s CROSS JOIN LATERAL (SELECT array_agg(a.t_from ORDER BY a.t_from) AS f, array_agg(a.t_to ORDER BY a.t_from) AS t
                                     FROM absences_of(s.ingestd, s.door, s.last) AS a) AS away
    CROSS JOIN LATERAL silence_times(s.last, s.e, s.d, away.f, away.t) AS t;
END $$;

ALTER FUNCTION silence_states SET search_path = ezrepo;
