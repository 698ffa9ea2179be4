/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any frames behind a good header, as stored reads them before it writes: the whole batch is
 * refused, or each of its records is an item or a reject of its sender; no bytes beyond those there
 * are. Twice the same batch, so that what a refused one leaves behind is seen in the next. The
 * first five bytes: kind, count (2), first and last record of a trial (0: none); then each frame
 * with its length in two bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "stored/flush/flush.h"

#define BATCHES     2
#define ARENA_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t store_counters[STORE_COUNTER_COUNT]; /* main.c's */

/* As many frames as there are bytes for, behind an empty one for the header. */
static void cut(struct bus_message *m, const uint8_t *data, size_t size)
{
    m->frames[m->count++] = (struct slice){"", 0};
    while (size >= 2 && m->count < BUS_FRAMES) {
        size_t length = (size_t)data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        length = length < size ? length : size;
        m->frames[m->count++] = (struct slice){(const char *)data, length};
        data += length;
        size -= length;
    }
}

static void check(const struct flush *f)
{
    size_t rows = 0;
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        assert(item->at == rows && item->length > 0);
        assert(item->series != NULL && item->schema != NULL && !item->batch->refused);
        assert((item->ledger == NULL) == f->trial);
        rows += item->length;
    }
    assert(rows == f->rows.len);
    for (uint32_t b = 0; b < f->batch_count; b++) {
        const struct flush_batch *v = &f->views[b];
        uint64_t records = 0;
        for (uint32_t i = 0; i < v->account_count; i++) {
            records += v->accounts[i].refused;
        }
        for (uint32_t i = 0; i < f->item_count; i++) {
            records += f->items[i].batch == v ? 1 : 0;
        }
        bool all = !f->trial && !v->refused && v->batch->header.kind == BATCH_RECORDS;
        assert(!all || records == v->batch->header.count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name[] = "overall";
    static const struct store_settings settings = {.ledger_senders = 3};
    if (size < 5) {
        return 0;
    }
    struct batch batch = {.header = {.kind = data[0] & 1,
                                     .sequence = 1,
                                     .oldest = 1,
                                     .count = ((uint64_t)data[1] << 8 | data[2]) % 1024,
                                     .grading_version = (data[0] & 1) == 0 ? 1 : 0}};
    cut(&batch.message, data + 5, size - 5);
    if (batch.message.count < 3) {
        return 0; /* inbox.c's to refuse */
    }
    struct batch *batches[BATCHES] = {&batch, &batch};
    struct store store = {.settings = &settings,
                          .gradings = {.version = 1, .name_count = 1, .name = {name}},
                          .series = {.max = 1000},
                          .schemas = {.kind = &interned_schemas, .max = 1000},
                          .hops = {.kind = &interned_hops, .max = 1000},
                          .arrival = {.loaded = true},
                          .identity = identity_new()};
    struct flush f = {.store = &store,
                      .batches = batches,
                      .batch_count = BATCHES,
                      .arena = arena_new(ARENA_BYTES),
                      .scratch = arena_new(ARENA_BYTES),
                      .trial = data[4] != 0,
                      .from = data[4] != 0 ? data[3] : 0,
                      .to = data[4] != 0 ? data[4] : UINT32_MAX};
    assert(f.arena != NULL && f.scratch != NULL);
    f.views = arena_calloc(f.arena, BATCHES, sizeof *f.views);
    assert(f.views != NULL);
    for (int i = 0; i < BATCHES; i++) {
        f.views[i].batch = &batch;
    }
    store.ledger.hours = calloc(1, sizeof *store.ledger.hours);
    assert(store.ledger.hours != NULL);
    ledger_begin(&store.ledger, 1);
    if (flush_read(&f) == 0) {
        check(&f);
    }
    ledger_forget(&store.ledger);
    series_clear(&store.series);
    interned_clear(&store.schemas);
    interned_clear(&store.hops);
    arrival_forget(&store.arrival);
    identity_free(&store.identity);
    rejects_release(&f.rejects);
    bytes_release(&f.rows);
    free(f.items);
    free(f.result);
    arena_free(&f.arena);
    arena_free(&f.scratch);
    return 0;
}
