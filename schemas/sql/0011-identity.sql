-- SPDX-License-Identifier: Apache-2.0
-- A record is (series, t_start, what was measured). All of `measurement` is written anew, once: a day is a
-- transaction, so that what was done stays done and little disk is needed beside. The steps: stored/db/migrate.c.

-- step once

-- What is made anew at the end, with the columns that are to come.
DROP VIEW event_reference, period_reference, period_metric, period_now, period_known,
          grade_rollup_reference, grade_rollup_day_reference, grade_total_reference, record_grade, ledger_now;
DROP FUNCTION counted_records, newest_records, newest_periods;

-- ---- what was measured, as a number ----
-- docs/semantics.md has the canonical form and tests/golden/record_identity.json its vectors; neither ever
-- changes. The same as common/identity.c, as far as text tells what a value was.

-- The form of a number; NULL when the text is none. An exponent beyond 10^18 counts as 10^18.
CREATE FUNCTION number_form(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    digits text;
    marked integer;
    exponent bigint := 0;
    magnitude text;
BEGIN
    IF value !~ '^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$' THEN
        RETURN NULL;
    END IF;
    digits := ltrim(value, '+-');
    marked := strpos(lower(digits), 'e');
    IF marked > 0 THEN
        magnitude := ltrim(substr(digits, marked + 1), '+-0');
        exponent := CASE WHEN magnitude = '' THEN 0 WHEN length(magnitude) > 18 THEN 1000000000000000000
                    ELSE magnitude::bigint END;
        IF substr(digits, marked + 1, 1) = '-' THEN
            exponent := -exponent;
        END IF;
        digits := left(digits, marked - 1);
    END IF;
    marked := strpos(digits, '.');
    IF marked > 0 THEN
        exponent := exponent - (length(digits) - marked);
        digits := overlay(digits PLACING '' FROM marked FOR 1);
    END IF;
    magnitude := rtrim(digits, '0');
    exponent := exponent + length(digits) - length(magnitude);
    magnitude := ltrim(magnitude, '0');
    RETURN CASE WHEN magnitude = '' THEN 'd0;'
                WHEN left(value, 1) = '-' THEN 'd-' || magnitude || 'e' || exponent || ';'
                ELSE 'd' || magnitude || 'e' || exponent || ';' END;
END $$;

-- As record_digest(), with the names in order, each as it begins its metric in the form, and the places of
-- their values.
CREATE FUNCTION record_digest_in_order(t_end timestamptz, hops text[], names text[], places integer[],
                                       "values" text[], equal_before integer) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 200 AS $$
DECLARE
    form text := 't' || (extract(epoch FROM t_end) * 1000000)::bigint || ';';
    value text;
    number text;
    sum bytea;
BEGIN
    IF cardinality(hops) > 0 THEN
        form := form || 'h' || cardinality(hops) || ';';
        FOREACH value IN ARRAY hops LOOP
            form := form || coalesce(octet_length(value) || ':' || value, '-') || ';';
        END LOOP;
    END IF;
    FOR i IN 1 .. coalesce(cardinality(places), 0) LOOP
        value := "values"[places[i]];
        number := number_form(value);
        form := form || names[i]
                || CASE WHEN value IS NULL THEN 'n;'
                        WHEN number IS NOT NULL THEN number
                        WHEN left(value, 1) IN ('[', '{') THEN 'j' || octet_length(value) || ':' || value || ';'
                        ELSE 's' || octet_length(value) || ':' || value || ';' END;
    END LOOP;
    IF equal_before > 0 THEN
        form := form || 'r' || equal_before || ';';
    END IF;
    sum := sha256(convert_to(form, 'UTF8'));
    RETURN greatest(1, (get_byte(sum, 0)::bigint << 40) | (get_byte(sum, 1)::bigint << 32)
                       | (get_byte(sum, 2)::bigint << 24) | (get_byte(sum, 3) << 16)::bigint
                       | (get_byte(sum, 4) << 8) | get_byte(sum, 5));
END $$;

-- The digest of a record: of its end, its hops (NULL: none), and its metrics, whose values come first in
-- "values", in the order of `names`. equal_before: how many rows of the same result say the same.
CREATE FUNCTION record_digest(t_end timestamptz, hops text[], names text[], "values" text[],
                              equal_before integer DEFAULT 0) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 400 AS $$
    SELECT record_digest_in_order(t_end, hops,
               array_agg(octet_length(u.name) || ':' || u.name || ';' ORDER BY u.name COLLATE "C"),
               array_agg(u.place::integer ORDER BY u.name COLLATE "C"), "values", equal_before)
    FROM unnest(names) WITH ORDINALITY AS u (name, place)
$$;

-- The class of a record of a key (retention_class), and its digest.
CREATE FUNCTION key_class(key bigint) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (key >> 48)::smallint';
CREATE FUNCTION key_digest(key bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT key & 281474976710655';

-- ---- schemas ----
-- A parameter or metadata whose value is, as text, the dimension it became is not stored with each record:
-- of_series has, for each of parameters || metadata, the column of `series` that its value is, or ''; those
-- have no place in measurement."values".

ALTER TABLE schema ALTER COLUMN id TYPE bigint;
ALTER SEQUENCE schema_id_seq AS bigint;
ALTER TABLE schema ADD COLUMN of_series text[];

-- As stored/cache/interned.c makes it of texts and lists of texts.
CREATE FUNCTION schema_digest(verb text, registry text, results text[], parameters text[], metadata text[],
                              of_series text[]) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(encode(sha256(convert_to(
        octet_length(verb) || ':' || verb || octet_length(registry) || ':' || registry
        || string_agg(cardinality(l.list) || '['
                      || coalesce((SELECT string_agg(octet_length(u.t) || ':' || u.t, '' ORDER BY u.n)
                                   FROM unnest(l.list) WITH ORDINALITY AS u (t, n)), ''), '' ORDER BY l.n),
        'UTF8')), 'hex'), 32)::uuid
    FROM (SELECT 1 AS n, results AS list UNION ALL SELECT 2, parameters UNION ALL SELECT 3, metadata
          UNION ALL SELECT 4, of_series) AS l
$$;

UPDATE schema SET of_series = array_fill(''::text, ARRAY[cardinality(parameters) + cardinality(metadata)]);
UPDATE schema SET digest = schema_digest(verb, registry, results, parameters, metadata, of_series);
ALTER TABLE schema ALTER COLUMN of_series SET NOT NULL;

-- All values of a record: results, then parameters, then metadata, those from its series, too. results: how
-- many; the others from the row of `schema` and the row of `series`.
CREATE FUNCTION whole_values("values" text[], results integer, of_series text[], type text, content text,
                             probe text, source text, dest text, path text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 50 AS $$
DECLARE
    whole text[];
    place integer := results;
    dimension text;
BEGIN
    IF cardinality("values") = results + cardinality(of_series) THEN
        RETURN "values";
    END IF;
    whole := "values"[1:results];
    FOREACH dimension IN ARRAY of_series LOOP
        place := place + (dimension = '')::integer;
        whole := whole || CASE dimension WHEN '' THEN "values"[place] WHEN 'type' THEN type
                               WHEN 'content' THEN content WHEN 'probe' THEN probe WHEN 'source' THEN source
                               WHEN 'dest' THEN dest WHEN 'path' THEN path END;
    END LOOP;
    RETURN whole;
END $$;

-- The latest day of which records of a class have a schema, so that it goes when they are gone.
CREATE TABLE schema_use (
    schema_id bigint NOT NULL,
    class     smallint NOT NULL,
    last_day  date NOT NULL,
    PRIMARY KEY (schema_id, class)
);

-- ---- what records have besides ----

-- The hops of traceroutes, each list once; an address is NULL where one did not answer.
CREATE TABLE hops (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest    uuid NOT NULL UNIQUE,
    addresses text[] NOT NULL
);
CREATE TABLE hops_use (
    hops_id  bigint NOT NULL,
    class    smallint NOT NULL,
    last_day date NOT NULL,
    PRIMARY KEY (hops_id, class)
);

-- By which door a record came and what it was read from; '' where that is not told.
CREATE TABLE origin (
    id     smallint PRIMARY KEY,
    door   text COLLATE "C" NOT NULL,
    format text COLLATE "C" NOT NULL,
    UNIQUE (door, format)
);
INSERT INTO origin VALUES (0, '', '');

-- Each transaction that stores records has a number, which they carry and which is greater than those of all
-- before it. Of the numbers that began in one second of receipt and one second of commit only the first
-- has a row: the times of a record are those of the row with the greatest number that is not greater.
-- received_at: when the oldest datagram of the transaction came.
CREATE TABLE arrival (
    number       bigint PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    committed_at timestamptz NOT NULL
);
CREATE INDEX arrival_committed ON arrival USING brin (committed_at);

-- Series whose periods and events are computed again from their records before stored takes new ones.
CREATE TABLE series_again (
    series_id bigint PRIMARY KEY
);

-- ---- records ----

ALTER TABLE measurement RENAME TO measurement_before;
ALTER INDEX measurement_pkey RENAME TO measurement_before_pkey;
ALTER INDEX measurement_t_start RENAME TO measurement_before_t_start;

-- One row per record; a partition per UTC day of t_start, in it one per class, made by stored.
-- key: class (2^48 times its number) and digest of what was measured; records of a series are in the order of
-- t_start, t_end, key. row: its row in its message, for display only. arrival 0: it came before there were numbers.
-- hops_id 0: it has none. grades[grade_name.id]: 1..5; 0 no rule held; NULL no block of that name applied.
-- stands: which grades it lets stand, where these are more than its own: a byte for each grade_name.id, in it
-- bit n for grade n; empty: no more, which is so of all by now.
-- Columns of 8 bytes come first, and none is ever NULL: a row in which one is has 8 bytes more in its head.
CREATE TABLE measurement (
    series_id       bigint NOT NULL,
    t_start         timestamptz NOT NULL,
    t_end           timestamptz NOT NULL,
    key             bigint NOT NULL,
    arrival         bigint NOT NULL,
    schema_id       bigint NOT NULL,
    hops_id         bigint NOT NULL,
    row             integer NOT NULL CONSTRAINT measurement_row CHECK (row >= 0),
    grading_version integer NOT NULL,
    ledger_id       integer NOT NULL,
    origin          smallint NOT NULL,
    grades          smallint[] NOT NULL,
    stands          bytea NOT NULL DEFAULT '',
    "values"        text[] NOT NULL,
    label           text NOT NULL,
    PRIMARY KEY (series_id, t_start, key),
    CONSTRAINT measurement_end CHECK (t_end >= t_start)
) PARTITION BY RANGE (t_start);
CREATE INDEX measurement_t_start ON measurement USING brin (t_start) WITH (pages_per_range = 256, autosummarize = on);

-- ---- periods and events: (t_start, start_row) becomes (t_start, start_end, start_key) ----

ALTER TABLE period ADD COLUMN start_end timestamptz, ADD COLUMN start_key bigint,
    ADD COLUMN through_end timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    ADD COLUMN through_key bigint NOT NULL DEFAULT -1;
ALTER TABLE event ADD COLUMN t_end timestamptz, ADD COLUMN key bigint;
ALTER TABLE period_dropped ADD COLUMN start_end timestamptz, ADD COLUMN start_key bigint;
CREATE INDEX period_through ON period (through_t) WHERE ended IS NULL;

-- ---- the ledger: same_start, a part of stored ----

ALTER TABLE ledger ADD COLUMN same_start bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_entry ADD COLUMN same_start bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_entry ALTER COLUMN same_start DROP DEFAULT;

-- ---- for the days that follow ----

-- Each schema, as its records of before have it, by which of its values go without saying: bit i of `said` is for
-- the i-th candidate, whose value stands at places[i] and may be dimension dimensions[i] (of the six, from 1).
CREATE TABLE before_schema (
    id         bigint PRIMARY KEY,
    names      text[] NOT NULL,
    ordered    integer[] NOT NULL,
    places     integer[] NOT NULL,
    dimensions integer[] NOT NULL
);
CREATE TABLE before_said (
    id     bigint NOT NULL,
    said   integer NOT NULL,
    now_id bigint NOT NULL,
    PRIMARY KEY (id, said)
);
-- Records that say the same as others of their result: how many of them come before.
CREATE TABLE before_equal (
    series_id bigint NOT NULL,
    t_start   timestamptz NOT NULL,
    row       integer NOT NULL,
    equal     integer NOT NULL,
    PRIMARY KEY (series_id, t_start, row)
);

INSERT INTO before_schema
SELECT c.id, r.names, r.ordered, coalesce(d.places, '{}'), coalesce(d.dimensions, '{}')
FROM schema c CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(octet_length(u.name) || ':' || u.name || ';' ORDER BY u.name COLLATE "C"), '{}') AS names,
           coalesce(array_agg(u.place::integer ORDER BY u.name COLLATE "C"), '{}') AS ordered
    FROM unnest(c.results) WITH ORDINALITY AS u (name, place)) AS r
CROSS JOIN LATERAL (
    SELECT array_agg(f.place ORDER BY f.place) AS places, array_agg(f.dimension ORDER BY f.place) AS dimensions
    FROM (SELECT cardinality(c.results) + u.place::integer AS place,
                 CASE WHEN u.name = 'record.type' THEN 1
                      WHEN u.name = 'record.content' OR u.name LIKE 'content.%' THEN 2
                      WHEN u.name IN ('System_ID', 'record.probe') THEN 3
                      WHEN u.name LIKE 'source.%' THEN 4 WHEN u.name LIKE 'destination.%' THEN 5
                      WHEN u.name = 'record.path' THEN 6 END AS dimension
          FROM unnest(c.parameters || c.metadata) WITH ORDINALITY AS u (name, place)) AS f
    WHERE f.dimension IS NOT NULL AND f.place <= cardinality(c.results) + 512) AS d;
UPDATE before_schema SET places = places[1:16], dimensions = dimensions[1:16] WHERE cardinality(places) > 16;

CREATE FUNCTION before_said_by(places integer[], dimensions integer[], "values" text[], said text[]) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    mask integer := 0;
BEGIN
    FOR i IN 1 .. cardinality(places) LOOP
        IF "values"[places[i]] <> '' AND "values"[places[i]] = said[dimensions[i]] THEN
            mask := mask | (1 << (i - 1));
        END IF;
    END LOOP;
    RETURN mask;
END $$;

CREATE FUNCTION before_kept("values" text[], places integer[], said integer) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    kept text[] := "values";
BEGIN
    FOR i IN REVERSE cardinality(places) .. 1 LOOP
        IF (said >> (i - 1)) & 1 = 1 THEN
            kept := kept[:places[i] - 1] || kept[places[i] + 1:];
        END IF;
    END LOOP;
    RETURN kept;
END $$;

CREATE FUNCTION before_of_series(c schema, said integer) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(CASE WHEN i.i IS NOT NULL AND (said >> (i.i - 1)) & 1 = 1
                          THEN ('{type,content,probe,source,dest,path}'::text[])[b.dimensions[i.i]] ELSE '' END
                     ORDER BY p.place), '{}')
    FROM before_schema b
    CROSS JOIN generate_series(1, cardinality(c.parameters) + cardinality(c.metadata)) AS p (place)
    LEFT JOIN LATERAL (SELECT array_position(b.places, cardinality(c.results) + p.place) AS i) AS i ON true
    WHERE b.id = c.id
