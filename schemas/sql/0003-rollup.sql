-- SPDX-License-Identifier: Apache-2.0
-- Counts over long ranges: per series and day beside the hours, and per record type, so that a count
-- reads few rows however many records there are.

-- in_day: this sealed hour is also counted in grade_rollup_day.
ALTER TABLE measured_hour ADD COLUMN in_day boolean NOT NULL DEFAULT false;
ALTER TABLE measured_hour ADD CHECK (sealed OR NOT in_day);

-- A record under each of its grade names, and once under grade_id 0 with grade 0: that counts records.
CREATE VIEW record_grade AS
SELECT m.series_id, m.t_start, g.grade_id, g.grade
FROM measurement m CROSS JOIN LATERAL (
    SELECT 0::smallint AS grade_id, 0::smallint AS grade
    UNION ALL
    SELECT u.grade_id::smallint, u.grade FROM unnest(m.grades) WITH ORDINALITY AS u (grade, grade_id)
    WHERE u.grade IS NOT NULL) AS g;

-- Records per series, sealed hour and grade name; nG of them have grade G. Under grade_id 0 all
-- records are in n0.
ALTER TABLE grade_rollup RENAME TO grade_rollup_before;
CREATE TABLE grade_rollup (
    hour      timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    n0        integer NOT NULL,
    n1        integer NOT NULL,
    n2        integer NOT NULL,
    n3        integer NOT NULL,
    n4        integer NOT NULL,
    n5        integer NOT NULL,
    CONSTRAINT grade_rollup_key PRIMARY KEY (hour, series_id, grade_id)
);
INSERT INTO grade_rollup
SELECT hour, series_id, grade_id,
       coalesce(sum(records) FILTER (WHERE grade = 0), 0), coalesce(sum(records) FILTER (WHERE grade = 1), 0),
       coalesce(sum(records) FILTER (WHERE grade = 2), 0), coalesce(sum(records) FILTER (WHERE grade = 3), 0),
       coalesce(sum(records) FILTER (WHERE grade = 4), 0), coalesce(sum(records) FILTER (WHERE grade = 5), 0)
FROM grade_rollup_before GROUP BY hour, series_id, grade_id ORDER BY hour, series_id, grade_id;
DROP TABLE grade_rollup_before;

-- The same per UTC day: the sum of that day's hours that are marked in_day.
CREATE TABLE grade_rollup_day (
    day       timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    n0        bigint NOT NULL,
    n1        bigint NOT NULL,
    n2        bigint NOT NULL,
    n3        bigint NOT NULL,
    n4        bigint NOT NULL,
    n5        bigint NOT NULL,
    PRIMARY KEY (day, series_id, grade_id)
);

-- Over all series of a record type, per minute, hour and day: always complete, since each transaction
-- that adds records adds to these rows. Room on the pages, because the newest rows change often.
CREATE TABLE grade_total (
    unit     text COLLATE "C" NOT NULL CHECK (unit IN ('minute', 'hour', 'day')),
    start    timestamptz NOT NULL,
    type     text COLLATE "C" NOT NULL,
    grade_id smallint NOT NULL,
    n0       bigint NOT NULL,
    n1       bigint NOT NULL,
    n2       bigint NOT NULL,
    n3       bigint NOT NULL,
    n4       bigint NOT NULL,
    n5       bigint NOT NULL,
    PRIMARY KEY (unit, start, type, grade_id)
) WITH (fillfactor = 70);

-- The references: what the three tables hold, from the measurements alone.
CREATE VIEW grade_rollup_reference AS
SELECT h.hour, r.series_id, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN measured_hour h ON h.hour = date_trunc('hour', r.t_start, 'UTC') AND h.sealed
GROUP BY h.hour, r.series_id, r.grade_id;

CREATE VIEW grade_rollup_day_reference AS
SELECT date_trunc('day', h.hour, 'UTC') AS day, r.series_id, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN measured_hour h ON h.hour = date_trunc('hour', r.t_start, 'UTC') AND h.in_day
GROUP BY 1, r.series_id, r.grade_id;

CREATE VIEW grade_total_reference AS
SELECT u.unit, date_trunc(u.unit, r.t_start, 'UTC') AS start, s.type, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN series s ON s.id = r.series_id
CROSS JOIN (VALUES ('minute'), ('hour'), ('day')) AS u (unit)
GROUP BY u.unit, 2, s.type, r.grade_id;

-- What there is already; days and hours from the minutes.
INSERT INTO grade_total SELECT * FROM grade_total_reference WHERE unit = 'minute';
INSERT INTO grade_total
SELECT u.unit, date_trunc(u.unit, t.start, 'UTC'), t.type, t.grade_id,
       sum(t.n0), sum(t.n1), sum(t.n2), sum(t.n3), sum(t.n4), sum(t.n5)
FROM grade_total t CROSS JOIN (VALUES ('hour'), ('day')) AS u (unit)
WHERE t.unit = 'minute' GROUP BY u.unit, 2, t.type, t.grade_id;

-- The parts of a minute at the ends of a range are counted from the records: found without reading the
-- day also where its pages are new.
DROP INDEX measurement_t_start;
CREATE INDEX measurement_t_start ON measurement USING brin (t_start) WITH (pages_per_range = 32, autosummarize = on);
