-- SPDX-License-Identifier: Apache-2.0
-- The period store, in the schema ezrepo (stored sets the search path). Applied once, in one transaction,
-- by stored, which owns everything here; who only reads is a member of the role ezrepo_read.
-- Dimensions compare byte by byte, so that equality and prefix search do not depend on a locale.

GRANT USAGE ON SCHEMA ezrepo TO ezrepo_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA ezrepo GRANT SELECT ON TABLES TO ezrepo_read;

-- One combination of the six dimensions. An address also stands as inet, for prefix search.
CREATE TABLE series (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type        text COLLATE "C" NOT NULL,
    content     text COLLATE "C" NOT NULL,
    probe       text COLLATE "C" NOT NULL,
    source      text COLLATE "C" NOT NULL,
    dest        text COLLATE "C" NOT NULL,
    path        text COLLATE "C" NOT NULL,
    source_addr inet,
    dest_addr   inet,
    UNIQUE (type, content, probe, source, dest, path)
);
CREATE INDEX series_source_addr ON series USING gist (source_addr inet_ops);
CREATE INDEX series_dest_addr ON series USING gist (dest_addr inet_ops);

-- What the values of a measurement mean: values = results, then parameters, then metadata.
CREATE TABLE schema (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verb       text NOT NULL,
    registry   text NOT NULL,
    results    text[] NOT NULL,
    parameters text[] NOT NULL,
    metadata   text[] NOT NULL,
    digest     uuid NOT NULL UNIQUE -- of the five above
);

-- Every grading document ever published.
CREATE TABLE grading (
    version      integer PRIMARY KEY,
    document     text NOT NULL,
    blocks       integer NOT NULL,
    author       text NOT NULL,
    published_at timestamptz NOT NULL
);

-- A name once used keeps its number: it is the index into measurement.grades (from 1).
CREATE TABLE grade_name (
    id   smallint PRIMARY KEY CHECK (id BETWEEN 1 AND 1000),
    name text NOT NULL UNIQUE
);

-- Gaps by record type, as the mapping file had them when stored last started; '' is the default.
CREATE TABLE record_type (
    type text COLLATE "C" PRIMARY KEY,
    gap  interval NOT NULL
);

-- One row per record; a partition per UTC day of t_start, made by stored.
-- grades[grade_name.id]: 1..5; 0 no rule held; NULL no block of that name applied.
CREATE TABLE measurement (
    series_id       bigint NOT NULL,
    t_start         timestamptz NOT NULL,
    t_end           timestamptz NOT NULL,
    row             integer NOT NULL CHECK (row >= 0),
    schema_id       integer NOT NULL,
    grading_version integer NOT NULL,
    grades          smallint[] NOT NULL,
    "values"        text[] NOT NULL,
    label           text NOT NULL,
    PRIMARY KEY (series_id, t_start, row),
    CHECK (t_end >= t_start)
) PARTITION BY RANGE (t_start);
-- Records arrive roughly in order of time: a part of a day is found without reading all of it.
CREATE INDEX measurement_t_start ON measurement USING brin (t_start) WITH (pages_per_range = 32);

-- Hours that hold measurements. A sealed one is counted in grade_rollup, completely; an hour not
-- sealed is counted from its measurements.
CREATE TABLE measured_hour (
    hour   timestamptz PRIMARY KEY,
    sealed boolean NOT NULL DEFAULT false
);

-- Records per series, hour, grade name and grade. grade_id 0 with grade 0 counts all records.
CREATE TABLE grade_rollup (
    hour      timestamptz NOT NULL,
    series_id bigint NOT NULL,
    grade_id  smallint NOT NULL,
    grade     smallint NOT NULL,
    records   bigint NOT NULL,
    PRIMARY KEY (hour, series_id, grade_id, grade)
);

-- Periods of steady quality. ended NULL: not yet; then t_end and records are as of the record
-- (through_t, through_row), and what came later is completed from the measurements (view "period_now").
CREATE TABLE period (
    series_id   bigint NOT NULL,
    grade_id    smallint NOT NULL,
    t_start     timestamptz NOT NULL,
    start_row   integer NOT NULL,
    grade       smallint NOT NULL CHECK (grade BETWEEN 1 AND 5),
    t_end       timestamptz NOT NULL,
    records     bigint NOT NULL,
    ended       text CHECK (ended IN ('gap', 'grade')),
    through_t   timestamptz NOT NULL,
    through_row integer NOT NULL,
    PRIMARY KEY (series_id, grade_id, t_start, start_row)
);
CREATE UNIQUE INDEX period_open ON period (series_id, grade_id) WHERE ended IS NULL;
CREATE INDEX period_start ON period (t_start);

-- One at the start of each period. An event that later data proved wrong is retracted, not erased.
CREATE TABLE event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id    bigint NOT NULL,
    grade_id     smallint NOT NULL,
    t            timestamptz NOT NULL,
    row          integer NOT NULL,
    from_grade   smallint,
    to_grade     smallint NOT NULL,
    told_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    retracted_at timestamptz
);
CREATE UNIQUE INDEX event_holds ON event (series_id, grade_id, t, row) WHERE retracted_at IS NULL;
CREATE INDEX event_t ON event (t);

