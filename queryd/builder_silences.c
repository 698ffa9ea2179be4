/* SPDX-License-Identifier: Apache-2.0 */
/* The statement about silences that were told and have not ended. No I/O. */
#include "queryd/builder.h"

/* Of a probe: where one of its series fits. */
static void add_matching(struct builder *b)
{
    if (b->series) {
        builder_add(b, " AND CASE WHEN i.series_id IS NULL THEN EXISTS (SELECT FROM series p JOIN"
                       " matched USING (id) WHERE p.probe = i.probe)"
                       " ELSE i.series_id IN (SELECT id FROM matched) END");
    }
}

int builder_silences(struct builder *b, uint64_t rows)
{
    if (builder_about_now(b) == -1) {
        return -1;
    }
    int limit = builder_number(b, rows);
    builder_add(b,
                ", page AS MATERIALIZED (SELECT i.*, i.silent_from AS t FROM silence i WHERE"
                " i.silent_until IS NULL AND i.retracted IS NULL%s",
                b->q->retired == 1 ? "" : " AND i.retired IS NULL");
    add_matching(b);
    builder_after(b, "i.silent_from, i.number", "<");
    builder_add(b,
                " ORDER BY i.silent_from DESC, i.number DESC LIMIT $%d::bigint)"
                " SELECT " TIME_TEXT(
                    "k.t") ", s.type, s.content, k.probe, s.source, s.dest, s.path,"
                           " CASE WHEN k.series_id IS NULL THEN (SELECT count(*) FROM series p "
                           "WHERE p.probe ="
                           " k.probe%s) ELSE 1 END, k.number, " TIME_TEXT(
                               "k.last_end") ","
                                             " trim_scale(k.expected_us / 1000000.0), "
                                             "trim_scale(k.delay_us / 1000000.0), " TIME_TEXT(
                                                 "k.as_of") ","
                                                            " CASE WHEN k.retired IS NULL THEN "
                                                            "'False' ELSE 'True' END, %s"
                                                            " FROM page k LEFT JOIN series s ON "
                                                            "s.id = k.series_id"
                                                            " ORDER BY k.t DESC, k.number DESC",
                limit, b->bound ? " AND p.id IN (SELECT id FROM matched)" : "",
                cursor_sql(QUERY_SILENT));
    return 0;
}
