-- SPDX-License-Identifier: Apache-2.0
-- What is so at an instant: of each series and grade name its newest period, and whether it is over by then.

-- Open periods by themselves, with what they began with, which never changes: all of them are read from here.
DROP INDEX period_open;
CREATE UNIQUE INDEX period_open ON period (series_id, grade_id) INCLUDE (grade, t_start, start_end, start_key)
WHERE ended IS NULL;
-- So that their pages are known to be visible to all, and the index is enough.
ALTER TABLE period SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02);

-- Of these series (NULL: all) and names each newest period that has a grade from low to high: since when, and whether it is
-- present: a record that starts at `at` would still belong to it, were it of the same grade (docs/semantics.md, "Now").
-- That is so if a record of the period ends late enough; of records that do, those of the name that start at the period's start or
-- later belong to it: one that starts when it starts and comes before its first record in order ends no later than that.
CREATE FUNCTION states_at(at timestamptz, names smallint[], low int, high int, of_series bigint[])
RETURNS TABLE (series_id bigint, grade_id smallint, grade smallint, since timestamptz, since_end timestamptz,
               since_key bigint, present boolean)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000 AS $$
DECLARE
    kind record;
    starts text;
    spans text;
    of text;
BEGIN
    SELECT string_agg(format('max(m.t_start) FILTER (WHERE m.grades[%s] > 0)', u.id), ', ' ORDER BY u.place) INTO starts
    FROM unnest(names) WITH ORDINALITY AS u (id, place);
    IF starts IS NULL THEN
        RETURN;
    END IF;
    -- Types of one gap at a time: how far back to look follows from it.
    FOR kind IN SELECT k.gap, k.named, k.others, count(*) OVER () > 1 AS several
                FROM (SELECT r.gap, array_agg(r.type) AS named, bool_or(r.type = '') AS others
                      FROM record_type r
                      WHERE r.type = '' OR EXISTS (SELECT FROM series s WHERE s.type = r.type) GROUP BY r.gap) AS k LOOP
        -- Hours that follow each other are one span.
        SELECT string_agg(format('m.t_start >= %L AND m.t_start < %L', i.first, i.after), ' OR ') INTO spans
        FROM (SELECT min(h.hour) AS first, max(h.hour) + interval '1 hour' AS after
              FROM (SELECT u.hour, u.hour - row_number() OVER (ORDER BY u.hour) * interval '1 hour' AS island
                    FROM measured_hour u WHERE u.reach >= at - kind.gap) AS h GROUP BY h.island) AS i;
        of := CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($3) AS of (id) ON of.id = %1$s.series_id' END
              || CASE WHEN NOT kind.several THEN '' ELSE ' JOIN series s ON s.id = %1$s.series_id AND (s.type = ANY ($7)'
                 || CASE WHEN kind.others THEN ' OR NOT EXISTS (SELECT FROM record_type r WHERE r.type = s.type)' ELSE '' END
                 || ')' END;
        RETURN QUERY EXECUTE
            'SELECT o.series_id, o.grade_id, o.grade, o.t_start, o.start_end, o.start_key,'
            '       coalesce(l.starts[array_position($2, o.grade_id)] >= o.t_start, false)'
            '       OR coalesce(d.t_end >= $1 - $4, false)'
            ' FROM period o' || format(of, 'o') ||
            ' LEFT JOIN (SELECT m.series_id, ARRAY[' || starts || '] AS starts FROM measurement m' || format(of, 'm') ||
            '    WHERE m.t_end >= $1 - $4 AND (' || coalesce(spans, 'false') || ') GROUP BY m.series_id) AS l'
            '   ON l.series_id = o.series_id'
            ' LEFT JOIN period_dropped d ON d.series_id = o.series_id AND d.grade_id = o.grade_id'
            '   AND d.t_start = o.t_start AND d.start_end = o.start_end AND d.start_key = o.start_key'
            ' WHERE o.ended IS NULL AND o.grade_id = ANY ($2) AND o.grade BETWEEN $5 AND $6'
            USING at, names, of_series, kind.gap, low, high, kind.named;
    END LOOP;
END $$;

