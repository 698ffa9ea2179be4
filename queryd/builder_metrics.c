/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about which metrics there are: what the last records of the series that match have,
 * by type and content. So many series are looked at, those that came last, of each type and content
 * and of all together (docs/semantics.md, "Metrics"). No I/O.
 */
#include "common/record_dimensions.h"
#include "queryd/builder.h"

#define SERIES_OF_KIND "100"
#define SERIES_MOST    "5000"

#define LAST TIME_TEXT("max(t_start)")

int builder_metrics(struct builder *b, uint64_t rows)
{
    if (builder_about_now(b) == -1) {
        return -1;
    }
    builder_fitting(b, "NOT ");
    builder_add(
        b,
        "), looked AS MATERIALIZED (SELECT id, type, content FROM (SELECT f.id, f.type, f.content,"
        " row_number() OVER (PARTITION BY f.type, f.content ORDER BY f.id DESC) AS place"
        " FROM fitting f) AS f WHERE place <= " SERIES_OF_KIND
        " ORDER BY place, id DESC LIMIT " SERIES_MOST ")"
        ", found AS MATERIALIZED (SELECT l.type, l.content, m.t_start, v.name, as_number(v.value)"
        " AS value FROM looked l CROSS JOIN LATERAL last_record(l.id, '-infinity', 'infinity') AS m"
        " JOIN schema c ON c.id = m.schema_id CROSS JOIN LATERAL"
        " unnest(c.results, m.\"values\"[1:cardinality(c.results)]) AS v (name, value))"
        " SELECT type, content, name, trim_scale(min(value))::text, trim_scale(max(value))::text,"
        " count(*), " LAST " FROM found GROUP BY type, content, name"
        " ORDER BY type, content, name LIMIT $%d::bigint",
        builder_number(b, rows));
    return 0;
}
