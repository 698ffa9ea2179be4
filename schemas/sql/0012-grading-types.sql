-- SPDX-License-Identifier: Apache-2.0
-- What of the record types enters grading (aliases, values that can be) is kept with each version, so that a
-- grade follows from the record and its version. '' in versions of a release that did not keep it.

ALTER TABLE grading ADD types text NOT NULL DEFAULT '';

-- Whether a metric's name is one of these patterns: '*' any run, '?' one character.
CREATE FUNCTION metric_named(metric text, patterns jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM jsonb_array_elements_text(patterns) AS p (pattern)
        WHERE metric LIKE replace(replace(regexp_replace(pattern, '([\\%_])', '\\\1', 'g'), '*', '%'), '?', '_'));
END;

-- What a version says of a metric of this record type: the first range of the type, else of all, that names it.
CREATE FUNCTION metric_range(version integer, type text, metric text) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE BEGIN ATOMIC
    SELECT r.range
    FROM grading g,
         LATERAL (SELECT nullif(g.types, '')::jsonb AS kept) AS t,
         LATERAL (SELECT 0 AS own, own.range, own.place
                  FROM jsonb_array_elements(t.kept -> 'types' -> metric_range.type -> 'valid')
                       WITH ORDINALITY AS own (range, place)
                  UNION ALL
                  SELECT 1, every.range, every.place
                  FROM jsonb_array_elements(t.kept -> 'valid') WITH ORDINALITY AS every (range, place)) AS r
    WHERE g.version = metric_range.version AND metric_named(metric_range.metric, r.range -> 'metrics')
    ORDER BY r.own, r.place LIMIT 1;
END;

-- Whether a value can be, by a range; by none, every one can.
CREATE FUNCTION is_possible(value numeric, range jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT range IS NULL OR (
        value >= coalesce((range ->> 'min')::numeric, value) AND value <= coalesce((range ->> 'max')::numeric, value)
        AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(coalesce(range -> 'never', '[]'::jsonb)) AS n (never)
                        WHERE never::numeric = is_possible.value));
END;

-- Least, mean and greatest of each metric within each period, and how many values there were. The next
-- period may begin before the last record of this one ends. Numbers beyond those of PostgreSQL are left out,
-- and values that cannot be.
CREATE VIEW period_metric AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, v.metric,
       min(v.number) AS min, avg(v.number) AS mean, max(v.number) AS max, count(*) AS "values"
FROM period_now p
LEFT JOIN LATERAL (
    SELECT n.t_start, n.start_end, n.start_key FROM period n
    WHERE n.series_id = p.series_id AND n.grade_id = p.grade_id
      AND (n.t_start, n.start_end, n.start_key) > (p.t_start, p.start_end, p.start_key)
    ORDER BY n.t_start, n.start_end, n.start_key LIMIT 1
) AS next ON true
JOIN measurement m ON m.series_id = p.series_id AND m.t_start >= p.t_start AND m.t_start <= p.t_end
     AND (m.t_start, m.t_end, m.key) >= (p.t_start, p.start_end, p.start_key) AND m.grades[p.grade_id] = p.grade
     AND (next.t_start IS NULL OR (m.t_start, m.t_end, m.key) < (next.t_start, next.start_end, next.start_key))
JOIN schema c ON c.id = m.schema_id
JOIN series s ON s.id = m.series_id
CROSS JOIN LATERAL (
    SELECT name AS metric, as_number(text) AS number
    FROM unnest(c.results, m."values"[1:cardinality(c.results)]) AS u (name, text)
) AS v
WHERE v.number IS NOT NULL AND is_possible(v.number, metric_range(m.grading_version, s.type, v.metric))
GROUP BY p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, v.metric;
