/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/copy_out.h"

#define HEAD_BYTES 19 /* signature, flags, length of an extension, which is 0 */

static enum pg_copied failed(struct pg *pg, PGresult *r)
{
    (void)pg_failed(pg, r);
    PQclear(r);
    return PG_COPIED_FAILED;
}

/* 1 when it copies; 0: not said yet; -1. */
static int begin(struct pg_copy_out *c, struct pg *pg)
{
    int answered = pg_answered(pg);
    if (answered != 1) {
        return answered;
    }
    PGresult *r = PQgetResult(pg->conn);
    if (PQresultStatus(r) != PGRES_COPY_OUT) {
        (void)failed(pg, r);
        return -1;
    }
    PQclear(r);
    c->begun = true;
    return 1;
}

/* No more rows: whether that is since all were sent. */
static enum pg_copied finish(struct pg *pg)
{
    PGresult *r = PQgetResult(pg->conn);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        return failed(pg, r);
    }
    PQclear(r);
    while ((r = PQgetResult(pg->conn)) != NULL) {
        PQclear(r);
    }
    return PQstatus(pg->conn) == CONNECTION_OK ? PG_COPIED_ALL : failed(pg, NULL);
}

enum pg_copied pg_copy_out_next(struct pg_copy_out *c, struct pg *pg, struct slice *row)
{
    int begun = c->begun ? 1 : begin(c, pg);
    if (begun != 1) {
        return begun == -1 ? PG_COPIED_FAILED : PG_COPIED_NOTHING;
    }
    for (;;) {
        pg_copy_out_end(c);
        int n = PQgetCopyData(pg->conn, &c->buffer, 1);
        if (n == 0) {
            return PG_COPIED_NOTHING;
        }
        if (n < 0) {
            c->buffer = NULL;
            return n == -1 ? finish(pg) : failed(pg, NULL);
        }
        size_t skip = c->head ? 0 : HEAD_BYTES;
        c->head = true;
        *row = (struct slice){c->buffer + skip, (size_t)n < skip ? 0 : (size_t)n - skip};
        bool last = row->len == 2 && row->at[0] == '\377' && row->at[1] == '\377';
        if (row->len >= 2 && !last) {
            return PG_COPIED_ROW;
        }
    }
}

void pg_copy_out_end(struct pg_copy_out *c)
{
    if (c->buffer != NULL) {
        PQfreemem(c->buffer);
        c->buffer = NULL;
    }
}
