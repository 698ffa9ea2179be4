-- SPDX-License-Identifier: Apache-2.0
-- The records of a period are all graded ones up to the next period: where a grading asks for steadiness, also those that
-- are of another grade than the state.

-- Least, mean and greatest of each metric within each period, and how many values there were. The next
-- period may begin before the last record of this one ends. Numbers beyond those of PostgreSQL are left out,
-- and values that cannot be.
CREATE OR REPLACE VIEW period_metric AS
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
     AND (m.t_start, m.t_end, m.key) >= (p.t_start, p.start_end, p.start_key) AND m.grades[p.grade_id] > 0
     AND (next.t_start IS NULL OR (m.t_start, m.t_end, m.key) < (next.t_start, next.start_end, next.start_key))
JOIN schema c ON c.id = m.schema_id
JOIN series s ON s.id = m.series_id
CROSS JOIN LATERAL (
    SELECT name AS metric, as_number(text) AS number
    FROM unnest(c.results, m."values"[1:cardinality(c.results)]) AS u (name, text)
) AS v
WHERE v.number IS NOT NULL AND is_possible(v.number, metric_range(m.grading_version, s.type, v.metric))
GROUP BY p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, v.metric;