$$;

-- Of one partition of a class, under its name of before: numbers for what is new of its schemas; which of its
-- records are equal but for their row; and its records as they are now, as the table `name`.
CREATE FUNCTION before_records(before text, name text, class integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    said text := ' coalesce(before_said_by(b.places, b.dimensions, m."values",'
                 ' ARRAY[s.type, s.content, s.probe, s.source, s.dest, s.path]), 0)';
    joined text := format(' FROM %I m LEFT JOIN series s ON s.id = m.series_id'
                          ' LEFT JOIN before_schema b ON b.id = m.schema_id', before);
    records bigint;
    written bigint;
BEGIN
    EXECUTE format('CREATE TABLE before_new AS SELECT m.schema_id AS id,%s AS said, count(*) AS n%s GROUP BY 1, 2',
                   said, joined);
    SELECT sum(n) INTO records FROM before_new;
    INSERT INTO schema (verb, registry, results, parameters, metadata, of_series, digest)
    SELECT c.verb, c.registry, c.results, c.parameters, c.metadata, w.of_series,
           schema_digest(c.verb, c.registry, c.results, c.parameters, c.metadata, w.of_series)
    FROM before_new n JOIN schema c ON c.id = n.id
    CROSS JOIN LATERAL (SELECT before_of_series(c, n.said) AS of_series) AS w
    WHERE NOT EXISTS (SELECT FROM before_said k WHERE k.id = n.id AND k.said = n.said)
    ON CONFLICT DO NOTHING;
    INSERT INTO before_said
    SELECT n.id, n.said, k.id FROM before_new n JOIN schema c ON c.id = n.id
    JOIN schema k ON k.digest = schema_digest(c.verb, c.registry, c.results, c.parameters, c.metadata,
                                              before_of_series(c, n.said))
    ON CONFLICT DO NOTHING;
    TRUNCATE before_equal;
    EXECUTE format('INSERT INTO before_equal SELECT * FROM (SELECT series_id, t_start, row,'
                   ' row_number() OVER (PARTITION BY series_id, t_start, digest ORDER BY row) - 1 AS equal FROM ('
                   ' SELECT m.series_id, m.t_start, m.row, record_digest_in_order(m.t_end, NULL, b.names, b.ordered,'
                   '   m."values", 0) AS digest'
                   ' FROM %1$I m LEFT JOIN before_schema b ON b.id = m.schema_id JOIN (SELECT series_id, t_start FROM %1$I'
                   '   GROUP BY series_id, t_start HAVING count(*) > 1) AS several USING (series_id, t_start)) AS d)'
                   ' AS e WHERE e.equal > 0', before);
    ANALYZE before_equal, before_said, before_schema;
    EXECUTE format('CREATE TABLE %I AS SELECT m.series_id, m.t_start, m.t_end,'
                   ' %s::bigint << 48 | record_digest_in_order(m.t_end, NULL, b.names, b.ordered, m."values",'
                   '   coalesce(e.equal, 0)) AS key,'
                   ' 0::bigint AS arrival, coalesce(k.now_id, m.schema_id)::bigint AS schema_id, 0::bigint AS hops_id, m.row,'
                   ' m.grading_version, m.ledger_id, 0::smallint AS origin, m.grades, ''''::bytea AS stands,'
                   ' coalesce(before_kept(m."values", b.places, k.said), m."values") AS "values", m.label%s'
                   ' LEFT JOIN before_said k ON k.id = b.id AND k.said =%s'
                   ' LEFT JOIN before_equal e ON e.series_id = m.series_id AND e.t_start = m.t_start AND e.row = m.row',
                   name, class, joined, said);
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> records THEN
        RAISE 'of the % records of %, % would be there', records, before, written;
    END IF;
    EXECUTE format('INSERT INTO schema_use SELECT k.now_id, %s, %L::date FROM before_new n'
                   ' JOIN before_said k USING (id, said) ON CONFLICT (schema_id, class) DO UPDATE'
                   ' SET last_day = greatest(schema_use.last_day, excluded.last_day)', class, substr(name, 13, 8));
    DROP TABLE before_new;
    RETURN records;
END $$;

-- What periods and events say of the records of this partition; which series' order has changed.
CREATE FUNCTION before_derived(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    day text := format('%L::timestamptz', to_date(substr(name, 13, 8), 'YYYYMMDD') || ' 00:00:00+00');
    within text := ' >= ' || day || ' AND %1$s < ' || day || ' + interval ''24 hours''';
BEGIN
    EXECUTE format('UPDATE period p SET start_end = m.t_end, start_key = m.key FROM %I m WHERE p.t_start'
                   || format(within, 'p.t_start') || ' AND m.series_id = p.series_id AND m.t_start = p.t_start'
                   ' AND m.row = p.start_row', name);
    EXECUTE format('UPDATE period p SET through_end = m.t_end, through_key = m.key FROM %I m WHERE p.ended IS NULL'
                   ' AND p.through_t' || format(within, 'p.through_t') || ' AND m.series_id = p.series_id'
                   ' AND m.t_start = p.through_t AND m.row = p.through_row', name);
    EXECUTE format('UPDATE event e SET t_end = m.t_end, key = m.key FROM %I m WHERE e.t'
                   || format(within, 'e.t') || ' AND m.series_id = e.series_id AND m.t_start = e.t'
                   ' AND m.row = e.row', name);
    EXECUTE format('INSERT INTO series_again SELECT DISTINCT series_id FROM (SELECT m.series_id,'
                   '   row_number() OVER (PARTITION BY series_id, t_start ORDER BY m.row) AS was,'
                   '   row_number() OVER (PARTITION BY series_id, t_start ORDER BY m.t_end, m.key) AS becomes'
                   ' FROM %1$I m JOIN (SELECT series_id, t_start FROM %1$I GROUP BY series_id, t_start'
                   '   HAVING count(*) > 1) AS several USING (series_id, t_start)) AS o WHERE was <> becomes'
                   ' ON CONFLICT DO NOTHING', name);
END $$;

-- The oldest day that is left. A row: its name and how many records it had; none: no day is left.
CREATE FUNCTION before_next_day() RETURNS TABLE (day text, records bigint) LANGUAGE plpgsql AS $$
DECLARE
    bound text;
    part record;
    class integer;
BEGIN
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) INTO day, bound
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'measurement_before'::regclass ORDER BY c.relname LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    records := 0;
    EXECUTE format('ALTER TABLE measurement_before DETACH PARTITION %I', day);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', day, 'before_' || day);
    EXECUTE format('CREATE TABLE %I (LIKE measurement INCLUDING CONSTRAINTS INCLUDING INDEXES)'
                   ' PARTITION BY RANGE (key)', day);
    FOR part IN SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = ('before_' || day)::regclass ORDER BY c.relname LOOP
        class := substr(part.name, length(day) + 3)::integer;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', part.name, 'before_' || part.name);
        records := records + coalesce(before_records('before_' || part.name, part.name, class), 0);
        EXECUTE format('ALTER TABLE %I ALTER series_id SET NOT NULL, ALTER t_start SET NOT NULL,'
                       ' ALTER t_end SET NOT NULL, ALTER key SET NOT NULL, ALTER arrival SET NOT NULL,'
                       ' ALTER schema_id SET NOT NULL, ALTER hops_id SET NOT NULL, ALTER row SET NOT NULL,'
                       ' ALTER grading_version SET NOT NULL, ALTER ledger_id SET NOT NULL, ALTER origin SET NOT NULL,'
                       ' ALTER grades SET NOT NULL, ALTER stands SET NOT NULL, ALTER "values" SET NOT NULL,'
                       ' ALTER label SET NOT NULL,'
                       ' ADD CONSTRAINT measurement_row CHECK (row >= 0),'
                       ' ADD CONSTRAINT measurement_end CHECK (t_end >= t_start),'
                       ' ADD PRIMARY KEY (series_id, t_start, key)', part.name);
        EXECUTE format('CREATE INDEX ON %I USING brin (t_start) WITH (pages_per_range = 256, autosummarize = on)',
                       part.name);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', day, part.name,
                       class::bigint << 48, (class + 1)::bigint << 48);
        PERFORM before_derived(part.name);
    END LOOP;
    EXECUTE format('DROP TABLE %I', 'before_' || day);
    EXECUTE format('ALTER TABLE measurement ATTACH PARTITION %I %s', day, bound);
    RETURN NEXT;
