-- SPDX-License-Identifier: Apache-2.0
-- What a record's grade was decided by may depend on when it starts (`during`), so that who explains it has to
-- know that.
DROP FUNCTION last_graded;

-- Of each of these series, and the name and time that stand at the same place, the last record in order that starts at that time or
-- later and is graded by the name: the newest day that has records of anybody's is looked at first, then spans of 2, 4, 8 and 16 days.
CREATE FUNCTION last_graded(of_series bigint[], names smallint[], since timestamptz[])
RETURNS TABLE (series_id bigint, grade_id smallint, grade smallint, grading_version integer, schema_id bigint, "values" text[],
              t_start timestamptz)
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
                            (records[i]).grading_version, (records[i]).schema_id, (records[i])."values",
                            (records[i]).t_start
                     FROM generate_subscripts(places, 1) AS i;
        missing := ARRAY(SELECT u.place FROM unnest(missing) AS u (place)
                         WHERE NOT u.place = ANY (coalesce(places, '{}')) AND since[u.place] < span_start);
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;
