-- SPDX-License-Identifier: Apache-2.0
-- states_at() as it was, less dear: whether few periods are asked for is known as soon as there are more, and what was looked up of
-- a name is a column of its own. And how many records the values of a dimension have, without those of each series first.

CREATE OR REPLACE FUNCTION states_at(at timestamptz, names smallint[], low int, high int, of_series bigint[])
RETURNS TABLE (series_id bigint, grade_id smallint, grade smallint, since timestamptz, since_end timestamptz,
               since_key bigint, present boolean)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000 AS $$
DECLARE
    kind record;
    few bigint[];
    pairs bigint;
    starts text;
    start text;
    spans text;
    of text;
BEGIN
    SELECT string_agg(format('max(m.t_start) FILTER (WHERE m.grades[%s] > 0) AS s%1$s', u.id), ', ' ORDER BY u.id),
           'CASE o.grade_id' || string_agg(format(' WHEN %s THEN l.s%1$s', u.id), '' ORDER BY u.id) || ' END'
    INTO starts, start FROM (SELECT DISTINCT unnest(names) AS id) AS u;
    IF starts IS NULL THEN
        RETURN;
    END IF;
    IF low > 1 OR high < 5 THEN
        SELECT array_agg(DISTINCT f.series_id), count(*) INTO few, pairs
        FROM (SELECT p.series_id FROM period p
              WHERE p.ended IS NULL AND p.grade_id = ANY (names) AND p.grade BETWEEN low AND high
                AND (of_series IS NULL OR p.series_id = ANY (of_series)) LIMIT 1001) AS f;
        IF few IS NULL THEN
            RETURN;
        END IF;
        of_series := CASE WHEN pairs <= 1000 THEN few ELSE of_series END;
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
        of := CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($2) AS of (id) ON of.id = %1$s.series_id' END
              || CASE WHEN NOT kind.several THEN '' ELSE ' JOIN series s ON s.id = %1$s.series_id AND (s.type = ANY ($7)'
                 || CASE WHEN kind.others THEN ' OR NOT EXISTS (SELECT FROM record_type r WHERE r.type = s.type)' ELSE '' END
                 || ')' END;
        RETURN QUERY EXECUTE
            'SELECT o.series_id, o.grade_id, o.grade, o.t_start, o.start_end, o.start_key,'
            '       coalesce(' || start || ' >= o.t_start, false) OR coalesce(d.t_end >= $1 - $3, false)'
            ' FROM period o' || format(of, 'o') ||
            ' LEFT JOIN (SELECT m.series_id, ' || starts || ' FROM measurement m' || format(of, 'm') ||
            '    WHERE m.t_end >= $1 - $3 AND (' || coalesce(spans, 'false') || ') GROUP BY m.series_id) AS l'
            '   ON l.series_id = o.series_id'
            ' LEFT JOIN period_dropped d ON d.series_id = o.series_id AND d.grade_id = o.grade_id'
            '   AND d.t_start = o.t_start AND d.start_end = o.start_end AND d.start_key = o.start_key'
            ' WHERE o.ended IS NULL AND o.grade_id = ANY ($6) AND o.grade BETWEEN $4 AND $5'
            USING at, of_series, kind.gap, low, high, names, kind.named;
    END LOOP;
END $$;

-- How many records these series (NULL: all) have, by each value of a dimension, a column of `series`; from what records_of() takes it
-- from. Values without records are not there.
CREATE FUNCTION records_of_values(dimension text, of_series bigint[]) RETURNS TABLE (value text, records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 AS $$
DECLARE
    given text := CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($1) AS of (id) ON of.id = r.series_id' END;
    open text;
BEGIN
    SELECT string_agg(format('r.t_start >= %L AND r.t_start < %L', h.hour, h.hour + interval '1 hour'), ' OR ')
    INTO open FROM measured_hour h WHERE NOT h.sealed;
    RETURN QUERY EXECUTE
        'SELECT s.' || quote_ident(dimension) || ', sum(u.n)::bigint FROM ('
        ' SELECT r.series_id, r.c0[31] AS n FROM rollup_month r' || given ||
        '  WHERE r.grade_id = 0 AND r.month = ANY (ARRAY(SELECT DISTINCT date_trunc(''month'', hour, ''UTC'') FROM measured_hour'
        '   WHERE in_day))'
        ' UNION ALL SELECT r.series_id, r.n0 FROM rollup_hour r' || given ||
        '  WHERE r.grade_id = 0 AND r.hour = ANY (ARRAY(SELECT hour FROM measured_hour WHERE sealed AND NOT in_day))'
        || CASE WHEN open IS NULL THEN '' ELSE
        -- (Their ends are looked at for what is said of records_of().)
        ' UNION ALL SELECT r.series_id, 1 FROM measurement r' || given || ' WHERE (' || open || ') AND r.t_end IS NOT NULL' END ||
        ') AS u JOIN series s ON s.id = u.series_id GROUP BY 1' USING of_series;
END $$;
