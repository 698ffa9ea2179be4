-- SPDX-License-Identifier: Apache-2.0
-- states_at() as it was, but where only some grades are asked for: of few such periods the records are looked up series by
-- series, and those of all others are not read.
CREATE OR REPLACE FUNCTION states_at(at timestamptz, names smallint[], low int, high int, of_series bigint[])
RETURNS TABLE (series_id bigint, grade_id smallint, grade smallint, since timestamptz, since_end timestamptz,
               since_key bigint, present boolean)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000 AS $$
DECLARE
    kind record;
    few bigint[];
    starts text;
    spans text;
    of text;
BEGIN
    SELECT string_agg(format('max(m.t_start) FILTER (WHERE m.grades[%s] > 0)', u.id), ', ' ORDER BY u.place) INTO starts
    FROM unnest(names) WITH ORDINALITY AS u (id, place);
    IF starts IS NULL THEN
        RETURN;
    END IF;
    IF low > 1 OR high < 5 THEN
        SELECT array_agg(DISTINCT p.series_id) INTO few FROM period p
        WHERE p.ended IS NULL AND p.grade_id = ANY (names) AND p.grade BETWEEN low AND high
          AND (of_series IS NULL OR p.series_id = ANY (of_series));
        IF few IS NULL THEN
            RETURN;
        END IF;
        of_series := CASE WHEN cardinality(few) <= 1000 THEN few ELSE of_series END;
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
