-- SPDX-License-Identifier: Apache-2.0
-- Answers say in which windows of maintenance what they tell of lies. Which series patterns are for is said once, so that
-- statements that know some windows and some series need not look for either again.

-- Whether a series fits patterns as tables of the operator's have them. Not STRICT, so that it becomes part of the statement.
CREATE FUNCTION patterns_fit(likes text[], source text, source_prefix inet, dest text, dest_prefix inet, s series)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.type LIKE $1[1] AND s.content LIKE $1[2] AND s.probe LIKE $1[3] AND s.path LIKE $1[6]
      AND CASE WHEN $3 IS NULL THEN s.source LIKE $1[4] WHEN s.source_addr IS NULL THEN s.source = $2 ELSE s.source_addr <<= $3 END
      AND CASE WHEN $5 IS NULL THEN s.dest LIKE $1[5] WHEN s.dest_addr IS NULL THEN s.dest = $4 ELSE s.dest_addr <<= $5 END
$$;

CREATE OR REPLACE FUNCTION is_expected_by(s series, e expected) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ezrepo.patterns_fit(e.likes, e.source, e.source_prefix, e.dest, e.dest_prefix, s)
$$;

CREATE OR REPLACE FUNCTION maintenance_of(of_series bigint, since timestamptz, until timestamptz)
RETURNS SETOF bigint LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1 AS $$
    SELECT m.number FROM ezrepo.maintenance m, ezrepo.series s
    WHERE s.id = of_series AND m.t_from <= until AND m.t_until > since AND m.t_until > m.t_from
      AND ezrepo.patterns_fit(m.likes, m.source, m.source_prefix, m.dest, m.dest_prefix, s)
    ORDER BY m.number
$$;

-- Numbers of windows as answers have them: each once, the newest first, a comma between two, at most 20 of them, then "more";
-- null of none. In plpgsql, since it is mostly planned with a statement and not called.
CREATE FUNCTION maintenance_numbers(numbers bigint[]) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT string_agg(CASE WHEN place <= 20 THEN number::text ELSE 'more' END, ',' ORDER BY place)
            FROM (SELECT number, row_number() OVER (ORDER BY number DESC) AS place
                  FROM (SELECT DISTINCT unnest(numbers) AS number) AS u ORDER BY place LIMIT 21) AS n);
END $$;

-- Which series are, were and will be in maintenance, and when: for who joins it to what he asks.
CREATE VIEW maintenance_series AS
SELECT s.id AS series_id, m.number, m.t_from, m.t_until, m.reason, m.author
FROM maintenance m JOIN series s ON patterns_fit(m.likes, m.source, m.source_prefix, m.dest, m.dest_prefix, s)
WHERE m.t_until > m.t_from;

COMMENT ON VIEW maintenance_series IS 'which series are in maintenance from when until when';