-- What could not be accepted, the newest of it.
CREATE TABLE rejected (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance    uuid NOT NULL,
    sequence    numeric(20) NOT NULL,
    item        integer NOT NULL,
    received_at timestamptz NOT NULL,
    sender      text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    size_bytes  bigint NOT NULL,
    head        bytea NOT NULL,
    UNIQUE (instance, sequence, item)
);

-- The reference: periods and events from the measurements alone. The tables above equal these.
-- Within a run of equal grades the running maximum over the whole run splits at the same places as the
-- maximum over the current period would, since t_end >= t_start and records are in order of t_start.
CREATE VIEW period_reference AS
WITH graded AS (
    SELECT m.series_id, g.grade_id::smallint AS grade_id, m.t_start, m.row, m.t_end, g.grade
    FROM measurement m CROSS JOIN LATERAL unnest(m.grades) WITH ORDINALITY AS g (grade, grade_id)
    WHERE g.grade > 0
), changed AS (
    SELECT *, grade IS DISTINCT FROM lag(grade) OVER w AS is_change
    FROM graded WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, row)
), run AS (
    SELECT *, count(*) FILTER (WHERE is_change) OVER w AS run
    FROM changed WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, row)
), reach AS (
    SELECT run.*, max(t_end) OVER w AS latest_before
    FROM run WINDOW w AS (PARTITION BY series_id, grade_id, run ORDER BY t_start, row
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), starting AS (
    SELECT reach.*, latest_before IS NULL OR t_start - latest_before > gap.gap AS starts, gap.gap
    FROM reach
    JOIN series s ON s.id = series_id
    CROSS JOIN LATERAL (SELECT gap FROM record_type WHERE type IN (s.type, '')
                        ORDER BY type DESC LIMIT 1) AS gap
), numbered AS (
    SELECT *, count(*) FILTER (WHERE starts) OVER w AS number
    FROM starting WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, row)
), collapsed AS (
    SELECT series_id, grade_id, number, min(t_start) AS t_start,
           (array_agg(row ORDER BY t_start, row))[1] AS start_row,
           min(grade) AS grade, max(t_end) AS t_end, count(*) AS records, min(gap) AS gap
    FROM numbered GROUP BY series_id, grade_id, number
)
SELECT series_id, grade_id, t_start, start_row, grade::smallint, t_end, records,
       CASE WHEN next_start IS NULL THEN NULL
            WHEN next_start - t_end > gap THEN 'gap' ELSE 'grade' END AS ended
FROM (SELECT *, lead(t_start) OVER (PARTITION BY series_id, grade_id ORDER BY number) AS next_start
      FROM collapsed) AS p;

CREATE VIEW event_reference AS
SELECT series_id, grade_id, t_start AS t, start_row AS row,
       CASE WHEN lag(ended) OVER w = 'grade' THEN lag(grade) OVER w END AS from_grade,
       grade AS to_grade
FROM period_reference WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, start_row);

-- The periods as they are at this moment, open ones completed from the measurements.
CREATE VIEW period_now AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_row, p.grade,
       CASE WHEN p.ended IS NULL THEN greatest(p.t_end, later.t_end) ELSE p.t_end END AS t_end,
       CASE WHEN p.ended IS NULL THEN p.records + later.records ELSE p.records END AS records,
       p.ended
FROM period p
LEFT JOIN LATERAL (
    SELECT max(m.t_end) AS t_end, count(*) AS records
    FROM measurement m
    WHERE p.ended IS NULL AND m.series_id = p.series_id
      AND (m.t_start, m.row) > (p.through_t, p.through_row) AND m.t_start >= p.through_t
      AND m.grades[p.grade_id] > 0
) AS later ON true;

-- Least, mean and greatest of each metric within each period, and how many values there were. The next
-- period may begin before the last record of this one ends. Numbers of absurd length are left out.
CREATE VIEW period_metric AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_row, v.metric,
       min(v.number) AS min, avg(v.number) AS mean, max(v.number) AS max, count(*) AS "values"
FROM period_now p
LEFT JOIN LATERAL (
    SELECT n.t_start, n.start_row FROM period n
    WHERE n.series_id = p.series_id AND n.grade_id = p.grade_id
      AND (n.t_start, n.start_row) > (p.t_start, p.start_row)
    ORDER BY n.t_start, n.start_row LIMIT 1
) AS next ON true
JOIN measurement m ON m.series_id = p.series_id AND m.t_start >= p.t_start AND m.t_start <= p.t_end
     AND (m.t_start, m.row) >= (p.t_start, p.start_row) AND m.grades[p.grade_id] = p.grade
     AND (next.t_start IS NULL OR (m.t_start, m.row) < (next.t_start, next.start_row))
JOIN schema c ON c.id = m.schema_id
CROSS JOIN LATERAL (
    SELECT name AS metric, CASE WHEN length(text) <= 400
                                AND text ~ '^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,4})?$'
                                THEN text::numeric END AS number
    FROM unnest(c.results, m."values"[1:cardinality(c.results)]) AS u (name, text)
) AS v
WHERE v.number IS NOT NULL
GROUP BY p.series_id, p.grade_id, p.t_start, p.start_row, v.metric;
