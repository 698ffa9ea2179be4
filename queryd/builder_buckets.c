/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about a metric's values by columns of the range: the least, mean and greatest of
 * each (docs/semantics.md, "Buckets"). The records are read by metric_buckets() of the store, which
 * reads so many at most. No I/O.
 */
#include <string.h>

#include "common/formats/unit.h"
#include "common/pattern.h"
#include "queryd/builder.h"

#define RECORDS_MOST "1000000"

/* What of the range of the metric, by the grading in force, all types that match agree in. */
#define AGREED(key)                                                                                \
    "(SELECT CASE WHEN count(DISTINCT coalesce(r.range ->> '" key "', '')) = 1 THEN"               \
    " min(r.range ->> '" key "') END FROM ranges r)"

/* When a column of the range begins. */
#define BEGINS(part)                                                                               \
    "$%d::timestamptz + ((" part ") * $%d::bigint + $%d::bigint - 1) / $%d::bigint"                \
    " * interval '1 us'"
#define BEGIN BEGINS("part")
#define NEXT  BEGINS("part + 1")
#define TIME  TIME_TEXT(BEGIN)
#define LEAST AGREED("min")
#define MOST  AGREED("max")
#define MARK                                                                                       \
    "CASE WHEN EXISTS (SELECT FROM touching) THEN maintenance_numbers(ARRAY(SELECT (h.m).number"   \
    " FROM touching h WHERE (h.m).t_from < " NEXT " AND (h.m).t_until > " BEGIN ")) END"
#define BEGIN_PARAMETERS(cut) (cut).from, (cut).length, (cut).columns, (cut).columns

/* `ranges`: of the metric's own name, one for each type that matches. */
static void add_ranges(struct builder *b, int metric)
{
    builder_add(b,
                ", ranges AS MATERIALIZED (SELECT metric_range((SELECT max(version) FROM grading),"
                " s.type, $%d) AS range FROM (SELECT DISTINCT type FROM series%s) AS s)",
                metric, b->series ? " WHERE id IN (SELECT id FROM matched)" : "");
}

int builder_buckets(struct builder *b)
{
    struct builder_cut cut;
    const char *unit;
    if (b->q->metric.len == 0 || !pattern_is_text(b->q->metric)) {
        return builder_fault(b, "metric.name: expected the name of a metric in UTF-8");
    }
    if (builder_cut(b, &cut) == -1) {
        return -1;
    }
    int metric = builder_text(b, b->q->metric);
    unit_in_name(b->q->metric, &unit);
    b->c->too_much =
        "when: expected criteria and a range with at most " RECORDS_MOST " records, found more";
    add_ranges(b, metric);
    builder_windows_in_range(b);
    builder_touching(b, true);
    const char *of = b->series ? "matched" : "series";
    /* The mean is rounded in whole numbers, half away from 0: nothing is rounded twice. */
    builder_add(
        b,
        ", bucket AS (SELECT part, min(low) AS low, max(high) AS high, sum(sum) AS sum,"
        " sum(n) AS n, max(digits) + 3 AS digits FROM metric_buckets(ARRAY(SELECT id FROM %s),"
        " $%d::text, $%d::timestamptz, $%d::timestamptz, $%d::int, " RECORDS_MOST
        ") GROUP BY part) SELECT ",
        of, metric, cut.from, cut.to, cut.columns);
    builder_add(b,
                TIME
                ", trim_scale(low), trim_scale(sign(sum) * div(2 * abs(sum) * ('1e' ||"
                " digits)::numeric + n, 2 * n) * ('1e-' || digits)::numeric), trim_scale(high), n,"
                " $%d::text, " LEAST ", " MOST ", " MARK " FROM bucket ORDER BY part NULLS FIRST",
                BEGIN_PARAMETERS(cut), builder_text(b, slice_of(unit == NULL ? "" : unit)),
                BEGIN_PARAMETERS(cut), BEGIN_PARAMETERS(cut));
    return 0;
}
