-- SPDX-License-Identifier: Apache-2.0
-- Steadiness: leave, hold and flap of a grading (docs/semantics.md).

-- Of each record, two bytes for each grade name up to the last that has any, by their numbers: which grades it lets stand
-- (bit g - 1), and, in the bits from 32 on, the place of what its block says of hold and flap among those of its
-- version. Not NULL, which would cost each record eight bytes.
ALTER TABLE measurement ADD steady bytea NOT NULL DEFAULT '';

CREATE FUNCTION steady_bits(steady bytea, name integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(steady) >= 2 * name THEN get_byte(steady, 2 * name - 2) * 256 + get_byte(steady, 2 * name - 1) ELSE 0 END;

-- What blocks of a version say: whether there is a hold, its records and seconds to become worse and better, and the
-- changes and seconds of a flap; 0 where there is none.
CREATE TABLE steady_terms (
    version integer,
    place   smallint,
    terms   integer[] NOT NULL CHECK (cardinality(terms) = 7),
    PRIMARY KEY (version, place)
);

-- Where a series and grade name asks for steadiness: what is known between this record and the next one
-- (stored/periods/steady.h), so that no records before have to be read. One every so many records and days.
CREATE TABLE steady_walk (
    series_id bigint,
    grade_id  smallint,
    t_start   timestamptz,
    t_end     timestamptz,
    key       bigint,
    state     bytea NOT NULL,
    PRIMARY KEY (series_id, grade_id, t_start, t_end, key)
);

-- flap: a stretch of changes, which is one period of its worst state.
ALTER TABLE period ADD flap boolean NOT NULL DEFAULT false, DROP CONSTRAINT period_ended_check,
    ADD CONSTRAINT period_ended_check CHECK (ended IN ('gap', 'grade', 'steady')) NOT VALID;
ALTER TABLE event ADD flap boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW period_known AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.grade,
       coalesce(d.t_end, p.t_end) AS t_end, coalesce(d.records, p.records) AS records, p.ended,
       coalesce(d.until, p.through_t) AS through_t,
       CASE WHEN d.until IS NULL THEN p.through_end ELSE '1970-01-01 00:00:00+00' END AS through_end,
       CASE WHEN d.until IS NULL THEN p.through_key ELSE -1 END AS through_key, p.flap
FROM period p
LEFT JOIN period_dropped d ON p.ended IS NULL AND d.series_id = p.series_id AND d.grade_id = p.grade_id
     AND d.t_start = p.t_start AND d.start_end = p.start_end AND d.start_key = p.start_key
     AND d.until > p.through_t;

CREATE OR REPLACE VIEW period_now AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.grade,
       CASE WHEN p.ended IS NULL THEN greatest(p.t_end, later.t_end) ELSE p.t_end END AS t_end,
       CASE WHEN p.ended IS NULL THEN p.records + later.records ELSE p.records END AS records,
       p.ended, p.flap
FROM period_known p
LEFT JOIN LATERAL (
    SELECT max(m.t_end) AS t_end, count(*) AS records
    FROM measurement m
    WHERE p.ended IS NULL AND m.series_id = p.series_id
      AND (m.t_start, m.t_end, m.key) > (p.through_t, p.through_end, p.through_key) AND m.t_start >= p.through_t
      AND m.grades[p.grade_id] > 0
) AS later ON true;

CREATE OR REPLACE VIEW v_period AS
SELECT p.t_start, p.t_end, s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name, p.grade, p.records,
       p.ended IS NULL AS open, p.ended AS ended_by, p.series_id, p.flap
FROM period_now p JOIN series s ON s.id = p.series_id JOIN grade_name g ON g.id = p.grade_id;

CREATE OR REPLACE VIEW v_event AS
SELECT e.t, s.type, s.content, s.probe, s.source, s.dest, s.path, g.name AS grade_name, e.from_grade, e.to_grade,
       e.told_at, e.retracted_at, e.retracted_at IS NULL AS holds, e.series_id, e.id, e.flap
FROM event e JOIN series s ON s.id = e.series_id JOIN grade_name g ON g.id = e.grade_id;

-- ---- the reference: from the records alone ----

-- The states of one series and grade name, record by record: each the state that holds from this record on once all
-- records are known, whether a gap lies before it, and whether a change begins at it (recognised at record change_at,
-- by whose block changes and seconds make a stretch) or a run that was open when it was looked at (run_from).
CREATE FUNCTION steady_states(of_series bigint, of_name smallint)
RETURNS TABLE (n integer, t timestamptz, t_end timestamptz, key bigint, state integer, gap boolean, change_at integer,
               flap_changes integer, flap interval, run_from integer)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r record;
    states integer[] := '{}'; gaps boolean[] := '{}'; changes integer[] := '{}'; runs integer[] := '{}';
    counts integer[] := '{}'; spans integer[] := '{}';
    starts timestamptz[] := '{}'; ends timestamptz[] := '{}'; keys bigint[] := '{}'; own integer[] := '{}';
    state integer; effective integer; run integer; side integer := 0; i integer := 0;
    latest timestamptz; reach timestamptz; seen timestamptz; gap_after interval; needs integer; lasts interval; nearest integer;
    terms integer[];
BEGIN
    SELECT g.gap INTO gap_after FROM series s CROSS JOIN LATERAL (SELECT q.gap FROM record_type q WHERE q.type IN (s.type, '')
        ORDER BY q.type DESC LIMIT 1) AS g WHERE s.id = of_series;
    FOR r IN SELECT m.t_start, m.t_end, m.key, m.grades[of_name]::integer AS grade, steady_bits(m.steady, of_name) AS bits,
                    m.grading_version
             FROM measurement m WHERE m.series_id = of_series AND m.grades[of_name] > 0 ORDER BY m.t_start, m.t_end, m.key LOOP
        i := i + 1;
        SELECT s.terms INTO terms FROM steady_terms s WHERE s.version = r.grading_version AND s.place = r.bits >> 5;
        terms := coalesce(terms, '{0,0,0,0,0,0,0}');
        starts := starts || r.t_start; ends := ends || r.t_end; keys := keys || r.key; own := own || r.grade;
        changes := changes || NULL::integer; counts := counts || 0; spans := spans || 0;
        seen := CASE WHEN terms[1] = 1 OR terms[6] > 0 THEN latest ELSE reach END;
        IF i = 1 OR r.t_start - seen > gap_after THEN
            state := r.grade; side := 0; latest := r.t_end; reach := r.t_end;
            states := states || state; gaps := gaps || true; runs := runs || NULL::integer;
            CONTINUE;
        END IF;
        effective := CASE WHEN (r.bits >> (state - 1)) & 1 = 1 THEN state ELSE r.grade END;
        own[i] := effective;
        states := states || state; gaps := gaps || false;
        IF effective = state THEN
            side := 0;
        ELSIF sign(effective - state) <> side THEN
            side := sign(effective - state); run := i;
        END IF;
        latest := greatest(latest, r.t_end); reach := greatest(reach, r.t_end);
        needs := CASE WHEN terms[1] = 0 THEN 1 WHEN side < 0 THEN terms[2] ELSE terms[4] END;
        lasts := CASE WHEN terms[1] = 0 THEN 0 WHEN side < 0 THEN terms[3] ELSE terms[5] END * interval '1 second';
        IF side <> 0 AND i - run + 1 >= needs AND r.t_start - starts[run] >= lasts THEN
            SELECT CASE WHEN side < 0 THEN max(u.g) ELSE min(u.g) END INTO nearest FROM unnest(own[run:i]) AS u (g);
            state := nearest;
            SELECT max(u.e) INTO reach FROM unnest(ends[run:i]) AS u (e);
            states := states[:run - 1] || array_fill(state, ARRAY[i - run + 1]);
            changes[run] := i; counts[run] := terms[6]; spans[run] := terms[7];
            side := 0;
        END IF;
        runs := runs || CASE WHEN side <> 0 THEN run END;
    END LOOP;
    RETURN QUERY SELECT u.n::integer, u.t, u.t_end, u.key, u.state, u.gap, u.change_at, u.flap_changes, u.span * interval '1 second', u.run_from
                 FROM unnest(starts, ends, keys, states, gaps, changes, counts, spans, runs)
                      WITH ORDINALITY AS u (t, t_end, key, state, gap, change_at, flap_changes, span, run_from, n);
END $$;

CREATE TYPE steady_state AS (n integer, t timestamptz, t_end timestamptz, key bigint, state integer, gap boolean, change_at integer,
                             flap_changes integer, flap interval, run_from integer);

-- Its periods, with the events at their starts.
CREATE FUNCTION steady_periods(of_series bigint, of_name smallint)
RETURNS TABLE (t_start timestamptz, start_end timestamptz, start_key bigint, grade smallint, t_end timestamptz, records bigint,
               ended text, flap boolean, from_grade smallint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r record; c record;
    at integer[] := '{}'; of_change integer[] := '{}'; -- the changes since the last gap or stretch: records, in order
    flapping boolean := false; begun integer; within interval; last_t timestamptz; worst integer;
    cuts integer[] := '{}'; hows text[] := '{}'; grades integer[] := '{}'; flaps boolean[] := '{}'; until integer[] := '{}';
    all_states steady_state[];
BEGIN
    SELECT array_agg(ROW(s.n, s.t, s.t_end, s.key, s.state, s.gap, s.change_at, s.flap_changes, s.flap, s.run_from)::steady_state ORDER BY s.n)
        INTO all_states FROM steady_states(of_series, of_name) s;
    -- Record by record, as far as was known at each: stretches by their first record and the one behind.
    FOR i IN 1 .. coalesce(cardinality(all_states), 0) LOOP
        IF all_states[i].gap THEN
            IF flapping THEN
                cuts := cuts || begun; until := until || i; grades := grades || worst; hows := hows || 'gap'::text;
            END IF;
            flapping := false; at := '{}';
        END IF;
        FOR c IN SELECT s.n, s.t, s.state, s.flap_changes, s.flap FROM unnest(all_states) AS s WHERE s.change_at = i LOOP
            IF flapping AND c.t - last_t < within THEN
                last_t := c.t; worst := least(worst, c.state);
            ELSE
                IF flapping THEN -- it is over: the change is this record itself
                    cuts := cuts || begun; until := until || i; grades := grades || worst; hows := hows || 'steady'::text;
                    flapping := false; at := '{}';
                END IF;
                at := at || c.n;
                IF c.flap_changes > 0 AND cardinality(at) >= c.flap_changes
                   AND c.t - all_states[at[cardinality(at) - c.flap_changes + 1]].t <= c.flap THEN
                    flapping := true; begun := at[cardinality(at) - c.flap_changes + 1]; within := c.flap; last_t := c.t;
                    SELECT min(all_states[u.n].state) INTO worst FROM unnest(at[cardinality(at) - c.flap_changes + 1:]) AS u (n);
                END IF;
            END IF;
        END LOOP;
        IF flapping AND all_states[i].t - last_t >= within
           AND (all_states[i].run_from IS NULL OR all_states[all_states[i].run_from].t - last_t >= within) THEN
            cuts := cuts || begun; until := until || i; grades := grades || worst; hows := hows || 'steady'::text;
            flapping := false; at := '{}';
        END IF;
    END LOOP;
    IF flapping THEN
        cuts := cuts || begun; until := until || cardinality(all_states) + 1; grades := grades || worst; hows := hows || NULL::text;
    END IF;
    RETURN QUERY
    WITH stretch AS (SELECT * FROM unnest(cuts, until, grades, hows) AS s (first, behind, worst, how)),
    start AS (
        SELECT s.n, CASE WHEN s.gap THEN 'gap'
                         WHEN EXISTS (SELECT FROM stretch f WHERE f.behind = s.n AND f.how = 'steady') THEN 'steady' ELSE 'grade' END AS how,
               coalesce((SELECT f.worst FROM stretch f WHERE f.first = s.n), s.state) AS grade,
               EXISTS (SELECT FROM stretch f WHERE f.first = s.n) AS flap
        FROM unnest(all_states) AS s
        WHERE s.gap OR EXISTS (SELECT FROM stretch f WHERE s.n IN (f.first, CASE WHEN f.how = 'steady' THEN f.behind END))
              OR (s.change_at IS NOT NULL AND NOT EXISTS (SELECT FROM stretch f WHERE s.n > f.first AND s.n < f.behind))),
    span AS (SELECT start.*, lead(start.n, 1, cardinality(all_states) + 1) OVER w AS behind, lead(start.how) OVER w AS ends_by,
                    lag(start.grade) OVER w AS before
             FROM start WINDOW w AS (ORDER BY start.n))
    SELECT all_states[p.n].t, all_states[p.n].t_end, all_states[p.n].key, p.grade::smallint,
           (SELECT max(s.t_end) FROM unnest(all_states[p.n:p.behind - 1]) AS s), (p.behind - p.n)::bigint, p.ends_by, p.flap,
           CASE WHEN p.how <> 'gap' THEN p.before END::smallint
    FROM span p;
END $$;

-- Within a run of equal grades the running maximum over the whole run splits at the same places as the
-- maximum over the current period would, since t_end >= t_start and records are in order of t_start.
CREATE OR REPLACE VIEW period_reference AS
WITH steady_pair AS (
    SELECT DISTINCT m.series_id, n.name::smallint AS grade_id
    FROM measurement m CROSS JOIN LATERAL generate_series(1, octet_length(m.steady) / 2) AS n (name)
    WHERE m.steady <> '' AND steady_bits(m.steady, n.name) <> 0
), graded AS (
    SELECT m.series_id, g.grade_id::smallint AS grade_id, m.t_start, m.t_end, m.key, g.grade
    FROM measurement m CROSS JOIN LATERAL unnest(m.grades) WITH ORDINALITY AS g (grade, grade_id)
    WHERE g.grade > 0 AND NOT EXISTS (SELECT FROM steady_pair p WHERE p.series_id = m.series_id AND p.grade_id = g.grade_id)
), changed AS (
    SELECT *, grade IS DISTINCT FROM lag(grade) OVER w AS is_change
    FROM graded WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, t_end, key)
), run AS (
    SELECT *, count(*) FILTER (WHERE is_change) OVER w AS run
    FROM changed WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, t_end, key)
), reach AS (
    SELECT run.*, max(t_end) OVER w AS latest_before
    FROM run WINDOW w AS (PARTITION BY series_id, grade_id, run ORDER BY t_start, t_end, key
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), starting AS (
    SELECT reach.*, latest_before IS NULL OR t_start - latest_before > gap.gap AS starts, gap.gap
    FROM reach
    JOIN series s ON s.id = series_id
    CROSS JOIN LATERAL (SELECT gap FROM record_type WHERE type IN (s.type, '')
                        ORDER BY type DESC LIMIT 1) AS gap
), numbered AS (
    SELECT *, count(*) FILTER (WHERE starts) OVER w AS number
    FROM starting WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, t_end, key)
), collapsed AS (
    SELECT series_id, grade_id, number, min(t_start) AS t_start,
           (array_agg(t_end ORDER BY t_start, t_end, key))[1] AS start_end,
           (array_agg(key ORDER BY t_start, t_end, key))[1] AS start_key,
           min(grade) AS grade, max(t_end) AS t_end, count(*) AS records, min(gap) AS gap
    FROM numbered GROUP BY series_id, grade_id, number
)
SELECT series_id, grade_id, t_start, start_end, start_key, grade::smallint, t_end, records,
       CASE WHEN next_start IS NULL THEN NULL
            WHEN next_start - t_end > gap THEN 'gap' ELSE 'grade' END AS ended, false AS flap
FROM (SELECT *, lead(t_start) OVER (PARTITION BY series_id, grade_id ORDER BY number) AS next_start
      FROM collapsed) AS p
UNION ALL
SELECT p.series_id, p.grade_id, s.t_start, s.start_end, s.start_key, s.grade, s.t_end, s.records, s.ended, s.flap
FROM steady_pair p CROSS JOIN LATERAL steady_periods(p.series_id, p.grade_id) AS s;

CREATE OR REPLACE VIEW event_reference AS
SELECT series_id, grade_id, t_start AS t, start_end AS t_end, start_key AS key,
       CASE WHEN lag(ended) OVER w IN ('grade', 'steady') THEN lag(grade) OVER w END AS from_grade,
       grade AS to_grade, flap
FROM period_reference WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, start_end, start_key);
