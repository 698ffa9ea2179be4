-- SPDX-License-Identifier: Apache-2.0
-- Counts take hours whole that the ends of a range cut, and the records outside as so many less; but not where these may be
-- gone, since they are dropped: then what the counts have of the hour is taken off again.

-- How many records these series (NULL: all) have in these hours, as far as they are sealed, by grade name and grade.
CREATE FUNCTION counted_hours(hours timestamptz[], of_series bigint[])
RETURNS TABLE (grade_id smallint, n0 bigint, n1 bigint, n2 bigint, n3 bigint, n4 bigint, n5 bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 AS $$
DECLARE
    at timestamptz;
    h integer;
BEGIN
    FOREACH at IN ARRAY hours LOOP
        h := extract(hour FROM at AT TIME ZONE 'UTC')::integer + 1;
        RETURN QUERY
        SELECT r.grade_id, sum(coalesce(r.c0[h], 0) - coalesce(r.c0[h - 1], 0)), sum(coalesce(r.c1[h], 0) - coalesce(r.c1[h - 1], 0)),
               sum(coalesce(r.c2[h], 0) - coalesce(r.c2[h - 1], 0)), sum(coalesce(r.c3[h], 0) - coalesce(r.c3[h - 1], 0)),
               sum(coalesce(r.c4[h], 0) - coalesce(r.c4[h - 1], 0)), sum(coalesce(r.c5[h], 0) - coalesce(r.c5[h - 1], 0))
        FROM rollup_day r
        WHERE r.day = date_trunc('day', at, 'UTC') AND (of_series IS NULL OR r.series_id = ANY (of_series)) GROUP BY 1
        UNION ALL
        SELECT r.grade_id, sum(r.n0), sum(r.n1), sum(r.n2), sum(r.n3), sum(r.n4), sum(r.n5) FROM rollup_hour r
        WHERE r.hour = at AND (of_series IS NULL OR r.series_id = ANY (of_series)) GROUP BY 1;
    END LOOP;
END $$;
ALTER FUNCTION counted_hours SET search_path = ezrepo; -- as 0014-any-search-path.sql has it
