/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements that list records: the newest first, or in the order of arrival. No I/O.
 */
#include <inttypes.h>

#include "queryd/builder.h"
#include "schemas/feed_kinds.h"

#define T_START   TIME_TEXT("k.t")
#define T_END     TIME_TEXT("k.t_end")
#define OF_SERIES DIMENSION_SQL("s.")
#define MARK      MARK_OF_ROW("k.t", "k.t_end")

/* A JSON object of the names and the values from `from` on: {"name":"text",...}. */
#define JSON_OBJECT(names, from)                                                                   \
    "'{' || coalesce((SELECT string_agg(to_json(u.name) || ':' || "                                \
    "coalesce(to_json(u.value)::text, 'null'), ',' ORDER BY u.place) FROM unnest(" names           \
    ", w.\"values\"[" from " + 1:" from " + cardinality(" names                                    \
    ")]) WITH ORDINALITY AS u (name, value, place)), '') || '}'"

/* The parts of a measurement: values are results, then parameters, then metadata. */
#define RESULTS    "cardinality(c.results)"
#define BOTH       RESULTS " + cardinality(c.parameters)"
#define SCOPE      T_START " || CASE WHEN k.t_end > k.t THEN ' ... ' || " T_END " ELSE '' END"
#define PARAMETERS JSON_OBJECT("c.parameters", RESULTS)
#define METADATA   JSON_OBJECT("c.metadata", BOTH)

/* The measurement as the mPlane result it was: compact JSON whatever the values hold. */
static const char result_json[] =
    "'{\"result\":' || to_json(c.verb)"
    " || ',\"version\":1,\"registry\":' || to_json(c.registry)"
    " || ',\"label\":' || to_json(k.label)"
    " || ',\"when\":\"' || " SCOPE " || '\",\"parameters\":' || " PARAMETERS
    " || ',\"metadata\":' || " METADATA " || ',\"results\":' || array_to_json(c.results)"
    " || ',\"resultvalues\":[' || array_to_json(k.\"values\"[1:" RESULTS "]) || ']}'";

/* newest_records() finds the days that hold them (0011-identity.sql). */
void builder_newest(struct builder *b, int limit)
{
    builder_add(b, ", page AS MATERIALIZED (SELECT * FROM newest_records(");
    builder_records(b);
    builder_add(b, ", ARRAY(SELECT id FROM asked), $%d::int, $%d::int", b->low, b->high);
    builder_go_on(b);
    builder_add(b, ", $%d::bigint))", limit);
    builder_windows_of(b, "page", "t", "t_end");
    builder_add(b,
                " SELECT " T_START ", " OF_SERIES ", n.name, coalesce(k.grades[k.grade_id], 0), "
                "k.grading_version, %s, " MARK ", %s FROM page k"
                " JOIN asked n ON n.id = k.grade_id JOIN series s ON s.id = k.series_id"
                " JOIN schema c ON c.id = k.schema_id"
                " CROSS JOIN LATERAL (SELECT whole_values(k.\"values\", " RESULTS
                ", c.of_series, " OF_SERIES ") AS \"values\") AS w ORDER BY k.t DESC,"
                " k.series_id DESC, k.t_end DESC, k.key DESC, k.grade_id DESC",
                result_json, cursor_sql(QUERY_RECORDS));
}

/* ---- in the order of arrival ---- */

/* Keys behind all records of a transaction. */
#define MOST_ID   "9223372036854775807"
#define MOST_NAME "32767"
#define MOST_TIME "'9999-12-31 23:59:59.999999+00'::timestamptz"
#define BEHIND    MOST_ID "::bigint, " MOST_TIME ", " MOST_ID "::bigint, " MOST_NAME "::bigint"

/* A key of the cursor; `of_word` where none was given, or one that is a word: behind a whole
 * transaction. */
static void add_key(struct builder *b, const int at[], int key, const char *name,
                    const char *of_word)
{
    bool time = cursor_key(QUERY_ARRIVALS, (unsigned)key) == CURSOR_TIME;
    builder_add(b, ", CASE WHEN $%d::bigint < 0 THEN %s ELSE ", at[0], of_word);
    if (time) { /* seconds and their rest, each exact as a float8 */
        builder_add(b,
                    "to_timestamp($%d::bigint / 1000000)"
                    " + ($%d::bigint %% 1000000) * interval '1 microsecond'",
                    at[key], at[key]);
    } else {
        builder_add(b, "$%d::bigint", at[key]);
    }
    builder_add(b, " END AS %s", name);
}

