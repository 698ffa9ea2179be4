-- SPDX-License-Identifier: Apache-2.0
-- For pages that draw: open periods completed, counts by series, and the values of a metric by columns of time. The days
-- they read are known only while the statement runs (as in 0011-identity.sql each is planned for its own partitions).

-- The end and the number of records that open periods have at this moment; `known` as period_known has them.
CREATE FUNCTION periods_completed(known period_known[])
RETURNS TABLE (series_id bigint, grade_id smallint, t_end timestamptz, records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT p.series_id, p.grade_id, greatest(p.t_end, later.t_end), p.records + later.records'
        ' FROM unnest($1) AS p CROSS JOIN LATERAL ('
        '    SELECT max(m.t_end) AS t_end, count(*) AS records FROM measurement m'
        '    WHERE m.series_id = p.series_id AND m.t_start >= p.through_t AND m.t_start >= $2'
        '      AND (m.t_start, m.t_end, m.key) > (p.through_t, p.through_end, p.through_key)'
        '      AND m.grades[p.grade_id] > 0) AS later'
        USING known, (SELECT min(o.through_t) FROM unnest(known) AS o);
END $$;

-- As counted_records(), by series: how many records there are (n), and how many of them have which grade of this name.
CREATE FUNCTION counted_by_series(hours timestamptz[], since timestamptz, until timestamptz,
                                  reaching timestamptz, of_series bigint[], name smallint)
RETURNS TABLE (series_id bigint, n bigint, n1 bigint, n2 bigint, n3 bigint, n4 bigint, n5 bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 AS $$
DECLARE
    span record;
BEGIN
    -- Hours that follow each other are one span, within a day.
    FOR span IN SELECT min(h.hour) AS first, max(h.hour) + interval '1 hour' AS after
                FROM (SELECT u.hour, u.hour - row_number() OVER (ORDER BY u.hour) * interval '1 hour' AS island
                      FROM unnest(hours) AS u (hour)) AS h
                GROUP BY h.island, date_trunc('day', h.hour, 'UTC') LOOP
        RETURN QUERY EXECUTE
            'SELECT m.series_id, count(*), count(*) FILTER (WHERE m.grades[$4] = 1),'
            ' count(*) FILTER (WHERE m.grades[$4] = 2), count(*) FILTER (WHERE m.grades[$4] = 3),'
            ' count(*) FILTER (WHERE m.grades[$4] = 4), count(*) FILTER (WHERE m.grades[$4] = 5) FROM measurement m'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($3) AS of (id) ON of.id = m.series_id' END ||
            ' WHERE m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $5 GROUP BY m.series_id'
            USING greatest(since, span.first), least(until, span.after), of_series, name, reaching;
    END LOOP;
END $$;

-- Which of a result's columns a metric's value is in for a record of this type, as grading by this version takes it: that
-- of its own name, else of the first alias that is there; NULL: none.
CREATE FUNCTION metric_place(version integer, type text, metric text, results text[]) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT coalesce(array_position(results, metric),
        (SELECT array_position(results, a.name)
         FROM grading g CROSS JOIN LATERAL jsonb_array_elements_text(
             nullif(g.types, '')::jsonb -> 'types' -> metric_place.type -> 'aliases' -> metric) WITH ORDINALITY AS a (name, place)
         WHERE g.version = metric_place.version AND array_position(results, a.name) IS NOT NULL
         ORDER BY a.place LIMIT 1));
END;

-- The values of a metric of these series' records that start from `since` to before `until`, by which of `columns` equal
-- parts of that range they start in (from 0): several rows may be of one part. Values that cannot be are not there, nor
-- texts that are no number or a longer one than a hundred digits before or behind the point and an exponent of two.
-- digits: the most behind the point that one of them has. Where there are more than `most` records, one row without a part.
CREATE FUNCTION metric_buckets(of_series bigint[], metric text, since timestamptz, until timestamptz, columns integer,
                               most bigint)
RETURNS TABLE (part bigint, low numeric, sum numeric, high numeric, n bigint, digits integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 600 AS $$
DECLARE
    span record;
    known record;
    looked_at bigint := 0;
BEGIN
    -- Days that have records, up to sixteen of them at once.
    FOR span IN SELECT min(d.day) AS first, max(d.day) + interval '24 hours' AS after
                FROM (SELECT DISTINCT date_trunc('day', h.hour, 'UTC') AS day FROM measured_hour h
                      WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < until) AS d
                GROUP BY div(extract(epoch FROM d.day), 1382400) ORDER BY 1 LOOP
        -- What their values mean: which column of each schema, and what it can hold.
        EXECUTE
            'SELECT sum(k.records) AS records, array_agg(k.schema_id) AS schemas, array_agg(k.grading_version) AS versions,'
            ' array_agg(k.type) AS types, array_agg(p.place) AS places, array_agg((r.range ->> ''min'')::numeric) AS mins,'
            ' array_agg((r.range ->> ''max'')::numeric) AS maxes,'
            ' array_agg((SELECT array_agg(v)::text FROM jsonb_array_elements_text(r.range -> ''never'') AS v)) AS nevers'
            ' FROM (SELECT m.schema_id, m.grading_version, s.type, count(*) AS records FROM measurement m'
            '       JOIN series s ON s.id = m.series_id'
            '       WHERE m.series_id = ANY ($1) AND m.t_start >= $2 AND m.t_start < $3 GROUP BY 1, 2, 3) AS k'
            ' JOIN schema c ON c.id = k.schema_id'
            ' CROSS JOIN LATERAL (SELECT metric_place(k.grading_version, k.type, $4, c.results) AS place) AS p'
            ' CROSS JOIN LATERAL (SELECT metric_range(k.grading_version, k.type, c.results[p.place]) AS range) AS r'
            INTO known USING of_series, greatest(since, span.first), least(until, span.after), metric;
        looked_at := looked_at + coalesce(known.records, 0);
        IF looked_at > most THEN
            RETURN QUERY SELECT NULL::bigint, NULL::numeric, NULL::numeric, NULL::numeric, looked_at, NULL::integer;
            RETURN;
        END IF;
        CONTINUE WHEN known.schemas IS NULL;
        RETURN QUERY EXECUTE
            'WITH k AS MATERIALIZED (SELECT u.schema_id, u.version, u.type, u.place, u.min, u.max, u.never::numeric[]'
            '    FROM unnest($4, $5, $6, $7, $8, $9, $10) AS u (schema_id, version, type, place, min, max, never)'
            '    WHERE u.place IS NOT NULL)'
            ' SELECT v.part, min(v.number), sum(v.number), max(v.number), count(*), max(min_scale(v.number)) FROM ('
            '    SELECT (extract(epoch FROM m.t_start - $11) * 1000000)::bigint * $12 / $13 AS part, k.min, k.max, k.never,'
            '           CASE WHEN m."values"[k.place] ~ ''^[-+]?[0-9]{1,100}(\.[0-9]{1,100})?([eE][-+]?[0-9]{1,2})?$'''
            '                THEN m."values"[k.place]::numeric END AS number'
            '    FROM measurement m JOIN series s ON s.id = m.series_id'
            '    JOIN k ON k.schema_id = m.schema_id AND k.version = m.grading_version AND k.type = s.type'
            '    WHERE m.series_id = ANY ($1) AND m.t_start >= $2 AND m.t_start < $3) AS v'
            ' WHERE v.number IS NOT NULL AND (v.min IS NULL OR v.number >= v.min) AND (v.max IS NULL OR v.number <= v.max)'
            '   AND (v.never IS NULL OR v.number <> ALL (v.never)) GROUP BY v.part'
            USING of_series, greatest(since, span.first), least(until, span.after), known.schemas, known.versions,
                  known.types, known.places, known.mins, known.maxes, known.nevers, since, columns::bigint,
                  (extract(epoch FROM until - since) * 1000000)::bigint;
    END LOOP;
END $$;