END $$;

-- step plan

-- What is left to do: about how many records, in how many days, bytes of the largest day and of all; and by how
-- many bytes periods and events may grow, whose rows change and whose indexes are made anew: a quarter was seen.
SELECT coalesce(sum(d.records), 0)::text, count(*)::text, coalesce(max(d.bytes), 0)::text, coalesce(sum(d.bytes), 0)::text,
       ((pg_total_relation_size('period') + pg_total_relation_size('event')) / 2)::text
FROM (SELECT sum(CASE WHEN l.reltuples >= 0 THEN l.reltuples ELSE pg_relation_size(l.oid) / 250 END)::bigint AS records, sum(pg_total_relation_size(l.oid))::bigint AS bytes
      FROM pg_inherits i JOIN pg_inherits k ON k.inhparent = i.inhrelid JOIN pg_class l ON l.oid = k.inhrelid
      WHERE i.inhparent = to_regclass('measurement_before') GROUP BY i.inhrelid) AS d;

-- step each

SELECT day, records::text FROM before_next_day();

-- step once

DROP TABLE measurement_before, before_schema, before_said, before_equal;
DROP FUNCTION before_next_day, before_derived, before_records, before_of_series, before_kept, before_said_by;

-- The records of these are dropped: they keep their order, and nothing is compared with them any more.
UPDATE period SET start_end = t_start, start_key = start_row WHERE start_key IS NULL;
UPDATE event SET t_end = t, key = row WHERE key IS NULL;
UPDATE period_dropped d SET start_end = p.start_end, start_key = p.start_key FROM period p
WHERE p.series_id = d.series_id AND p.grade_id = d.grade_id AND p.t_start = d.t_start AND p.start_row = d.start_row;
DELETE FROM period_dropped WHERE start_key IS NULL; -- of a period that is no more

