-- SPDX-License-Identifier: Apache-2.0
-- Counts of each series in few rows: a day's hours are in one row, a month's days in another, as what they have come
-- to by the end of each, so that any span of them is a difference of two. Days are converted one by one, then months.

-- step once

-- Adds n to what a list of `size` sums has come to from its element `slot` on. NULL: all of it is 0 yet.
CREATE FUNCTION counts_add(c bigint[], size integer, slot integer, n bigint) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF n = 0 THEN
        RETURN c;
    END IF;
    IF c IS NULL THEN
        RETURN array_fill(0::bigint, ARRAY[slot - 1]) || array_fill(n, ARRAY[size - slot + 1]);
    END IF;
    IF c[slot] = c[size] THEN -- nothing comes behind: mostly so
        RETURN c[:slot - 1] || array_fill(c[size] + n, ARRAY[size - slot + 1]);
    END IF;
    FOR i IN slot .. size LOOP
        c[i] := c[i] + n;
    END LOOP;
    RETURN c;
END $$;
CREATE AGGREGATE counts(size integer, slot integer, n bigint) (SFUNC = counts_add, STYPE = bigint[], PARALLEL = SAFE);

-- Two such lists of one size, either NULL where it is all 0.
CREATE FUNCTION counts_plus(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF a IS NULL OR b IS NULL THEN
        RETURN coalesce(a, b);
    END IF;
    FOR i IN 1 .. cardinality(a) LOOP
        a[i] := a[i] + b[i];
    END LOOP;
    RETURN a;
END $$;

-- ---- the tables ----

ALTER TABLE grade_rollup RENAME TO rollup_before;
ALTER TABLE rollup_before RENAME CONSTRAINT grade_rollup_key TO rollup_before_key;
DROP TABLE grade_rollup_day; -- its hours say the same

-- Records per series, hour and grade name, of hours that are sealed and not in their day yet; nG of them have
-- grade G. Under grade_id 0 all records are in n0.
CREATE TABLE rollup_hour (
    hour      timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    n0        integer NOT NULL,
    n1        integer NOT NULL,
    n2        integer NOT NULL,
    n3        integer NOT NULL,
    n4        integer NOT NULL,
    n5        integer NOT NULL,
    PRIMARY KEY (hour, series_id, grade_id)
);

-- The same of a UTC day, of its hours that are in it: cG[h] of them start before the end of its h-th hour. NULL
-- where there are none.
CREATE TABLE rollup_day (
    day       timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    c0        integer[],
    c1        integer[],
    c2        integer[],
    c3        integer[],
    c4        integer[],
    c5        integer[],
    PRIMARY KEY (day, series_id, grade_id)
);

-- And of a month's days: cG[d] start before the end of its d-th day, of 31. The same hours are in it.
CREATE TABLE rollup_month (
    month     timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    c0        bigint[],
    c1        bigint[],
    c2        bigint[],
    c3        bigint[],
    c4        bigint[],
    c5        bigint[],
    PRIMARY KEY (month, series_id, grade_id)
);

-- Their newest rows change several times a day; what is dead goes soon, so that its room is used again.
ALTER TABLE rollup_day SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE rollup_month SET (autovacuum_vacuum_scale_factor = 0.05);

-- All sealed hours, and all days of those that are in their day, a row for each.
CREATE VIEW grade_rollup AS
SELECT hour, series_id, grade_id, n0, n1, n2, n3, n4, n5 FROM rollup_hour
UNION ALL
SELECT n.* FROM rollup_day r CROSS JOIN LATERAL (
    SELECT r.day + (h - 1) * interval '1 hour' AS hour, r.series_id, r.grade_id,
           coalesce(r.c0[h], 0) - coalesce(r.c0[h - 1], 0) AS n0, coalesce(r.c1[h], 0) - coalesce(r.c1[h - 1], 0) AS n1,
           coalesce(r.c2[h], 0) - coalesce(r.c2[h - 1], 0) AS n2, coalesce(r.c3[h], 0) - coalesce(r.c3[h - 1], 0) AS n3,
           coalesce(r.c4[h], 0) - coalesce(r.c4[h - 1], 0) AS n4, coalesce(r.c5[h], 0) - coalesce(r.c5[h - 1], 0) AS n5
    FROM generate_series(1, 24) AS h) AS n
WHERE (n.n0, n.n1, n.n2, n.n3, n.n4, n.n5) <> (0, 0, 0, 0, 0, 0);

CREATE VIEW grade_rollup_day AS
SELECT n.* FROM rollup_month r CROSS JOIN LATERAL (
    SELECT r.month + (d - 1) * interval '24 hours' AS day, r.series_id, r.grade_id,
           coalesce(r.c0[d], 0) - coalesce(r.c0[d - 1], 0) AS n0, coalesce(r.c1[d], 0) - coalesce(r.c1[d - 1], 0) AS n1,
           coalesce(r.c2[d], 0) - coalesce(r.c2[d - 1], 0) AS n2, coalesce(r.c3[d], 0) - coalesce(r.c3[d - 1], 0) AS n3,
           coalesce(r.c4[d], 0) - coalesce(r.c4[d - 1], 0) AS n4, coalesce(r.c5[d], 0) - coalesce(r.c5[d - 1], 0) AS n5
    FROM generate_series(1, 31) AS d) AS n
WHERE (n.n0, n.n1, n.n2, n.n3, n.n4, n.n5) <> (0, 0, 0, 0, 0, 0);

-- ---- what is to be converted ----

-- Days, then months, each until it is done.
CREATE TABLE rollup_before_part (
    unit  text NOT NULL,
    start timestamptz NOT NULL,
    PRIMARY KEY (unit, start)
);
INSERT INTO rollup_before_part
SELECT u.unit, date_trunc(u.unit, h.hour, 'UTC') FROM measured_hour h CROSS JOIN (VALUES ('day'), ('month')) AS u (unit)
WHERE h.sealed GROUP BY 1, 2;

-- The first part that is left. A row: which, and how many rows of counts there were; none: nothing is left.
CREATE FUNCTION rollup_before_next() RETURNS TABLE (part text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
BEGIN
    DELETE FROM rollup_before_part p USING (SELECT * FROM rollup_before_part ORDER BY unit, start LIMIT 1) AS first
    WHERE p.unit = first.unit AND p.start = first.start RETURNING p.unit, p.start INTO part, at;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    rows := 0;
    IF part = 'day' THEN
        SELECT count(*) INTO rows FROM rollup_before b WHERE b.hour >= at AND b.hour < at + interval '24 hours';
        INSERT INTO rollup_hour
        SELECT b.* FROM rollup_before b JOIN measured_hour h USING (hour)
        WHERE b.hour >= at AND b.hour < at + interval '24 hours' AND h.sealed AND NOT h.in_day ORDER BY b.hour, b.series_id;
        INSERT INTO rollup_day
        SELECT at, b.series_id, b.grade_id,
               counts(24, s.slot, b.n0) FILTER (WHERE b.n0 <> 0), counts(24, s.slot, b.n1) FILTER (WHERE b.n1 <> 0),
               counts(24, s.slot, b.n2) FILTER (WHERE b.n2 <> 0), counts(24, s.slot, b.n3) FILTER (WHERE b.n3 <> 0),
               counts(24, s.slot, b.n4) FILTER (WHERE b.n4 <> 0), counts(24, s.slot, b.n5) FILTER (WHERE b.n5 <> 0)
        FROM rollup_before b JOIN measured_hour h USING (hour)
        CROSS JOIN LATERAL (SELECT extract(hour FROM b.hour AT TIME ZONE 'UTC')::integer + 1 AS slot) AS s
        WHERE b.hour >= at AND b.hour < at + interval '24 hours' AND h.in_day
        GROUP BY b.series_id, b.grade_id ORDER BY b.series_id, b.grade_id;
    ELSE
        INSERT INTO rollup_month
        SELECT at, d.series_id, d.grade_id,
               counts(31, s.slot, d.c0[24]) FILTER (WHERE d.c0 IS NOT NULL),
               counts(31, s.slot, d.c1[24]) FILTER (WHERE d.c1 IS NOT NULL),
               counts(31, s.slot, d.c2[24]) FILTER (WHERE d.c2 IS NOT NULL),
               counts(31, s.slot, d.c3[24]) FILTER (WHERE d.c3 IS NOT NULL),
               counts(31, s.slot, d.c4[24]) FILTER (WHERE d.c4 IS NOT NULL),
               counts(31, s.slot, d.c5[24]) FILTER (WHERE d.c5 IS NOT NULL)
        FROM rollup_day d
        CROSS JOIN LATERAL (SELECT extract(day FROM d.day AT TIME ZONE 'UTC')::integer AS slot) AS s
        WHERE d.day >= at AND d.day < at + interval '744 hours' AND date_trunc('month', d.day, 'UTC') = at
        GROUP BY d.series_id, d.grade_id ORDER BY d.series_id, d.grade_id;
    END IF;
    part := 'rollup_' || part || to_char(at AT TIME ZONE 'UTC', '_YYYYMMDD');
    RETURN NEXT;
END $$;

-- step plan

-- Rows of counts that are left, in how many parts; bytes of the largest, and of all; by how many the store may grow
-- until it is done; how many rows a second.
SELECT coalesce(sum(p.rows), 0)::bigint::text, count(*)::text, coalesce(max(p.bytes), 0)::bigint::text,
       coalesce(sum(p.bytes), 0)::bigint::text, (coalesce(sum(p.bytes), 0) / 2)::bigint::text, '80000'
FROM (SELECT CASE WHEN b.unit = 'day' THEN greatest(c.reltuples, 0) / greatest(d.days, 1) ELSE 0 END AS rows,
             CASE WHEN b.unit = 'day' THEN pg_total_relation_size(c.oid) / greatest(d.days, 1) ELSE 0 END AS bytes
      FROM rollup_before_part b
      JOIN pg_class c ON c.oid = to_regclass('rollup_before')
      CROSS JOIN (SELECT count(DISTINCT date_trunc('day', hour, 'UTC')) AS days FROM measured_hour WHERE sealed) AS d) AS p;

-- step each

SELECT part, rows::text FROM rollup_before_next();

-- step once

DROP FUNCTION rollup_before_next;
DROP TABLE rollup_before_part, rollup_before;
