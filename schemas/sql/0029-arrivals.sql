-- SPDX-License-Identifier: Apache-2.0
-- Records in the order in which they arrived, from any place on.

-- Rows of one transaction lie side by side, so a summary of each 256 pages finds them.
CREATE INDEX measurement_arrival ON measurement USING brin (arrival) WITH (pages_per_range = 256, autosummarize = on);

-- Numbers of all transactions that brought records of the hour are in [arrived_from, arrived_until). The end is rounded
-- up, so that few transactions have to change it.
ALTER TABLE measured_hour ADD COLUMN arrived_from bigint NOT NULL DEFAULT 0,
    ADD COLUMN arrived_until bigint NOT NULL DEFAULT 9223372036854775807;
UPDATE measured_hour SET arrived_until = arrival_last() + 1;

-- One row: of transactions below this number records may be gone, with the days they were of.
CREATE TABLE arrival_cut (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    below  bigint NOT NULL
);
INSERT INTO arrival_cut (below) VALUES (0);

-- As it is at this moment, whatever the snapshot of the statement is.
CREATE FUNCTION arrival_cut_now() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT below FROM ezrepo.arrival_cut);
END $$;

-- Records and grade names, as newest_records() has them, in the order of (arrival, series_id, t, key, grade_id), the
-- first `enough` at least that come after (after_arrival, after_series, after_t, after_key, after_name), of
-- transactions up to `until_arrival`; then a row with nothing but `arrival`: up to which transaction all are there. It
-- looks at 16 transactions first, then at up to twice as many each time, at most 256, fewer where that took long, while
-- there are not enough, for a second or so. Partitions that were never analysed would be read by their primary keys.
CREATE FUNCTION arrived_records(since timestamptz, until timestamptz, reaching timestamptz, of_series bigint[],
                                names smallint[], low int, high int, after_arrival bigint, after_series bigint,
                                after_t timestamptz, after_key bigint, after_name bigint, until_arrival bigint, enough bigint)
RETURNS TABLE (arrival bigint, series_id bigint, t timestamptz, key bigint, grade_id smallint, t_end timestamptz,
               schema_id bigint, grading_version integer, origin smallint, hops_id bigint, grades smallint[],
               "values" text[], label text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
    give_up timestamptz := clock_timestamp() + interval '1 second';
    began timestamptz;
    first bigint := after_arrival;
    last bigint;
    reached bigint := until_arrival;
    width bigint := 16;
    found_rows bigint;
    got bigint;
    span record;
BEGIN
    LOOP
        -- What no hour has is passed over.
        SELECT min(greatest(h.arrived_from, first)) INTO first FROM measured_hour h
        WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < until AND h.reach >= reaching
          AND h.arrived_until > first;
        EXIT WHEN first IS NULL OR first > until_arrival;
        last := least(until_arrival, first + width - 1);
        began := clock_timestamp();
        got := 0;
        FOR span IN SELECT min(h.hour) AS first_hour, max(h.hour) + interval '1 hour' AS after_hour FROM measured_hour h
                    WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < until AND h.reach >= reaching
                      AND h.arrived_from <= last AND h.arrived_until > first
                    GROUP BY date_trunc('day', h.hour, 'UTC') LOOP
            RETURN QUERY EXECUTE
                'SELECT m.arrival, m.series_id, m.t_start, m.key, a.id, m.t_end, m.schema_id,'
                '       m.grading_version, m.origin, m.hops_id, m.grades, m."values", m.label'
                ' FROM measurement m CROSS JOIN unnest($5) AS a (id)'
                || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($4) AS of (id) ON of.id = m.series_id' END ||
                ' WHERE m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3'
                '   AND m.arrival >= $13 AND m.arrival <= $14'
                '   AND coalesce(m.grades[a.id], 0) BETWEEN $6 AND $7'
                '   AND (m.arrival, m.series_id, m.t_start, m.key, a.id) > ($8, $9, $10, $11, $12)'
                ' ORDER BY m.arrival, m.series_id, m.t_start, m.key, a.id LIMIT $15'
                USING greatest(since, span.first_hour), least(until, span.after_hour), reaching, of_series, names, low, high,
                      after_arrival, after_series, after_t, after_key, after_name, first, last, enough;
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            got := got + found_rows;
        END LOOP;
        enough := enough - got;
        reached := last;
        EXIT WHEN enough <= 0 OR last = until_arrival OR clock_timestamp() > give_up;
        reached := until_arrival;
        first := last + 1;
        width := CASE WHEN clock_timestamp() - began > interval '100 milliseconds' THEN greatest(width / 2, 1)
                      ELSE least(2 * width, 256) END;
    END LOOP;
    arrival := reached;
    RETURN NEXT;
END $$;

COMMENT ON TABLE arrival_cut IS 'up to which transaction records may be gone';
COMMENT ON COLUMN measured_hour.arrived_from IS 'no transaction before it brought a record of the hour';
COMMENT ON COLUMN measured_hour.arrived_until IS 'nor did this one, or one behind it';
