/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each batch exactly once, and what it says of its senders beside what became of their records. A
 * number that does not add up is not refused here: that the ledger does not close is for `ezrepo
 * ledger` to find.
 */
#include "stored/db/sql_columns.h"
#include "stored/db/text.h"
#include "stored/flush/flush.h"

/* More than one batch can tell; sums of these stay far from the end of a bigint. */
#define MOST_OF_ONE_BATCH (UINT64_C(1) << 40)

/* ---- exactly once ---- */

static void put_key(struct pg_params *p, const struct batch_header_message *h)
{
    pg_put_bytes(p, 0, (struct slice){(const char *)h->instance, 16});
    pg_put_32(p, 1, (int32_t)h->shard);
    pg_put_64(p, 2, (int64_t)h->epoch);
    pg_put_64(p, 3, (int64_t)h->sequence);
}

static void begin_keys(struct pg_params *p)
{
    pg_params_begin(p);
    pg_add_array(p, PG_UUID);
    pg_add_array(p, PG_INTEGER);
    pg_add_array(p, PG_BIGINT);
    pg_add_array(p, PG_BIGINT);
}

static bool is_row_of(const PGresult *r, int row, const struct batch_header_message *h)
{
    return pg_cell_64(r, row, BATCHES_SEQUENCE) == (int64_t)h->sequence &&
           pg_cell_64(r, row, BATCHES_EPOCH) == (int64_t)h->epoch &&
           pg_cell_32(r, row, BATCHES_SHARD) == (int32_t)h->shard &&
           slice_equal(pg_cell_text(r, row, BATCHES_INSTANCE),
                       (struct slice){(const char *)h->instance, 16});
}

/* The first batch of this key that no row was found for yet is new. */
static void note_new(struct flush *f, const PGresult *r, int row)
{
    for (uint32_t i = 0; i < f->batch_count; i++) {
        struct flush_batch *v = &f->views[i];
        if (v->done && is_row_of(r, row, &v->batch->header)) {
            v->done = false;
            f->counts.repeated--;
            return;
        }
    }
}

int flush_take(struct flush *f)
{
    struct store *s = f->store;
    begin_keys(&s->params);
    for (uint32_t i = 0; i < f->batch_count; i++) {
        put_key(&s->params, &f->views[i].batch->header);
    }
    PGresult *r = pg_rows(&s->pg, SQL_BATCH_TAKE, &s->params);
    if (r == NULL) {
        return -1;
    }
    if ((uint32_t)PQntuples(r) < f->batch_count) {
        for (uint32_t i = 0; i < f->batch_count; i++) {
            f->views[i].done = true;
        }
        f->counts.repeated = f->batch_count;
        for (int i = 0; i < PQntuples(r); i++) {
            note_new(f, r, i);
        }
    }
    PQclear(r);
    for (uint32_t i = 0; i < f->batch_count && !f->trial; i++) {
        const struct flush_batch *v = &f->views[i];
        if (!v->done && ledger_open(&s->ledger, v->hour, &s->pg, &s->params) == -1) {
            return -1;
        }
    }
    return 0;
}

/*
 * A wait of theirs for the standbys may have been cancelled, or its session have ended in the midst
 * of it. A COMMIT waits for what is before it in the log, if it has itself written there.
 */
int flush_confirm(struct flush *f)
{
    if (f->counts.repeated == 0) {
        return 0;
    }
    PGresult *r = pg_rows(&f->store->pg, SQL_BATCH_AGAIN, NULL);
    PQclear(r);
    return r == NULL ? -1 : 0;
}

/* ---- streams ---- */

static void put_settled(struct pg_params *p, const struct flush_batch *v)
{
    const struct batch_header_message *h = &v->batch->header;
    uint64_t dropped = h->dropped < MOST_OF_ONE_BATCH ? h->dropped : MOST_OF_ONE_BATCH;
    put_key(p, h);
    pg_put_64(p, 4, (int64_t)h->first);
    pg_put_64(p, 5, (int64_t)h->oldest);
    pg_put_time(p, 6, v->hour * HOUR_US);
    pg_put_time(p, 7, v->hour * HOUR_US + h->received_us % HOUR_US);
    pg_put_32(p, 8, v->done ? 0 : 1);
    pg_put_64(p, 9, v->done ? 0 : (int64_t)dropped);
    pg_put_64(p, 10, (int64_t)v->lost.datagrams);
    pg_put_64(p, 11, (int64_t)v->lost.maybe_more);
}

/* An ingestd that works with a copy of a spool: noted for good, so that the next stored tells it,
 * too. */
