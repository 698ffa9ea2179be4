/* SPDX-License-Identifier: Apache-2.0 */
/* Building and reading the records frame. */
#include "common/batch.h"

#include <stdlib.h>

struct batch_writer {
    struct pack schemas[2]; /* [0] all of the frame, one behind the other; [1] the one at hand */
    size_t schema_end[LIMIT_SCHEMAS]; /* where each ends in schemas[0] */
    uint32_t schema_count;
    struct pack records;
    uint32_t record_count;
};

struct batch_writer *batch_writer_new(void)
{
    struct batch_writer *w = calloc(1, sizeof *w);
    if (w != NULL) {
        pack_init(&w->schemas[0]);
        pack_init(&w->schemas[1]);
        pack_init(&w->records);
    }
    return w;
}

void batch_writer_free(struct batch_writer **w)
{
    if (*w != NULL) {
        pack_release(&(*w)->schemas[0]);
        pack_release(&(*w)->schemas[1]);
        pack_release(&(*w)->records);
        free(*w);
        *w = NULL;
    }
}

static void clear(struct batch_writer *w)
{
    pack_reset(&w->schemas[0]);
    pack_reset(&w->records);
    w->schema_count = 0;
    w->record_count = 0;
}

/* The schema's index, added when it is new: 0; 1 when there is no room; -1 when it is refused. */
static int find_schema(struct batch_writer *w, const struct schema_message *schema, uint64_t *index)
{
    struct pack *one = &w->schemas[1];
    pack_reset(one);
    schema_encode(one, schema);
    if (!pack_ok(one)) {
        return -1;
    }
    struct slice wanted = pack_bytes(one);
    struct slice all = pack_bytes(&w->schemas[0]);
    size_t start = 0;
    for (uint32_t i = 0; i < w->schema_count; i++) {
        struct slice s = {all.at + start, w->schema_end[i] - start};
        if (slice_equal(s, wanted)) {
            *index = i;
            return 0;
        }
        start = w->schema_end[i];
    }
    if (w->schema_count == LIMIT_SCHEMAS) {
        return 1;
    }
    pack_raw(&w->schemas[0], wanted);
    if (!pack_ok(&w->schemas[0])) {
        w->schemas[0].failed = false; /* msgpack-c writes all of a piece or nothing */
        return -1;
    }
    *index = w->schema_count;
    w->schema_end[w->schema_count++] = w->schemas[0].buffer.size;
    return 0;
}

int batch_writer_add(struct batch_writer *w, const struct schema_message *schema,
                     struct record_message *record)
{
    uint32_t values = schema->results_count + schema->parameters_count + schema->metadata_count;
    if (record->values_count != values) {
        return -1;
    }
    if (w->record_count == LIMIT_BATCH_RECORDS) {
        return 1;
    }
    int rc = find_schema(w, schema, &record->schema);
    if (rc != 0) {
        return rc;
    }
    size_t before = w->records.buffer.size;
    record_encode(&w->records, record);
    if (!pack_ok(&w->records)) {
        w->records.buffer.size = before;
        w->records.failed = false;
        return -1;
    }
    w->record_count++;
    return 0;
}

uint32_t batch_writer_count(const struct batch_writer *w)
{
    return w->record_count;
}

size_t batch_writer_size(const struct batch_writer *w)
{
    return w->schemas[0].buffer.size + w->records.buffer.size;
}

int batch_writer_finish(struct batch_writer *w, struct pack *out)
{
    pack_array(out, 2);
    pack_array(out, w->schema_count);
    pack_raw(out, pack_bytes(&w->schemas[0]));
    pack_array(out, w->record_count);
    pack_raw(out, pack_bytes(&w->records));
    clear(w);
    return pack_ok(out) ? 0 : -1;
}

int batch_reader_open(struct batch_reader *r, struct slice frame, struct arena *a)
{
    *r = (struct batch_reader){.cursor = unpack_bytes(frame.at, frame.len)};
    uint32_t parts;
    if (unpack_array(&r->cursor, 2, &parts) == -1 || parts != 2 ||
        unpack_array(&r->cursor, LIMIT_SCHEMAS, &r->schema_count) == -1) {
        return -1;
    }
    r->schemas = arena_alloc(a, r->schema_count * sizeof *r->schemas);
    if (r->schemas == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < r->schema_count; i++) {
        if (schema_decode(&r->cursor, a, &r->schemas[i]) == -1) {
            return -1;
        }
    }
    return unpack_array(&r->cursor, LIMIT_BATCH_RECORDS, &r->record_count);
}

int batch_reader_next(struct batch_reader *r, struct arena *a, struct record_message *record)
{
    if (r->record_next == r->record_count) {
        return unpack_done(&r->cursor) ? 0 : -1;
    }
    if (record_decode(&r->cursor, a, record) == -1 || record->schema >= r->schema_count) {
        return -1;
    }
    const struct schema_message *s = &r->schemas[record->schema];
    if (record->values_count != s->results_count + s->parameters_count + s->metadata_count) {
        return -1;
    }
    r->record_next++;
    return 1;
}
