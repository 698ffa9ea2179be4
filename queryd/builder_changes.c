/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about the feed of changes: entries behind a cursor, the oldest first, then one row
 * with where to go on. It looks at a bounded number of entries; whether the cursor is of this
 * store's history is decided in the same snapshot (docs/architecture.md, "The feed of changes"). No
 * I/O.
 */
#include <inttypes.h>
#include <string.h>

#include "queryd/builder.h"
#include "schemas/feed_kinds.h"

#define LOOKED "20000"      /* entries that one statement looks at */
#define ALL_OF "2147483647" /* an n behind all entries of a transaction */

#define TOLD TIME_TEXT("k.told_at")
#define AT   TIME_TEXT("k.t")
#define MARK MARK_OF_ROW("coalesce(k.t, k.told_at)", "coalesce(k.t, k.told_at)")

static bool is_kind(struct slice text)
{
#define SAME(kind)                                                                                 \
    if (slice_is(text, kind)) {                                                                    \
        return true;                                                                               \
    }
    FEED_KINDS(SAME)
#undef SAME
    return false;
}

/* "event,rebuild" */
static int check_kinds(struct builder *b)
{
    struct slice left = b->q->kinds;
    while (left.len > 0) {
        const char *comma = memchr(left.at, ',', left.len);
        struct slice kind = {left.at, comma == NULL ? left.len : (size_t)(comma - left.at)};
        if (!is_kind(kind) || (comma != NULL && kind.len + 1 == left.len)) {
#define LISTED(kind) " " kind
            return builder_fault(b, "feed.kinds: expected some of%s, a comma between two",
                                 FEED_KINDS(LISTED));
#undef LISTED
        }
        size_t taken = kind.len + (comma != NULL ? 1 : 0);
        left = (struct slice){left.at + taken, left.len - taken};
    }
    return 0;
}

/* `given`: behind which entry, and whether there is a way from there. */
static void add_given(struct builder *b)
{
    int at[3];
    int from = builder_time(b, b->from_us);
    builder_cursor(b, at, 3);
    /* Without a cursor, but from a time on: what was told in the minutes before is looked at, too,
     * since the clocks of stored and of the database may differ. */
    builder_add(b,
                ", here AS MATERIALIZED (SELECT arrival_last() AS last, below FROM feed_cut),"
                " given AS MATERIALIZED (SELECT CASE $%d::bigint WHEN -1 THEN last WHEN -2 THEN"
                " greatest(below - 1, (SELECT max(number) FROM arrival WHERE committed_at <"
                " $%d::timestamptz - interval '5 minutes')) ELSE $%d::bigint END AS arrival,"
                " CASE WHEN $%d::bigint < 0 THEN " ALL_OF " ELSE $%d::bigint END AS n",
                at[0], from, at[0], at[0], at[1]);
    builder_lost(b, at, at[2], ALL_OF);
}

/*
 * Entries of no series are for who may see all, and restricts nothing or names their kind; those of
 * a probe for who may see one of its series. Without a grade are also silences.
 */
static void add_conditions(struct builder *b)
{
    const struct query_message *q = b->q;
    bool named = q->kinds.len > 0;
    bool graded = b->name != 0 || q->grade_low > 1 || q->grade_high < 5;
    bool restricts = b->series || graded;
    const char *ungraded = graded && !named ? "false" : "f.grade_id IS NULL";
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b,
                "f.told_at >= $%d::timestamptz AND f.told_at < $%d::timestamptz AND"
                " (%s OR (f.probe IS NOT NULL AND %s%s) OR (f.series_id IS NOT NULL AND (%s OR"
                " (f.grade_id IN (SELECT id FROM asked) AND f.to_grade BETWEEN $%d::int AND"
                " $%d::int))",
                from, to,
                b->bound || (restricts && !named) ? "false"
                                                  : "(f.series_id IS NULL AND f.probe IS NULL)",
                ungraded,
                b->series ? " AND EXISTS (SELECT FROM series p JOIN matched USING (id) WHERE"
                            " p.probe = f.probe)"
                          : "",
                ungraded, b->low, b->high);
    builder_series(b, "f");
    builder_add(b, "))");
    if (q->kinds.len > 0) {
        builder_add(b, " AND f.kind = ANY (string_to_array($%d::text, ','))",
                    builder_text(b, q->kinds));
    }
}

/* `page`, and `reached`: how far that leads. */
static void add_page(struct builder *b, uint64_t rows)
{
    int limit = builder_number(b, rows);
    builder_add(b, ", looked AS MATERIALIZED (SELECT * FROM feed f WHERE"
                   " f.arrival >= (SELECT arrival FROM given WHERE lost = '')"
                   " AND (f.arrival > (SELECT arrival FROM given) OR f.n > (SELECT n FROM given))"
                   " ORDER BY f.arrival, f.n LIMIT " LOOKED "),"
                   " page AS MATERIALIZED (SELECT * FROM looked f WHERE ");
    add_conditions(b);
    builder_add(
        b,
        " ORDER BY f.arrival, f.n LIMIT $%d::bigint),"
        " size AS MATERIALIZED (SELECT (SELECT count(*) FROM page) = $%d::bigint AS full_page,"
        " (SELECT count(*) FROM looked) = " LOOKED " AS bounded),"
        " reached AS ("
        "SELECT lost AS kind, below - 1 AS arrival, " ALL_OF " AS n FROM given, here"
        " WHERE lost <> ''"
        " UNION ALL (SELECT '" FEED_MORE "', arrival, n FROM page, size WHERE full_page"
        " ORDER BY arrival DESC, n DESC LIMIT 1)"
        " UNION ALL (SELECT '" FEED_MORE "', arrival, n FROM looked, size"
        " WHERE bounded AND NOT full_page ORDER BY arrival DESC, n DESC LIMIT 1)"
        " UNION ALL SELECT '" FEED_END "', last, " ALL_OF " FROM here, given, size"
        " WHERE lost = '' AND NOT bounded AND NOT full_page)",
        limit, limit);
}

int builder_changes(struct builder *b, uint64_t rows)
{
    if (check_kinds(b) == -1) {
        return -1;
    }
    add_given(b);
    add_page(b, rows);
    builder_windows_of(b, "page", "coalesce(t, told_at)", "coalesce(t, told_at)");
    builder_add(
        b,
        " SELECT " TOLD ", k.kind, s.type, s.content, coalesce(s.probe, k.probe), s.source,"
        " s.dest, s.path, g.name, k.from_grade, k.to_grade, " AT ", k.event_id, k.detail::text,"
        " " MARK ", %s FROM (SELECT f.*, arrival_mark_of(f.arrival) AS mark FROM (SELECT arrival,"
        " n, false AS behind, told_at, kind, series_id, grade_id, from_grade, to_grade, t,"
        " event_id, detail, probe FROM page UNION ALL SELECT arrival, n, true, NULL, kind, NULL,"
        " NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM reached) AS f) AS k"
        " LEFT JOIN series s ON s.id = k.series_id LEFT JOIN grade_name g ON g.id = k.grade_id%s"
        " ORDER BY k.behind, k.arrival, k.n",
        cursor_sql(QUERY_CHANGES), b->name != 0 ? " WHERE EXISTS (SELECT FROM asked)" : "");
    return 0;
}
