/* SPDX-License-Identifier: Apache-2.0 */
/* The statement about silences that were told and have not ended. No I/O. */
#include "queryd/builder.h"

#define SINCE TIME_TEXT("k.t")
#define LAST  TIME_TEXT("k.last_end")
#define TOLD  TIME_TEXT("k.as_of")

/* From then until now; of a probe any of its series. */
#define MARK                                                                                       \
    "CASE WHEN EXISTS (SELECT FROM windows) THEN maintenance_numbers(ARRAY(SELECT (w.m).number"    \
    " FROM windows w WHERE (w.m).t_from <= now() AND (w.m).t_until > k.t AND (SELECT true"         \
    " FROM series s WHERE CASE WHEN k.series_id IS NULL THEN s.probe = k.probe"                    \
    " ELSE s.id = k.series_id END AND " WINDOW_FITS "%s LIMIT 1))) END"

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
    builder_add(b, " ORDER BY i.silent_from DESC, i.number DESC LIMIT $%d::bigint)", limit);
    builder_windows_of(b, "page", "t", "now()");
    builder_add(b,
                " SELECT " SINCE ", s.type, s.content, k.probe, s.source, s.dest, s.path, CASE WHEN"
                " k.series_id IS NULL THEN (SELECT count(*) FROM series p WHERE p.probe ="
                " k.probe%s) ELSE 1 END, k.number, " LAST ", trim_scale(k.expected_us / 1000000.0),"
                " trim_scale(k.delay_us / 1000000.0), " TOLD ", CASE WHEN k.retired IS NULL THEN"
                " 'False' ELSE 'True' END, " MARK ", %s FROM page k"
                " LEFT JOIN series s ON s.id = k.series_id ORDER BY k.t DESC, k.number DESC",
                b->bound ? " AND p.id IN (SELECT id FROM matched)" : "",
                b->bound ? " AND s.id IN (SELECT id FROM matched)" : "", cursor_sql(QUERY_SILENT));
    return 0;
}
