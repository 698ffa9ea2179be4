/* SPDX-License-Identifier: Apache-2.0 */
/* The table `rejected`: bounded, newest rows kept, any bytes accepted. */
#include "stored/flush/rejects.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/grow.h"
#include "stored/db/text.h"

int rejects_add(struct rejects *r, const struct batch_header_message *header, uint32_t item,
                const struct reject_message *what)
{
    struct reject_row *rows = grow(r->rows, r->count, &r->size, sizeof *rows);
    if (rows == NULL) {
        return -1;
    }
    r->rows = rows;
    r->rows[r->count++] = (struct reject_row){.header = header, .item = item, .what = *what};
    return 0;
}

void rejects_release(struct rejects *r)
{
    free(r->rows);
    *r = (struct rejects){0};
}

/* PostgreSQL's timestamps end somewhere; what is beyond stands at the end. */
static int64_t valid_time(int64_t us)
{
    const int64_t last = INT64_C(253370764800000000); /* year 9999 */
    return us < 0 ? 0 : us > last ? last : us;
}

static void put_row(struct pg_params *p, const struct reject_row *row, struct arena *a)
{
    char sequence[24];
    int n = snprintf(sequence, sizeof sequence, "%" PRIu64, row->header->sequence);
    int64_t received_us = valid_time(row->what.received_us);
    pg_put_bytes(p, 0, (struct slice){(const char *)row->header->instance, 16});
    pg_put_bytes(p, 1, (struct slice){sequence, (size_t)n});
    pg_put_32(p, 2, (int32_t)row->item);
    pg_put_time(p, 3, received_us);
    pg_put_bytes(p, 4, text_valid(a, row->what.sender));
    pg_put_bytes(p, 5, text_valid(a, row->what.reason));
    pg_put_bytes(p, 6, text_valid(a, row->what.detail));
    pg_put_64(p, 7, (int64_t)row->what.size_bytes);
    pg_put_bytes(p, 8, row->what.head);
    pg_put_64(p, 9, (int64_t)row->header->epoch);
    pg_put_bytes(p, 10, text_valid(a, row->what.door));
    pg_put_bytes(p, 11, text_valid(a, row->what.format));
    pg_put_bytes(p, 12, text_valid(a, row->what.context));
}

static int trim(struct store *store, uint32_t added)
{
    store->rejected_new += added;
    if (store->rejected_new * 100 < store->settings->rejected_rows) {
        return 0;
    }
    store->rejected_new = 0;
    pg_params_begin(&store->params);
    pg_add_64(&store->params, store->settings->rejected_rows);
    return pg_run(&store->pg, SQL_REJECT_TRIM, &store->params);
}

int rejects_write(const struct rejects *r, struct store *store, struct arena *a)
{
    static const enum pg_type types[] = {PG_UUID, PG_TEXT, PG_INTEGER, PG_TIMESTAMPTZ, PG_TEXT,
                                         PG_TEXT, PG_TEXT, PG_BIGINT,  PG_BYTEA,       PG_BIGINT,
                                         PG_TEXT, PG_TEXT, PG_TEXT};
    if (r->count == 0) {
        return 0;
    }
    pg_params_begin(&store->params);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        pg_add_array(&store->params, types[i]);
    }
    for (uint32_t i = 0; i < r->count; i++) {
        put_row(&store->params, &r->rows[i], a);
    }
    if (pg_run(&store->pg, SQL_REJECT, &store->params) == -1) {
        return -1;
    }
    return trim(store, r->count);
}
