-- SPDX-License-Identifier: Apache-2.0
-- What people and dashboards read: names instead of numbers, and nothing of how it is stored. The names of these views and their
-- columns are a contract (docs/sql.md): a release may add columns at their ends, and takes none away.

CREATE VIEW v_record AS
SELECT r.t_start, r.t_end, r.type, r.content, r.probe, r.source, r.dest, r.path, r.label,
       (SELECT coalesce(jsonb_object_agg(g.name, r.grades[g.id]), '{}') FROM grade_name g WHERE r.grades[g.id] IS NOT NULL) AS grades,
       jsonb_object(r.results, r."values"[1:cardinality(r.results)]) AS metrics,
       r.grading_version, r.door, r.format, r.series_id
FROM record r;
COMMENT ON VIEW v_record IS 'a row a record: grades by name (0: no rule held), metrics by name as they were sent';

CREATE VIEW v_period AS
SELECT p.t_start, p.t_end, s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name, p.grade, p.records,
       p.ended IS NULL AS open, p.ended AS ended_by, p.series_id
FROM period_now p JOIN series s ON s.id = p.series_id JOIN grade_name g ON g.id = p.grade_id;
COMMENT ON VIEW v_period IS 'a row a period of steady quality; of an open one t_end and records are as of now';

CREATE VIEW v_event AS
SELECT e.t, s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name, e.from_grade, e.to_grade,
       e.told_at, e.retracted_at, e.retracted_at IS NULL AS holds, e.series_id, e.id
FROM event e JOIN series s ON s.id = e.series_id JOIN grade_name g ON g.id = e.grade_id;
COMMENT ON VIEW v_event IS 'a row an event, the retracted ones too: the grade that began at t; from_grade NULL: it was not graded before';

CREATE VIEW v_now AS
SELECT s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name, n.grade, n.since,
       CASE WHEN n.present THEN 'present' ELSE 'over' END AS state,
       coalesce(of_series.silent_from, of_probe.silent_from) AS silent_since,
       in_maintenance(s.id, statement_timestamp(), statement_timestamp()) AS in_maintenance, s.id AS series_id
FROM states_at(statement_timestamp(), (SELECT array_agg(id) FROM grade_name), 1, 5, NULL) AS n
JOIN series s ON s.id = n.series_id JOIN grade_name g ON g.id = n.grade_id
LEFT JOIN silence of_series ON of_series.series_id = s.id AND of_series.silent_until IS NULL AND of_series.retracted IS NULL
LEFT JOIN silence of_probe ON of_probe.series_id IS NULL AND of_probe.probe = s.probe AND of_probe.silent_until IS NULL
     AND of_probe.retracted IS NULL;
COMMENT ON VIEW v_now IS 'a row a series and grade name: its newest grade, since when, whether it is one of now or its period is over';

-- `day` is what sealed hours are looked up by: who restricts it reads these days only.
CREATE VIEW v_grid AS
SELECT c.day, c.hour, s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name,
       c.n0 + c.n1 + c.n2 + c.n3 + c.n4 + c.n5 AS records, c.n1 + c.n2 AS bad,
       CASE WHEN c.n1 > 0 THEN 1 WHEN c.n2 > 0 THEN 2 WHEN c.n3 > 0 THEN 3 WHEN c.n4 > 0 THEN 4 WHEN c.n5 > 0 THEN 5 END AS worst,
       c.n0 AS grade_0, c.n1 AS grade_1, c.n2 AS grade_2, c.n3 AS grade_3, c.n4 AS grade_4, c.n5 AS grade_5, c.series_id
FROM (SELECT date_trunc('day', hour, 'UTC') AS day, hour, series_id, grade_id, n0::bigint, n1::bigint, n2::bigint, n3::bigint, n4::bigint, n5::bigint
      FROM rollup_hour
      UNION ALL
      SELECT r.day, r.day + (h - 1) * interval '1 hour', r.series_id, r.grade_id,
             coalesce(r.c0[h], 0) - coalesce(r.c0[h - 1], 0), coalesce(r.c1[h], 0) - coalesce(r.c1[h - 1], 0),
             coalesce(r.c2[h], 0) - coalesce(r.c2[h - 1], 0), coalesce(r.c3[h], 0) - coalesce(r.c3[h - 1], 0),
             coalesce(r.c4[h], 0) - coalesce(r.c4[h - 1], 0), coalesce(r.c5[h], 0) - coalesce(r.c5[h - 1], 0)
      FROM rollup_day r CROSS JOIN generate_series(1, 24) AS h
      UNION ALL
      SELECT date_trunc('day', o.hour, 'UTC'), o.hour, m.series_id, u.id::smallint,
             count(*) FILTER (WHERE u.grade = 0), count(*) FILTER (WHERE u.grade = 1), count(*) FILTER (WHERE u.grade = 2),
             count(*) FILTER (WHERE u.grade = 3), count(*) FILTER (WHERE u.grade = 4), count(*) FILTER (WHERE u.grade = 5)
      FROM measured_hour o JOIN measurement m ON m.t_start >= o.hour AND m.t_start < o.hour + interval '1 hour'
      CROSS JOIN unnest(m.grades) WITH ORDINALITY AS u (grade, id)
      WHERE NOT o.sealed AND u.grade IS NOT NULL GROUP BY o.hour, m.series_id, u.id) AS c
JOIN series s ON s.id = c.series_id JOIN grade_name g ON g.id = c.grade_id
WHERE c.n0 + c.n1 + c.n2 + c.n3 + c.n4 + c.n5 > 0;
COMMENT ON VIEW v_grid IS 'a row a series, grade name and hour that has records: how many have which grade';

-- What the views call finds what it uses by whoever asks, as 0014-any-search-path.sql has it.
ALTER FUNCTION states_at SET search_path = ezrepo;