DROP INDEX period_through, event_holds;
ALTER TABLE period DROP CONSTRAINT period_pkey;
ALTER TABLE period DROP COLUMN start_row, DROP COLUMN through_row, ALTER COLUMN start_end SET NOT NULL,
    ALTER COLUMN start_key SET NOT NULL, ALTER COLUMN through_end DROP DEFAULT, ALTER COLUMN through_key DROP DEFAULT,
    ADD CONSTRAINT period_pkey PRIMARY KEY (series_id, grade_id, t_start, start_end, start_key);
ALTER TABLE event DROP COLUMN row, ALTER COLUMN t_end SET NOT NULL, ALTER COLUMN key SET NOT NULL;
CREATE UNIQUE INDEX event_holds ON event (series_id, grade_id, t, t_end, key) WHERE retracted_at IS NULL;
ALTER TABLE period_dropped DROP COLUMN start_row, ALTER COLUMN start_end SET NOT NULL,
    ALTER COLUMN start_key SET NOT NULL;

-- The ledger with what is not summed up yet.
CREATE VIEW ledger_now AS
SELECT l.id, l.hour, l.instance, l.sender,
       l.datagrams + coalesce(e.datagrams, 0) AS datagrams, l.accepted + coalesce(e.accepted, 0) AS accepted,
       l.exceptions + coalesce(e.exceptions, 0) AS exceptions, l.records + coalesce(e.records, 0) AS records,
       l.stored + coalesce(e.stored, 0) AS stored, l.duplicates + coalesce(e.duplicates, 0) AS duplicates,
       l.same_start + coalesce(e.same_start, 0) AS same_start, l.rejected + coalesce(e.rejected, 0) AS rejected
