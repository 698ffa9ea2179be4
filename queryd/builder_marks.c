/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of statements that say in which windows of maintenance rows lie, and the statement about
 * the windows themselves (docs/semantics.md, "Maintenance"). The windows that can matter are found
 * first; mostly there are none, and then nothing else is looked at. No I/O.
 */
#include <stdio.h>

#include "queryd/builder.h"

void builder_windows(struct builder *b, const char *since, const char *until)
{
    builder_add(b,
                ", windows AS MATERIALIZED (SELECT m FROM maintenance m"
                " WHERE m.t_until > m.t_from AND m.t_from <= %s AND m.t_until > %s%s)",
                until, since, b->empty ? " AND false" : "");
}

void builder_windows_in_range(struct builder *b)
{
    char since[64], until[64];
    bool endless = b->to_us >= LAST_US || b->to_us <= FIRST_US;
    int64_t last_us = endless ? b->to_us : b->to_us - 1;
    snprintf(since, sizeof since, "$%d::timestamptz", builder_time(b, b->from_us));
    snprintf(until, sizeof until, "least(now(), $%d::timestamptz)", builder_time(b, last_us));
    builder_windows(b, since, until);
}

void builder_windows_of(struct builder *b, const char *table, const char *since, const char *until)
{
    char first[128], last[128];
    snprintf(first, sizeof first, "(SELECT min(%s) FROM %s)", since, table);
    snprintf(last, sizeof last, "(SELECT max(%s) FROM %s)", until, table);
    builder_windows(b, first, last);
}

/* Which series of all. */
static const char *restricted(const struct builder *b)
{
    return b->series ? " AND s.id IN (SELECT id FROM matched)" : "";
}

void builder_held(struct builder *b, const char *among)
{
    builder_add(b, ", held AS MATERIALIZED (SELECT (w.m).number, (w.m).t_from, (w.m).t_until, f.*"
                   " FROM windows w CROSS JOIN LATERAL (SELECT s.* FROM series s"
                   " WHERE " WINDOW_FITS "");
    if (among != NULL) {
        builder_add(b, " AND s.id IN (%s)", among);
    } else {
        builder_add(b, "%s", restricted(b));
    }
    builder_add(b, " OFFSET 0) AS f)");
}

/* Of a window `w` whether one of the series fits: the first that does ends the search. */
static void add_touches(struct builder *b)
{
    builder_add(b, "(SELECT true FROM series s WHERE " WINDOW_FITS "%s LIMIT 1)", restricted(b));
}

void builder_touching(struct builder *b, bool all)
{
    /* One after the other, the newest first, until there are more than are shown. */
    builder_add(b, ", touching AS MATERIALIZED (SELECT w.m FROM"
                   " (SELECT m FROM windows ORDER BY (m).number DESC OFFSET 0) AS w WHERE ");
    add_touches(b);
    builder_add(b, all ? ")" : " LIMIT 21)");
}

/* ---- the windows themselves ---- */

#define BEGINS TIME_TEXT("k.t_from")
#define ENDS   TIME_TEXT("k.t_to")
#define ENDED  TIME_TEXT("k.ended_at")
#define MADE   TIME_TEXT("k.made_at")

/* Patterns are told as they were written, but for any. Who may not see all is told none, nor by
 * whom: they may name what is not his. */
static void add_patterns(struct builder *b)
{
#define PATTERN(x, name, Name, addresses, help)                                                    \
    builder_add(b, b->bound ? "NULL, " : "nullif(k." #name ", '*'), ");
    DIMENSIONS(PATTERN, )
#undef PATTERN
}

void builder_maintenance(struct builder *b, uint64_t rows)
{
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b,
                ", page AS MATERIALIZED (SELECT (w.m).* FROM (SELECT m FROM maintenance m"
                " WHERE m.t_from < $%d::timestamptz AND (m.t_until > $%d::timestamptz"
                " OR (m.t_until <= m.t_from AND m.t_from >= $%d::timestamptz))%s",
                to, from, from, b->empty ? " AND false" : "");
    builder_after(b, "m.number", "<");
    builder_add(b, " ORDER BY m.number DESC OFFSET 0) AS w");
    if (b->series) {
        builder_add(b, " WHERE ");
        add_touches(b);
    }
    builder_add(b, " LIMIT $%d::bigint) SELECT k.number, ", builder_number(b, rows));
    add_patterns(b);
    builder_add(b, "CASE WHEN k.t_until <= k.t_from THEN 'never began'"
                   " WHEN k.t_until <= now() THEN 'over' WHEN k.t_from <= now() THEN 'in force' "
                   "ELSE 'to come' END, " BEGINS ", " ENDS ", " ENDED ", k.reason");
    builder_add(b, ", %s, " MADE ", %s FROM page k ORDER BY k.number DESC",
                b->bound ? "NULL, NULL" : "k.author, k.ended_by", cursor_sql(QUERY_MAINTENANCE));
}
