-- SPDX-License-Identifier: Apache-2.0
-- counted_records() as it was, but where many of all series are asked for: the records of a span are read by when they start, since
-- to look up so many series in the primary key, one by one, takes twice as long. (PostgreSQL expects BRIN to lead to pages all over
-- the day.)
CREATE OR REPLACE FUNCTION counted_records(hours timestamptz[], since timestamptz, until timestamptz,
                                           reaching timestamptz, of_series bigint[])
RETURNS TABLE (grades smallint[], records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    span record;
    of text := '';
    fits text := '';
BEGIN
    IF cardinality(of_series) > (SELECT c.reltuples / 8 FROM pg_class c WHERE c.oid = 'series'::regclass AND c.reltuples > 0) THEN
        fits := ' AND m.series_id + 0 = ANY ($4)'; -- no key of an index
    ELSIF of_series IS NOT NULL THEN
        of := ' JOIN unnest($4) AS of (id) ON of.id = m.series_id';
    END IF;
    -- Hours that follow each other are one span, within a day.
    FOR span IN SELECT min(h.hour) AS first, max(h.hour) + interval '1 hour' AS after
                FROM (SELECT u.hour, u.hour - row_number() OVER (ORDER BY u.hour) * interval '1 hour' AS island
                      FROM unnest(hours) AS u (hour)) AS h
                GROUP BY h.island, date_trunc('day', h.hour, 'UTC') LOOP
        RETURN QUERY EXECUTE
            'SELECT m.grades, count(*) FROM measurement m' || of ||
            ' WHERE m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3' || fits || ' GROUP BY m.grades'
            USING greatest(since, span.first), least(until, span.after), reaching, of_series;
    END LOOP;
END $$;
ALTER FUNCTION counted_records SET search_path = ezrepo; -- as 0014-any-search-path.sql has it
