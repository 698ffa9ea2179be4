-- SPDX-License-Identifier: Apache-2.0
-- Records of days that are known only while a statement runs. PostgreSQL would plan such a statement for
-- every partition there is, which takes seconds when there are a thousand. These functions have each
-- span of days planned with its times as constants, so for its own partitions only. Being STABLE, they see
-- the same snapshot as the statement that calls them, so what it counts is exact.

-- How many records of these hours have which grades: those that start from `since` to before `until`
-- and do not end before `reaching`. of_series NULL: of all series; none twice.
-- (They are joined: of an IN (SELECT unnest()) PostgreSQL expects 200 however many there are.)
CREATE FUNCTION counted_records(hours timestamptz[], since timestamptz, until timestamptz,
                                reaching timestamptz, of_series bigint[])
RETURNS TABLE (grades smallint[], records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    span record;
BEGIN
    -- Hours that follow each other are one span, within a day.
    FOR span IN SELECT min(h.hour) AS first, max(h.hour) + interval '1 hour' AS after
                FROM (SELECT u.hour, u.hour - row_number() OVER (ORDER BY u.hour) * interval '1 hour' AS island
                      FROM unnest(hours) AS u (hour)) AS h
                GROUP BY h.island, date_trunc('day', h.hour, 'UTC') LOOP
        RETURN QUERY EXECUTE
            'SELECT m.grades, count(*) FROM measurement m'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($4) AS of (id) ON of.id = m.series_id' END ||
            ' WHERE m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3 GROUP BY m.grades'
            USING greatest(since, span.first), least(until, span.after), reaching, of_series;
    END LOOP;
END $$;

-- The newest records and grade names whose grade is from low to high, at most `enough`, each part of them
-- in no order: records as above, that come after (after_t, after_series, after_row, after_name) in
-- the listing, which is descending in all of these. The newest day that may hold some is looked at
-- first; while there are not enough, a span twice as long, of at most 16 days.
CREATE FUNCTION newest_records(since timestamptz, until timestamptz, reaching timestamptz, of_series bigint[],
                               names smallint[], low int, high int, after_t timestamptz, after_series bigint,
                               after_row bigint, after_name bigint, enough bigint)
RETURNS TABLE (t timestamptz, series_id bigint, "row" integer, grade_id smallint, t_end timestamptz,
               schema_id integer, grading_version integer, grades smallint[], "values" text[], label text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := until;
    found_rows bigint;
BEGIN
    LOOP
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h
        WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < span_end AND h.reach >= reaching;
        EXIT WHEN day IS NULL;
        span_start := day - (days - 1) * interval '24 hours';
        span_end := least(span_end, day + interval '24 hours');
        -- Hour by hour downward, since no index has the records of all series in order of time.
        RETURN QUERY EXECUTE
            'SELECT l.* FROM (SELECT hour FROM measured_hour WHERE hour >= date_trunc(''hour'', $1, ''UTC'')'
            '    AND hour < $2 AND reach >= $3) AS h CROSS JOIN LATERAL ('
            '    SELECT m.t_start AS t, m.series_id, m.row, a.id AS grade_id, m.t_end, m.schema_id,'
            '           m.grading_version, m.grades, m."values", m.label'
            '    FROM measurement m CROSS JOIN unnest($5) AS a (id)'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($4) AS of (id) ON of.id = m.series_id' END ||
            '    WHERE m.t_start >= h.hour AND m.t_start < h.hour + interval ''1 hour'''
            '      AND m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3'
            '      AND m.grades[a.id] BETWEEN $6 AND $7'
            '      AND (m.t_start, m.series_id, m.row, a.id) < ($8, $9, $10, $11)'
            '    ORDER BY m.t_start DESC, m.series_id DESC, m.row DESC, a.id DESC LIMIT $12) AS l'
            ' ORDER BY h.hour DESC, l.t DESC, l.series_id DESC, l.row DESC, l.grade_id DESC LIMIT $12'
            USING greatest(since, span_start), span_end, reaching, of_series, names, low, high, after_t,
                  after_series, after_row, after_name, enough;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        enough := enough - found_rows;
        EXIT WHEN enough <= 0;
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;

-- The newest periods of a grade from low to high, at most `enough`, in no order, as they are at this moment:
-- those that begin before `until`, reach `since` and come after (after_t, after_series, after_name, after_row)
-- in the listing, which is descending in all of these. The stored end of an open period may lie behind:
-- whether it reaches `since` is looked up in the days whose records do, and those that are listed are
-- completed from the day on through which they are known.
CREATE FUNCTION newest_periods(since timestamptz, until timestamptz, of_series bigint[], names smallint[],
                               low int, high int, after_t timestamptz, after_series bigint,
                               after_name bigint, after_row bigint, enough bigint)
RETURNS TABLE (series_id bigint, grade_id smallint, t timestamptz, start_row integer, grade smallint, ended text,
               t_end timestamptz, records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    listed period_known[];
BEGIN
    EXECUTE
        'SELECT array_agg(o) FROM (SELECT p.series_id, p.grade_id, p.t_start, p.start_row FROM period p'
        || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($3) AS of (id) ON of.id = p.series_id' END ||
        '    WHERE p.t_start < $2 AND p.grade_id = ANY ($4) AND p.grade BETWEEN $5 AND $6'
        '      AND (p.t_start, p.series_id, p.grade_id, p.start_row) < ($7, $8, $9, $10)'
        || CASE WHEN since = '-infinity' THEN '' ELSE
        '      AND (p.t_end >= $1 OR (p.ended IS NULL AND EXISTS (SELECT FROM measurement m'
        '          WHERE m.series_id = p.series_id AND m.t_start >= p.through_t AND m.t_start >= $12'
        '            AND (m.t_start, m.row) > (p.through_t, p.through_row)'
        '            AND m.grades[p.grade_id] > 0 AND m.t_end >= $1)))' END ||
        '    ORDER BY p.t_start DESC, p.series_id DESC, p.grade_id DESC, p.start_row DESC LIMIT $11) AS k'
        ' JOIN period_known o USING (series_id, grade_id, t_start, start_row)'
        INTO listed
        USING since, until, of_series, names, low, high, after_t, after_series, after_name, after_row, enough,
              (SELECT min(h.hour) FROM measured_hour h WHERE h.reach >= since);
    RETURN QUERY EXECUTE
        'SELECT p.series_id, p.grade_id, p.t_start, p.start_row, p.grade, p.ended,'
        '       greatest(p.t_end, later.t_end), p.records + later.records'
        ' FROM unnest($1) AS p CROSS JOIN LATERAL ('
        '    SELECT max(m.t_end) AS t_end, count(*) AS records FROM measurement m'
        '    WHERE p.ended IS NULL AND m.series_id = p.series_id AND m.t_start >= p.through_t'
        '      AND m.t_start >= $2 AND (m.t_start, m.row) > (p.through_t, p.through_row)'
        '      AND m.grades[p.grade_id] > 0) AS later'
        USING listed, (SELECT min(o.through_t) FROM unnest(listed) AS o WHERE o.ended IS NULL);
END $$;