FROM ledger l LEFT JOIN (
    SELECT ledger_id, sum(datagrams)::bigint AS datagrams, sum(accepted)::bigint AS accepted,
           sum(exceptions)::bigint AS exceptions, sum(records)::bigint AS records, sum(stored)::bigint AS stored,
           sum(duplicates)::bigint AS duplicates, sum(same_start)::bigint AS same_start,
           sum(rejected)::bigint AS rejected
    FROM ledger_entry WHERE reason = '' GROUP BY ledger_id) AS e ON e.ledger_id = l.id;

-- ---- views and functions of records, as they were but for the order of records ----

-- A record under each of its grade names, and once under grade_id 0 with grade 0: that counts records.
CREATE VIEW record_grade AS
SELECT m.series_id, m.t_start, g.grade_id, g.grade
FROM measurement m CROSS JOIN LATERAL (
    SELECT 0::smallint AS grade_id, 0::smallint AS grade
    UNION ALL
    SELECT u.grade_id::smallint, u.grade FROM unnest(m.grades) WITH ORDINALITY AS u (grade, grade_id)
    WHERE u.grade IS NOT NULL) AS g;

-- The references: what the three tables hold, from the measurements alone.
CREATE VIEW grade_rollup_reference AS
SELECT h.hour, r.series_id, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN measured_hour h ON h.hour = date_trunc('hour', r.t_start, 'UTC') AND h.sealed
GROUP BY h.hour, r.series_id, r.grade_id;