static int note_copy(struct flush *f, const PGresult *r, int row)
{
    struct store *s = f->store;
    struct stream_name copy = {.epoch = (uint64_t)pg_cell_64(r, row, COPIES_EPOCH),
                               .shard = (uint16_t)pg_cell_32(r, row, COPIES_SHARD)};
    struct slice instance = pg_cell_text(r, row, COPIES_INSTANCE);
    memcpy(copy.instance, instance.at, sizeof copy.instance);
    if (f->copy_count < FLUSH_COPIES) {
        f->copies[f->copy_count++] = copy;
    }
    if (pg_cell_32(r, row, COPIES_REFUSED) != 0) {
        return 0;
    }
    f->counts.copies++;
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, instance);
    pg_add_32(&s->params, (int32_t)copy.shard);
    pg_add_64(&s->params, (int64_t)copy.epoch);
    return pg_run(&s->pg, SQL_STREAM_REFUSE, &s->params);
}

/* What is acknowledged below the streams' oldest is forgotten; drops, losses and holes are counted,
 * copies noted. */
static int settle(struct flush *f)
{
    static const enum pg_type types[] = {PG_BIGINT,  PG_BIGINT, PG_TIMESTAMPTZ, PG_TIMESTAMPTZ,
                                         PG_INTEGER, PG_BIGINT, PG_BIGINT,      PG_BIGINT};
    struct store *s = f->store;
    begin_keys(&s->params);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        pg_add_array(&s->params, types[i]);
    }
    for (uint32_t i = 0; i < f->batch_count; i++) {
        put_settled(&s->params, &f->views[i]);
    }
    PGresult *r = pg_rows(&s->pg, SQL_BATCH_SETTLE, &s->params);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        rc = note_copy(f, r, i);
    }
    PQclear(r);
    return rc;
}

/* ---- accounts ---- */

static const char *account_fault(const struct account_message *a)
{
    if (a->datagrams > MOST_OF_ONE_BATCH || a->accepted > MOST_OF_ONE_BATCH ||
        a->exceptions > MOST_OF_ONE_BATCH || a->records > MOST_OF_ONE_BATCH ||
        a->missing > (int64_t)MOST_OF_ONE_BATCH || a->missing < -(int64_t)MOST_OF_ONE_BATCH) {
        return "accounts: a number no batch can come to";
    }
    if (a->reasons_count != a->rejected_count) {
        return "accounts.rejected: expected one for each reason";
    }
    for (uint32_t i = 0; i < a->rejected_count; i++) {
        if (a->reasons[i].len == 0 || a->rejected[i] > MOST_OF_ONE_BATCH) {
            return "accounts.rejected: expected names and numbers";
        }
    }
    return NULL;
}

/* The last message of a frame: why it cannot be used, or NULL. */
static const char *read_lost(struct flush *f, struct unpack *cursor, struct lost_message *lost)
{
    if (lost_decode(cursor, f->arena, lost) == -1 || !unpack_done(cursor)) {
        return "accounts: expected account messages, and at their end perhaps one lost message";
    }
    return lost->datagrams > MOST_OF_ONE_BATCH || lost->maybe_more > MOST_OF_ONE_BATCH
               ? "lost: a number no ingestd can come to"
               : NULL;
}

/* The accounts of the frame, for which there is room, and what was lost; with a fault when they
 * cannot be used. */
static void read_accounts(struct flush *f, struct flush_batch *v, struct slice frame,
                          const char **fault)
{
    struct unpack cursor = unpack_bytes(frame.at, frame.len);
    while (!unpack_done(&cursor) && *fault == NULL) {
        struct account_message *a = &v->accounts[v->account_count].told;
        if (v->account_count < LIMIT_SENDERS && account_decode(&cursor, f->arena, a) == 0) {
            *fault = account_fault(a);
            v->account_count++;
        } else {
            *fault = read_lost(f, &cursor, &v->lost);
        }
    }
}

/* Who sent what is not known: the records, if any, are nobody's. */
static void replace_accounts(struct flush_batch *v)
{
    const struct batch_header_message *h = &v->batch->header;
    v->accounts[0] =
        (struct flush_account){.told = {.sender = slice_of("(unreadable)"),
                                        .records = h->kind == BATCH_RECORDS ? h->count : 0}};
    v->account_count = 1;
    v->lost = (struct lost_message){0};
}

static int find_row(struct flush *f, struct flush_batch *v, struct flush_account *a)
{
    struct store *s = f->store;
    a->told.sender = text_valid(f->arena, a->told.sender);
    a->told.door = text_valid(f->arena, a->told.door);
    if (a->told.sender.at == NULL || a->told.door.at == NULL) {
        return -1;
    }
    if (!f->trial) {
        a->row = ledger_get(&s->ledger, v->hour, v->batch->header.instance, a->told.sender,
                            (uint32_t)s->settings->ledger_senders);
    }
    return a->row == NULL && !f->trial ? -1 : 0;
}

