-- SPDX-License-Identifier: Apache-2.0
-- What it takes to say why a series is graded as it is: single records of days that are known only while the statement
-- runs (as in 0011-identity.sql each is planned for its own partitions), and the events that no longer hold.

CREATE INDEX event_retracted ON event (series_id, grade_id, t) WHERE retracted_at IS NOT NULL;

-- The last record of a series, in the order of its records, of those that start from `since` to before `until`. The
-- newest day that has records of anybody's is looked at first, then spans twice as long, of at most 16 days.
CREATE FUNCTION last_record(of_series bigint, since timestamptz, until timestamptz) RETURNS SETOF measurement
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 AS $$
DECLARE
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := until;
BEGIN
    LOOP
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h
        WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < span_end;
        EXIT WHEN day IS NULL;
        span_start := day - (days - 1) * interval '24 hours';
        span_end := least(span_end, day + interval '24 hours');
        RETURN QUERY EXECUTE
            'SELECT m.* FROM measurement m WHERE m.series_id = $1 AND m.t_start >= $2 AND m.t_start < $3'
            ' ORDER BY m.t_start DESC, m.t_end DESC, m.key DESC LIMIT 1'
            USING of_series, greatest(since, span_start), span_end;
        EXIT WHEN FOUND;
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;

-- One record by its identity; none when it is dropped.
CREATE FUNCTION record_at(of_series bigint, at timestamptz, of_key bigint) RETURNS SETOF measurement
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 1 AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT m.* FROM measurement m WHERE m.series_id = $1 AND m.t_start = $2 AND m.key = $3'
        USING of_series, at, of_key;
END $$;

-- What came to an open period since it was known through a record: their latest end (NULL: none) and their number.
CREATE FUNCTION period_since(of_series bigint, name smallint, through_t timestamptz, through_end timestamptz,
                             through_key bigint, OUT t_end timestamptz, OUT records bigint)
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED AS $$
BEGIN
    EXECUTE 'SELECT max(m.t_end), count(*) FROM measurement m WHERE m.series_id = $1 AND m.t_start >= $3'
            ' AND (m.t_start, m.t_end, m.key) > ($3, $4, $5) AND m.grades[$2] > 0'
        INTO t_end, records USING of_series, name, through_t, through_end, through_key;
END $$;