CREATE VIEW grade_rollup_day_reference AS
SELECT date_trunc('day', h.hour, 'UTC') AS day, r.series_id, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN measured_hour h ON h.hour = date_trunc('hour', r.t_start, 'UTC') AND h.in_day
GROUP BY 1, r.series_id, r.grade_id;

CREATE VIEW grade_total_reference AS
SELECT u.unit, date_trunc(u.unit, r.t_start, 'UTC') AS start, s.type, r.grade_id,
       count(*) FILTER (WHERE r.grade = 0) AS n0, count(*) FILTER (WHERE r.grade = 1) AS n1,
       count(*) FILTER (WHERE r.grade = 2) AS n2, count(*) FILTER (WHERE r.grade = 3) AS n3,
       count(*) FILTER (WHERE r.grade = 4) AS n4, count(*) FILTER (WHERE r.grade = 5) AS n5
FROM record_grade r JOIN series s ON s.id = r.series_id
CROSS JOIN (VALUES ('minute'), ('hour'), ('day')) AS u (unit)
GROUP BY u.unit, 2, s.type, r.grade_id;

-- The reference: periods and events from the measurements alone. The tables above equal these.
-- Within a run of equal grades the running maximum over the whole run splits at the same places as the
-- maximum over the current period would, since t_end >= t_start and records are in order of t_start.
CREATE VIEW period_reference AS
WITH graded AS (
    SELECT m.series_id, g.grade_id::smallint AS grade_id, m.t_start, m.t_end, m.key, g.grade
    FROM measurement m CROSS JOIN LATERAL unnest(m.grades) WITH ORDINALITY AS g (grade, grade_id)
    WHERE g.grade > 0
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
            WHEN next_start - t_end > gap THEN 'gap' ELSE 'grade' END AS ended
FROM (SELECT *, lead(t_start) OVER (PARTITION BY series_id, grade_id ORDER BY number) AS next_start
      FROM collapsed) AS p;

CREATE VIEW event_reference AS
SELECT series_id, grade_id, t_start AS t, start_end AS t_end, start_key AS key,
       CASE WHEN lag(ended) OVER w = 'grade' THEN lag(grade) OVER w END AS from_grade,
       grade AS to_grade
FROM period_reference WINDOW w AS (PARTITION BY series_id, grade_id ORDER BY t_start, start_end, start_key);

-- What is known of each period without a look at the measurements: t_end and records of an open one are as
-- of (through_t, through_end, through_key).
CREATE VIEW period_known AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.grade,
       coalesce(d.t_end, p.t_end) AS t_end, coalesce(d.records, p.records) AS records, p.ended,
       coalesce(d.until, p.through_t) AS through_t,
       CASE WHEN d.until IS NULL THEN p.through_end ELSE '1970-01-01 00:00:00+00' END AS through_end,
       CASE WHEN d.until IS NULL THEN p.through_key ELSE -1 END AS through_key
FROM period p
LEFT JOIN period_dropped d ON p.ended IS NULL AND d.series_id = p.series_id AND d.grade_id = p.grade_id
     AND d.t_start = p.t_start AND d.start_end = p.start_end AND d.start_key = p.start_key
     AND d.until > p.through_t;

-- The periods as they are at this moment, open ones completed from the measurements.
CREATE VIEW period_now AS
SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.grade,
       CASE WHEN p.ended IS NULL THEN greatest(p.t_end, later.t_end) ELSE p.t_end END AS t_end,
       CASE WHEN p.ended IS NULL THEN p.records + later.records ELSE p.records END AS records,
       p.ended
FROM period_known p
LEFT JOIN LATERAL (
    SELECT max(m.t_end) AS t_end, count(*) AS records
    FROM measurement m
    WHERE p.ended IS NULL AND m.series_id = p.series_id
      AND (m.t_start, m.t_end, m.key) > (p.through_t, p.through_end, p.through_key) AND m.t_start >= p.through_t
      AND m.grades[p.grade_id] > 0
) AS later ON true;

-- A value as a number; NULL when it is none, or has more than 131072 digits before or 16383 behind its point:
-- that is where PostgreSQL's end.
CREATE FUNCTION as_number(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    form text := number_form(value); -- d, a sign, digits, e, an exponent, ;
    digits text;
    exponent bigint;
BEGIN
    IF form IS NULL OR form = 'd0;' THEN
        RETURN CASE WHEN form IS NULL THEN NULL ELSE 0 END;
    END IF;
    digits := split_part(substr(form, 2), 'e', 1);
    exponent := rtrim(split_part(form, 'e', 2), ';');
    IF length(ltrim(digits, '-')) + exponent > 131072 OR exponent < -16383 THEN
        RETURN NULL;
    END IF;
    RETURN (digits || 'e' || exponent)::numeric;
END $$;

-- Records as they were sent, for people who ask in SQL: with their dimensions and all of their values.
CREATE VIEW record AS
SELECT m.series_id, s.type, s.content, s.probe, s.source, s.dest, s.path, m.t_start, m.t_end,
       key_digest(m.key) AS digest, m.row, m.label, c.verb, c.registry, c.results, c.parameters, c.metadata,
       whole_values(m."values", cardinality(c.results), c.of_series, s.type, s.content, s.probe, s.source, s.dest,
                    s.path) AS "values",
       h.addresses AS hops, m.grades, m.grading_version, m.arrival, o.door, o.format, m.ledger_id
FROM measurement m JOIN series s ON s.id = m.series_id JOIN schema c ON c.id = m.schema_id
JOIN origin o ON o.id = m.origin LEFT JOIN hops h ON h.id = m.hops_id;

-- Records of days that are known only while a statement runs. PostgreSQL would plan such a statement for
-- every partition there is, which takes seconds when there are a thousand. These functions have each
-- span of days planned with its times as constants, so for its own partitions only. Being STABLE, they see
-- the same snapshot as the statement that calls them, so what it counts is exact.

-- How many records of these hours have which grades: those that start from `since` to before `until`
-- and do not end before `reaching`. of_series NULL: of all series; none twice.
-- (They are joined: of an IN (SELECT unnest()) PostgreSQL expects 200 however many there are.)
CREATE FUNCTION counted_records(hours timestamptz[], since timestamptz, until timestamptz,
                                reaching timestamptz, of_series bigint[])
RETURNS TABLE (grades smallint[], records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    span record;
BEGIN
    -- Hours that follow each other are one span, within a day.
    FOR span IN SELECT min(h.hour) AS first, max(h.hour) + interval '1 hour' AS after
                FROM (SELECT u.hour, u.hour - row_number() OVER (ORDER BY u.hour) * interval '1 hour' AS island
                      FROM unnest(hours) AS u (hour)) AS h
                GROUP BY h.island, date_trunc('day', h.hour, 'UTC') LOOP
        RETURN QUERY EXECUTE
            'SELECT m.grades, count(*) FROM measurement m'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($4) AS of (id) ON of.id = m.series_id' END ||
            ' WHERE m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3 GROUP BY m.grades'
            USING greatest(since, span.first), least(until, span.after), reaching, of_series;
    END LOOP;
END $$;

-- The newest records and grade names whose grade is from low to high, at most `enough`, each part of them
-- in no order: records as above, that come after (after_t, after_series, after_end,
-- after_key, after_name) in
-- the listing, which is descending in all of these. The newest day that may hold some is looked at
-- first; while there are not enough, a span twice as long, of at most 16 days.
CREATE FUNCTION newest_records(since timestamptz, until timestamptz, reaching timestamptz, of_series bigint[],
                               names smallint[], low int, high int, after_t timestamptz, after_series bigint,
                               after_end timestamptz, after_key bigint, after_name bigint, enough bigint)
RETURNS TABLE (t timestamptz, series_id bigint, t_end timestamptz, key bigint, grade_id smallint,
               arrival bigint, schema_id bigint, grading_version integer, origin smallint, hops_id bigint, grades smallint[],
               "values" text[], label text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    days integer := 1;
    day timestamptz;
    span_start timestamptz;
    span_end timestamptz := until;
    found_rows bigint;
BEGIN
    LOOP
        SELECT date_trunc('day', max(h.hour), 'UTC') INTO day FROM measured_hour h
        WHERE h.hour >= date_trunc('hour', since, 'UTC') AND h.hour < span_end AND h.reach >= reaching;
        EXIT WHEN day IS NULL;
        span_start := day - (days - 1) * interval '24 hours';
        span_end := least(span_end, day + interval '24 hours');
        -- Hour by hour downward, since no index has the records of all series in order of time.
        RETURN QUERY EXECUTE
            'SELECT l.* FROM (SELECT hour FROM measured_hour WHERE hour >= date_trunc(''hour'', $1, ''UTC'')'
            '    AND hour < $2 AND reach >= $3) AS h CROSS JOIN LATERAL ('
            '    SELECT m.t_start AS t, m.series_id, m.t_end, m.key, a.id AS grade_id, m.arrival, m.schema_id,'
            '           m.grading_version, m.origin, m.hops_id, m.grades, m."values", m.label'
            '    FROM measurement m CROSS JOIN unnest($5) AS a (id)'
            || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($4) AS of (id) ON of.id = m.series_id' END ||
            '    WHERE m.t_start >= h.hour AND m.t_start < h.hour + interval ''1 hour'''
            '      AND m.t_start >= $1 AND m.t_start < $2 AND m.t_end >= $3'
            '      AND coalesce(m.grades[a.id], 0) BETWEEN $6 AND $7'
            '      AND (m.t_start, m.series_id, m.t_end, m.key, a.id) < ($8, $9, $10, $11, $12)'
            '    ORDER BY m.t_start DESC, m.series_id DESC, m.t_end DESC, m.key DESC, a.id DESC LIMIT $13) AS l'
            ' ORDER BY h.hour DESC, l.t DESC, l.series_id DESC, l.t_end DESC, l.key DESC, l.grade_id DESC LIMIT $13'
            USING greatest(since, span_start), span_end, reaching, of_series, names, low, high, after_t,
                  after_series, after_end, after_key, after_name, enough;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        enough := enough - found_rows;
        EXIT WHEN enough <= 0;
        span_end := span_start;
        days := least(2 * days, 16);
    END LOOP;
END $$;

-- The newest periods of a grade from low to high, at most `enough`, in no order, as they are at this moment:
-- those that begin before `until`, reach `since` and come after (after_t, after_series, after_name, after_end,
-- after_key)
-- in the listing, which is descending in all of these. The stored end of an open period may lie behind:
-- whether it reaches `since` is looked up in the days whose records do, and those that are listed are
-- completed from the day on through which they are known.
CREATE FUNCTION newest_periods(since timestamptz, until timestamptz, of_series bigint[], names smallint[],
                               low int, high int, after_t timestamptz, after_series bigint,
                               after_name bigint, after_end timestamptz, after_key bigint, enough bigint)
RETURNS TABLE (series_id bigint, grade_id smallint, t timestamptz, start_end timestamptz, start_key bigint,
               grade smallint, ended text, t_end timestamptz, records bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 AS $$
DECLARE
    listed period_known[];
BEGIN
    EXECUTE
        'SELECT array_agg(o) FROM (SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key FROM period p'
        || CASE WHEN of_series IS NULL THEN '' ELSE ' JOIN unnest($3) AS of (id) ON of.id = p.series_id' END ||
        '    WHERE p.t_start < $2 AND p.grade_id = ANY ($4) AND p.grade BETWEEN $5 AND $6'
        '      AND (p.t_start, p.series_id, p.grade_id, p.start_end, p.start_key) < ($7, $8, $9, $10, $11)'
        || CASE WHEN since = '-infinity' THEN '' ELSE
        '      AND (p.t_end >= $1 OR (p.ended IS NULL AND EXISTS (SELECT FROM measurement m'
        '          WHERE m.series_id = p.series_id AND m.t_start >= p.through_t AND m.t_start >= $13'
        '            AND (m.t_start, m.t_end, m.key) > (p.through_t, p.through_end, p.through_key)'
        '            AND m.grades[p.grade_id] > 0 AND m.t_end >= $1)))' END ||
        '    ORDER BY p.t_start DESC, p.series_id DESC, p.grade_id DESC, p.start_end DESC, p.start_key DESC'
        '    LIMIT $12) AS k'
        ' JOIN period_known o USING (series_id, grade_id, t_start, start_end, start_key)'
        INTO listed
        USING since, until, of_series, names, low, high, after_t, after_series, after_name, after_end,
              after_key, enough,
              (SELECT min(h.hour) FROM measured_hour h WHERE h.reach >= since);
    RETURN QUERY EXECUTE
        'SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.grade, p.ended,'
        '       greatest(p.t_end, later.t_end), p.records + later.records'
        ' FROM unnest($1) AS p CROSS JOIN LATERAL ('
        '    SELECT max(m.t_end) AS t_end, count(*) AS records FROM measurement m'
        '    WHERE p.ended IS NULL AND m.series_id = p.series_id AND m.t_start >= p.through_t'
        '      AND m.t_start >= $2'
        '      AND (m.t_start, m.t_end, m.key) > (p.through_t, p.through_end, p.through_key)'
        '      AND m.grades[p.grade_id] > 0) AS later'
        USING listed, (SELECT min(o.through_t) FROM unnest(listed) AS o WHERE o.ended IS NULL);
END $$;