-- How many records each of these series (NULL: all) has, but for those that have none: from the months, the hours that are not
-- in one yet, and the records of hours that are not sealed. (Their ends are counted, since of records alone PostgreSQL reads an
-- index of series, with all of the day in it, instead of these hours.)
CREATE FUNCTION records_of(of_series bigint[]) RETURNS TABLE (series_id bigint, records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000 AS $$
DECLARE
    given text := CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($1) AS of (id) ON of.id = r.series_id' END;
    open text;
BEGIN
    SELECT string_agg(format('r.t_start >= %L AND r.t_start < %L', h.hour, h.hour + interval '1 hour'), ' OR ')
    INTO open FROM measured_hour h WHERE NOT h.sealed;
    RETURN QUERY EXECUTE
        'SELECT u.series_id, sum(u.n)::bigint FROM ('
        ' SELECT r.series_id, r.c0[31] AS n FROM rollup_month r' || given ||
        '  WHERE r.grade_id = 0 AND r.month = ANY (ARRAY(SELECT DISTINCT date_trunc(''month'', hour, ''UTC'') FROM measured_hour'
        '   WHERE in_day))'
        ' UNION ALL SELECT r.series_id, r.n0 FROM rollup_hour r' || given ||
        '  WHERE r.grade_id = 0 AND r.hour = ANY (ARRAY(SELECT hour FROM measured_hour WHERE sealed AND NOT in_day))'
        || CASE WHEN open IS NULL THEN '' ELSE
        ' UNION ALL SELECT r.series_id, count(r.t_end) FROM measurement r' || given || ' WHERE ' || open || ' GROUP BY r.series_id' END ||
        ') AS u GROUP BY u.series_id' USING of_series;
END $$;

-- The first and the last record of each of these series, but for those that have none; the days that have records of anybody's are
-- looked at from both ends, in spans of 1, 2, 4, 8 and 16 days, until all are found.
CREATE FUNCTION ends_of(of_series bigint[], OUT series_id bigint, OUT first timestamptz, OUT last timestamptz)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    firsts jsonb := '{}';
    lasts jsonb := '{}';
    found_ones jsonb;
    missing bigint[] := of_series;
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := 'infinity';
BEGIN
    LOOP -- newest first
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h WHERE h.hour < span_end;
        EXIT WHEN day IS NULL OR cardinality(missing) = 0;
        span_start := day - (days - 1) * interval '24 hours';
        EXECUTE 'SELECT jsonb_object_agg(of.id, l.t_start) FROM unnest($1) AS of (id) CROSS JOIN LATERAL ('
                ' SELECT m.t_start FROM measurement m WHERE m.series_id = of.id AND m.t_start >= $2 AND m.t_start < $3'
                ' ORDER BY m.t_start DESC LIMIT 1) AS l'
            INTO found_ones USING missing, span_start, least(span_end, day + interval '24 hours');
        lasts := lasts || coalesce(found_ones, '{}');
        missing := ARRAY(SELECT u.id FROM unnest(missing) AS u (id) WHERE NOT lasts ? u.id::text);
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
    missing := ARRAY(SELECT key::bigint FROM jsonb_object_keys(lasts) AS o (key));
    span_end := '-infinity';
    days := 1;
    LOOP -- oldest first
        SELECT date_trunc('day', min(h.hour), 'UTC') INTO day FROM measured_hour h WHERE h.hour >= span_end;
        EXIT WHEN day IS NULL OR cardinality(missing) = 0;
        span_end := day + days * interval '24 hours';
        EXECUTE 'SELECT jsonb_object_agg(of.id, l.t_start) FROM unnest($1) AS of (id) CROSS JOIN LATERAL ('
                ' SELECT m.t_start FROM measurement m WHERE m.series_id = of.id AND m.t_start >= $2 AND m.t_start < $3'
                ' ORDER BY m.t_start LIMIT 1) AS l'
            INTO found_ones USING missing, day, span_end;
        firsts := firsts || coalesce(found_ones, '{}');
        missing := ARRAY(SELECT u.id FROM unnest(missing) AS u (id) WHERE NOT firsts ? u.id::text);
        days := least(2 * days, 16);
    END LOOP;
    RETURN QUERY SELECT key::bigint, (firsts ->> key)::timestamptz, (lasts ->> key)::timestamptz
                 FROM jsonb_object_keys(lasts) AS o (key);
END $$;

-- Of each of these series, and the name and time that stand at the same place, the last record in order that starts at that time or
-- later and is graded by the name: the newest day that has records of anybody's is looked at first, then spans of 2, 4, 8 and 16 days.
CREATE FUNCTION last_graded(of_series bigint[], names smallint[], since timestamptz[])
RETURNS TABLE (series_id bigint, grade_id smallint, grade smallint, grading_version integer, schema_id bigint, "values" text[])
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    missing integer[] := ARRAY(SELECT generate_subscripts(of_series, 1));
    places integer[];
    records measurement[];
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := 'infinity';
BEGIN
    WHILE cardinality(missing) > 0 LOOP
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h WHERE h.hour < span_end;
        EXIT WHEN day IS NULL;
        span_start := day - (days - 1) * interval '24 hours';
        EXECUTE 'SELECT array_agg(o.place), array_agg(l.record) FROM (SELECT u.place, $1[u.place] AS id, $2[u.place] AS name,'
                ' $3[u.place] AS since FROM unnest($4) AS u (place)) AS o CROSS JOIN LATERAL ('
                ' SELECT m AS record FROM measurement m WHERE m.series_id = o.id AND m.t_start >= $5 AND m.t_start < $6'
                ' AND m.t_start >= o.since AND m.grades[o.name] > 0'
                ' ORDER BY m.t_start DESC, m.t_end DESC, m.key DESC LIMIT 1) AS l'
            INTO places, records USING of_series, names, since, missing, span_start, least(span_end, day + interval '24 hours');
        RETURN QUERY SELECT of_series[places[i]], names[places[i]], (records[i]).grades[names[places[i]]],
                            (records[i]).grading_version, (records[i]).schema_id, (records[i])."values"
                     FROM generate_subscripts(places, 1) AS i;
        missing := ARRAY(SELECT u.place FROM unnest(missing) AS u (place)
                         WHERE NOT u.place = ANY (coalesce(places, '{}')) AND since[u.place] < span_start);
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;
