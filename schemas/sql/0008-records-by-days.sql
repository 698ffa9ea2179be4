-- Records of days that are known only while a statement runs. PostgreSQL would plan such a statement for
-- every partition there is, which takes seconds when there are a thousand. These functions have each
-- span of days planned with its times as constants, so for its own partitions only. Being STABLE, they see
-- the same snapshot as the statement that calls them, hence STABLE is what makes its counts exact.

-- How many records of these hours have which grades: those that start from `since` to before `until`
-- and do not end before `reaching`. of_series NULL: of all series.
CREATE FUNCTION counted_records(hours timestamptz[], since timestamptz, until timestamptz,
                                reaching timestamptz, of_series bigint[])
RETURNS TABLE (grades smallint[], records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    day record;
BEGIN
    FOR day IN SELECT date_trunc('day', h.hour, 'UTC') AS start, array_agg(h.hour) AS hours
               FROM unnest(hours) AS h (hour) GROUP BY 1 LOOP
        RETURN QUERY EXECUTE
            'SELECT c.grades, c.records FROM unnest($1) AS h (hour) CROSS JOIN LATERAL ('
            '    SELECT m.grades, count(*) AS records FROM measurement m'
            '    WHERE m.t_start >= h.hour AND m.t_start < h.hour + interval ''1 hour'''
            '      AND m.t_start >= $2 AND m.t_start < $3 AND m.t_end >= $4'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' AND m.series_id IN (SELECT unnest($5))' END ||
            '    GROUP BY m.grades) AS c'
            USING day.hours, greatest(since, day.start), least(until, day.start + interval '24 hours'),
                  reaching, of_series;
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
            '    WHERE m.t_start >= h.hour AND m.t_start < h.hour + interval ''1 hour'''
            '      AND m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3'
            '      AND m.grades[a.id] BETWEEN $6 AND $7'
            '      AND (m.t_start, m.series_id, m.row, a.id) < ($8, $9, $10, $11)'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' AND m.series_id IN (SELECT unnest($4))' END ||
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