/* `given`: behind which record, and whether there is a way from there (builder_changes.c). */
static void add_given(struct builder *b)
{
    int at[CURSOR_KEYS];
    builder_cursor(b, at, 6);
    builder_add(b,
                ", here AS MATERIALIZED (SELECT arrival_last() AS last, below FROM arrival_cut),"
                " given AS MATERIALIZED (SELECT CASE $%d::bigint WHEN -1 THEN last WHEN -2 THEN"
                " greatest(below - 1, 0) ELSE $%d::bigint END AS arrival",
                at[0], at[0]);
    add_key(b, at, 1, "series_id", MOST_ID);
    add_key(b, at, 2, "t", MOST_TIME);
    add_key(b, at, 3, "key", MOST_ID);
    add_key(b, at, 4, "grade_id", MOST_NAME);
    builder_lost(b, at, at[5], MOST_ID);
}

/* `page`, and `reached`: how far that leads. */
static void add_page(struct builder *b, uint64_t rows)
{
    int limit = builder_number(b, rows);
    builder_add(b, ", found AS MATERIALIZED (SELECT f.* FROM given g CROSS JOIN here"
                   " CROSS JOIN LATERAL arrived_records(");
    builder_records(b);
    builder_add(b,
                ", ARRAY(SELECT id FROM asked), $%d::int, $%d::int, g.arrival, g.series_id, g.t,"
                " g.key, g.grade_id, here.last, $%d::bigint) AS f WHERE g.lost = ''),"
                /* A day that was dropped meanwhile is gone from what was found, but from the
                 * snapshot its note is missing. */
                " cut AS MATERIALIZED (SELECT arrival_cut_now() AS below FROM"
                " (SELECT count(*) FROM found) AS after_that),"
                " judged AS MATERIALIZED (SELECT c.below, CASE WHEN g.lost = '' AND"
                " (g.arrival, g.series_id) < (c.below - 1, " MOST_ID ") THEN '" FEED_CUT
                "' ELSE g.lost END AS lost FROM given g CROSS JOIN cut c),"
                " page AS MATERIALIZED (SELECT f.* FROM found f JOIN judged j ON j.lost = ''"
                " WHERE series_id IS NOT NULL ORDER BY arrival, series_id, t, key, grade_id LIMIT "
                "$%d::bigint),",
                b->low, b->high, limit, limit);
    builder_add(
        b,
        " size AS MATERIALIZED (SELECT (SELECT count(*) FROM page) = $%d::bigint AS full_page),"
        " reached AS ("
        "SELECT lost AS kind, greatest(below - 1, 0) AS arrival, " BEHIND
        " FROM judged WHERE lost <> ''"
        " UNION ALL (SELECT '" FEED_MORE "', arrival, series_id, t, key, grade_id FROM page, size"
        " WHERE full_page ORDER BY arrival DESC, series_id DESC, t DESC, key DESC, grade_id DESC "
        "LIMIT 1)"
        " UNION ALL SELECT CASE WHEN f.arrival < last THEN '" FEED_MORE "' ELSE '" FEED_END
        "' END, f.arrival, " BEHIND " FROM found f, here, size, judged"
        " WHERE lost = '' AND f.series_id IS NULL AND NOT full_page)",
        limit);
}

void builder_arrivals(struct builder *b, uint64_t rows)
{
    add_given(b);
    add_page(b, rows);
    builder_windows_of(b, "page", "t", "t_end");
    builder_add(b,
                ", shown AS (SELECT false AS behind, row_number() OVER (ORDER BY k.arrival,"
                " k.series_id, k.t, k.key, k.grade_id) AS place, " T_START ", '" FEED_RECORD
                "', " OF_SERIES ", n.name, coalesce(k.grades[k.grade_id], 0), k.grading_version,"
                " %s, " MARK ", %s FROM (SELECT *, arrival_mark_of(arrival) AS mark FROM page) AS k"
                " JOIN asked n ON n.id = k.grade_id JOIN series s ON s.id = k.series_id"
                " JOIN schema c ON c.id = k.schema_id",
                result_json, cursor_sql(QUERY_ARRIVALS));
    builder_add(
        b,
        " CROSS JOIN LATERAL (SELECT whole_values(k.\"values\", " RESULTS
        ", c.of_series, " OF_SERIES ") AS \"values\") AS w"
        " UNION ALL SELECT true, 0, NULL, k.kind, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, %s FROM (SELECT *, arrival_mark_of(arrival) AS mark FROM reached"
        " AS r (kind, arrival, series_id, t, key, grade_id)) AS k%s)"
        " SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14"
        " FROM shown AS s (behind, place, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11,"
        " c12, c13, c14) ORDER BY behind, place",
        cursor_sql(QUERY_ARRIVALS), b->name != 0 ? " WHERE EXISTS (SELECT FROM asked)" : "");
}
