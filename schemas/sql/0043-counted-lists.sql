-- SPDX-License-Identifier: Apache-2.0
-- What counts of some series read, by who is asked for: where no other series has a number between theirs, only rows between these
-- numbers are read, and none is compared with the list of them.

-- Whether these are all the series there are with numbers from the least of them to the greatest; of few it is not looked up.
CREATE FUNCTION series_are_all(of_series bigint[], least_id bigint, most_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN cardinality(of_series) >= 64 AND most_id - least_id < 2 * cardinality(of_series)::bigint
           AND (SELECT count(*) FROM series s WHERE s.id BETWEEN least_id AND most_id) = cardinality(of_series);
END $$;
ALTER FUNCTION series_are_all SET search_path = ezrepo; -- as 0014-any-search-path.sql has it

-- What the rows of rollup_day or rollup_month (unit: day, month) with this start hold of these series (each once) behind the first `behind`
-- of their hours or days up to `upto`: how many records (grade_id 0), and how many of them have a grade from `low` to `high` of
-- each of these names (NULL: of all). A `low` of 0 also takes those without one: then it is how many less than all records.
CREATE FUNCTION counted_lists(unit text, start timestamptz, behind integer, upto integer, of_series bigint[], names smallint[],
                              low integer, high integer)
RETURNS TABLE (grade_id smallint, n bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 5 AS $$
DECLARE
    least_id bigint;
    most_id bigint;
    place text;
    graded text;
BEGIN
    SELECT min(u.id), max(u.id) INTO least_id, most_id FROM unnest(of_series) AS u (id);
    IF least_id IS NULL THEN
        RETURN;
    END IF;
    place := format('coalesce(t.c%%1$s[%s], 0)', upto)
             || CASE WHEN behind > 0 THEN format(' - coalesce(t.c%%1$s[%s], 0)', behind) ELSE '' END;
    SELECT string_agg(CASE WHEN low = 0 THEN ' - (' ELSE ' + (' END || format(place, g.grade) || ')', '' ORDER BY g.grade)
    INTO graded FROM generate_series(CASE WHEN low = 0 THEN high + 1 ELSE low END, CASE WHEN low = 0 THEN 5 ELSE high END) AS g (grade);
    RETURN QUERY EXECUTE format(
        'SELECT t.grade_id, sum(CASE t.grade_id WHEN 0 THEN %s ELSE 0%s END)::bigint FROM rollup_%s t%s'
        ' WHERE t.%s = $1 AND t.series_id BETWEEN %s AND %s%s GROUP BY t.grade_id',
        format(place, 0), graded, unit,
        CASE WHEN series_are_all(of_series, least_id, most_id) THEN '' ELSE ' JOIN unnest($2) AS of (id) ON of.id = t.series_id' END,
        unit, least_id, most_id,
        CASE WHEN names IS NULL THEN '' ELSE ' AND t.grade_id = ANY ($3)' END)
        USING start, of_series, 0::smallint || names;
END $$;
ALTER FUNCTION counted_lists SET search_path = ezrepo;

-- counted_records() as it was (0032-many-series.sql), but for series that are all there are between their numbers.
CREATE OR REPLACE FUNCTION counted_records(hours timestamptz[], since timestamptz, until timestamptz,
                                           reaching timestamptz, of_series bigint[])
RETURNS TABLE (grades smallint[], records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    span record;
    least_id bigint;
    most_id bigint;
    of text := '';
    fits text := '';
BEGIN
    IF cardinality(hours) = 0 THEN
        RETURN;
    END IF;
    IF cardinality(of_series) > (SELECT c.reltuples / 8 FROM pg_class c WHERE c.oid = 'series'::regclass AND c.reltuples > 0) THEN
        SELECT min(u.id), max(u.id) INTO least_id, most_id FROM unnest(of_series) AS u (id);
        fits := CASE WHEN series_are_all(of_series, least_id, most_id)
                THEN format(' AND m.series_id + 0 BETWEEN %s AND %s', least_id, most_id)
                ELSE ' AND m.series_id + 0 = ANY ($4)' END; -- no key of an index
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
ALTER FUNCTION counted_records SET search_path = ezrepo;