/* An account takes some bytes of its frame at least; each sender has one. */
static uint32_t room_for(struct slice frame)
{
    size_t most = frame.len / 10 + 1;
    return most < LIMIT_SENDERS ? (uint32_t)most : LIMIT_SENDERS;
}

int flush_accounts(struct flush *f, struct flush_batch *v, const char **fault)
{
    const struct slice frame = v->batch->message.frames[2];
    v->accounts = arena_calloc(f->arena, room_for(frame), sizeof *v->accounts);
    if (v->accounts == NULL) {
        return -1;
    }
    v->account_count = 0;
    read_accounts(f, v, frame, fault);
    if (*fault != NULL) {
        replace_accounts(v);
    }
    for (uint32_t i = 0; i < v->account_count; i++) {
        if (find_row(f, v, &v->accounts[i]) == -1) {
            return -1;
        }
    }
    return 0;
}

/* ---- entries ---- */

static void add_account(const struct flush_batch *v, const struct flush_account *a)
{
    uint64_t *add = a->row->add;
    add[LEDGER_DATAGRAMS] += a->told.datagrams;
    add[LEDGER_ACCEPTED] += a->told.accepted;
    add[LEDGER_EXCEPTIONS] += a->told.exceptions;
    add[LEDGER_RECORDS] += a->told.records;
    add[LEDGER_MISSING] += (uint64_t)a->told.missing;
    add[LEDGER_REJECTED] += v->refused ? a->told.records : a->refused;
}

static void put_entry(struct flush *f, const struct ledger_row *row, struct slice reason,
                      const uint64_t counts[LEDGER_COUNTS])
{
    bytes_put_16(&f->entries, 2 + LEDGER_COUNTS);
    bytes_put_32(&f->entries, 4);
    bytes_put_32(&f->entries, (uint32_t)row->id);
    bytes_put_32(&f->entries, (uint32_t)reason.len);
    bytes_put(&f->entries, reason);
    for (int i = 0; i < LEDGER_COUNTS; i++) {
        bytes_put_32(&f->entries, 8);
        bytes_put_64(&f->entries, counts[i]);
    }
    f->store->ledger.entries++;
}

static int put_reasons(struct flush *f, const struct flush_account *a)
{
    for (uint32_t i = 0; i < a->told.rejected_count; i++) {
        const uint64_t counts[LEDGER_COUNTS] = {[LEDGER_DATAGRAMS] = a->told.rejected[i]};
        struct slice reason = text_valid(f->arena, a->told.reasons[i]);
        if (reason.at == NULL) {
            return -1;
        }
        if (a->told.rejected[i] > 0) {
            put_entry(f, a->row, reason, counts);
        }
    }
    return 0;
}

static bool is_zero(const uint64_t counts[LEDGER_COUNTS])
{
    uint64_t any = 0;
    for (int i = 0; i < LEDGER_COUNTS; i++) {
        any |= counts[i];
    }
    return any == 0;
}

static int put_entries(struct flush *f)
{
    for (uint32_t i = 0; i < f->batch_count; i++) {
        const struct flush_batch *v = &f->views[i];
        for (uint32_t k = 0; k < v->account_count; k++) {
            add_account(v, &v->accounts[k]);
            if (put_reasons(f, &v->accounts[k]) == -1) {
                return -1;
            }
        }
    }
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        item->ledger->add[item->fate == ITEM_DUPLICATE ? LEDGER_DUPLICATES : LEDGER_STORED]++;
        item->ledger->add[LEDGER_SAME_START] += item->same_start;
    }
    const struct ledger_row *row = f->store->ledger.touched;
    for (; row != NULL; row = row->touched) {
        if (!is_zero(row->add)) {
            put_entry(f, row, slice_of(""), row->add);
        }
    }
    return f->entries.failed ? -1 : 0;
}

int flush_ledger(struct flush *f)
{
    struct pg *pg = &f->store->pg;
    bytes_reset(&f->entries, (size_t)1 << 20);
    if (put_entries(f) == -1) {
        return -1;
    }
    if (f->entries.len > 0 &&
        (pg_copy_begin(pg, sql_copy_entries) == -1 ||
         pg_copy_data(pg, (struct slice){f->entries.at, f->entries.len}) == -1 ||
         pg_copy_end(pg) == -1)) {
        return -1;
    }
    return settle(f);
}
