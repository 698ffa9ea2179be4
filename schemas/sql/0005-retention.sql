-- SPDX-License-Identifier: Apache-2.0
-- Retention: each record belongs to a class, whose records are kept for a time of its own. A day's records
-- of a class are a partition of their own, so that they can be dropped without reading or locking others.

-- Class 0: all record types that no other class is for; type NULL. A type keeps its class for ever, and its
-- records are in it from from_day on; those of days before are in class 0, so that a record's class
-- follows from its type and its day, and its identity stays unique.
CREATE TABLE retention_class (
    class    smallint PRIMARY KEY CHECK (class >= 0),
    type     text COLLATE "C" UNIQUE CHECK ((type IS NULL) = (class = 0)),
    from_day date NOT NULL,
    horizon  date NOT NULL -- records of days before are dropped, or will be, and are taken no more
);
INSERT INTO retention_class VALUES (0, NULL, '1970-01-01', '1970-01-01');

-- The references of periods and roll-ups hold from a type's horizon on only.

-- What is known of the dropped records of a period: of those that start before `until`, how many there
-- were and their latest end. Of each series and grade name the last period that begins before.
CREATE TABLE period_dropped (
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    t_start   timestamptz NOT NULL,
    start_row integer NOT NULL,
    until     timestamptz NOT NULL,
    records   bigint NOT NULL,
    t_end     timestamptz NOT NULL,
    PRIMARY KEY (series_id, grade_id)
);

-- What is known of each period without a look at the measurements: t_end and records of an open one are as
-- of (through_t, through_row).
CREATE VIEW period_known AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_row, p.grade,
       coalesce(d.t_end, p.t_end) AS t_end, coalesce(d.records, p.records) AS records, p.ended,
       coalesce(d.until, p.through_t) AS through_t,
       CASE WHEN d.until IS NULL THEN p.through_row ELSE -1 END AS through_row
FROM period p
LEFT JOIN period_dropped d ON p.ended IS NULL AND d.series_id = p.series_id AND d.grade_id = p.grade_id
     AND d.t_start = p.t_start AND d.start_row = p.start_row AND d.until > p.through_t;

-- The periods as they are at this moment, open ones completed from the measurements.
CREATE OR REPLACE VIEW period_now AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_row, p.grade,
       CASE WHEN p.ended IS NULL THEN greatest(p.t_end, later.t_end) ELSE p.t_end END AS t_end,
       CASE WHEN p.ended IS NULL THEN p.records + later.records ELSE p.records END AS records,
       p.ended
FROM period_known p
LEFT JOIN LATERAL (
    SELECT max(m.t_end) AS t_end, count(*) AS records
    FROM measurement m
    WHERE p.ended IS NULL AND m.series_id = p.series_id
      AND (m.t_start, m.row) > (p.through_t, p.through_row) AND m.t_start >= p.through_t
      AND m.grades[p.grade_id] > 0
) AS later ON true;

-- The class of a record, and the partitions that are there as class 0 of their days: no row is written
-- again, but each is read, and the primary key's index is built anew.
ALTER TABLE measurement ADD COLUMN class smallint NOT NULL DEFAULT 0;
ALTER TABLE measurement ALTER COLUMN class DROP DEFAULT;
ALTER TABLE measurement DROP CONSTRAINT measurement_pkey;
ALTER TABLE measurement ADD PRIMARY KEY (series_id, t_start, row, class);

DO $$
DECLARE
    day record;
BEGIN
    FOR day IN SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'measurement'::regclass LOOP
        EXECUTE format('ALTER TABLE measurement DETACH PARTITION %I', day.name);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', day.name, day.name || '_c0');
        EXECUTE format('CREATE TABLE %I (LIKE measurement INCLUDING CONSTRAINTS INCLUDING INDEXES)'
                       ' PARTITION BY LIST (class)', day.name);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (0)', day.name, day.name || '_c0');
        EXECUTE format('ALTER TABLE measurement ATTACH PARTITION %I %s', day.name, day.bound);
    END LOOP;
END $$;

-- Rows of the ledger with a lower number may have been removed, as old ones are.
CREATE TABLE ledger_removed (
    below integer NOT NULL
);
INSERT INTO ledger_removed VALUES (0);
CREATE INDEX ledger_dropped_id ON ledger_dropped (ledger_id);
