/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches read: each record checked, its series and schema looked up, its row written in COPY's
 * format. What is wrong with a batch or a record becomes a row of `rejected`.
 */
#include <stdlib.h>

#include "common/batch.h"
#include "common/grow.h"
#include "common/record_dimensions.h"
#include "stored/db/text.h"
#include "stored/flush/copy.h"
#include "stored/flush/flush.h"

#define LAST_US INT64_C(253370764800000000) /* year 9999: a partition's name has four digits */

/* Of refused records in one flush: thousands of them may share one schema of 64 KiB. */
#define WHOLE_BYTES ((size_t)16 << 20)

static struct flush_item *add_item(struct flush *f)
{
    struct flush_item *items = grow(f->items, f->item_count, &f->item_size, sizeof *items);
    if (items == NULL) {
        return NULL;
    }
    f->items = items;
    return &f->items[f->item_count++];
}

/* Of its head is kept what may be. */
static int refuse(struct flush *f, const struct batch *b, uint32_t item, struct reject_message what)
{
    what.received_us = b->header.received_us;
    if (what.head.len > LIMIT_REJECT_HEAD) {
        what.head.len = LIMIT_REJECT_HEAD;
    }
    return rejects_add(&f->rejects, &b->header, item, &what);
}

/* The batch as a whole cannot be read: one row tells of it, and it is done with. */
static int refuse_batch(struct flush *f, struct flush_batch *v, const char *detail)
{
    const struct batch *b = v->batch;
    f->counts.malformed++;
    v->refused = true;
    const struct slice frame = b->message.frames[1];
    return refuse(f, b, UINT16_MAX,
                  (struct reject_message){.reason = slice_of("batch"),
                                          .detail = slice_of(detail),
                                          .sender = slice_of(""),
                                          .size_bytes = frame.len,
                                          .head = frame,
                                          .door = slice_of(""),
                                          .format = slice_of(""),
                                          .context = slice_of("")});
}

/*
 * A refused record as a records frame of its own, from which it can be sent again; in the attempt's
 * arena. at is NULL when memory is out.
 */
static struct slice whole_record(struct flush *f, const struct batch_reader *reader,
                                 const struct record_message *r)
{
    struct record_message copy = *r;
    struct slice whole = {NULL, 0};
    struct pack p;
    struct batch_writer *w = batch_writer_new();
    pack_init(&p);
    if (w != NULL && batch_writer_add(w, &reader->schemas[r->schema], &copy) == 0 &&
        batch_writer_finish(w, &p) == 0 && pack_ok(&p)) {
        whole = arena_copy(f->arena, pack_bytes(&p));
    }
    pack_release(&p);
    batch_writer_free(&w);
    return whole;
}

/*
 * bytes: the record as it came. Beyond WHOLE_BYTES it is told, but nothing of it kept: without its
 * schema nobody could read it.
 */
static int refuse_record(struct flush *f, const struct flush_batch *v,
                         const struct batch_reader *reader, const struct record_message *r,
                         const char *reason, const char *detail, struct slice bytes)
{
    struct slice whole = {NULL, 0};
    if (f->whole_bytes < WHOLE_BYTES) {
        whole = whole_record(f, reader, r);
        f->whole_bytes += whole.len;
    }
    if (whole.at == NULL) {
        whole = slice_of("");
    }
    const struct account_message *account = &v->accounts[r->sender].told;
    return refuse(f, v->batch, reader->record_next - 1,
                  (struct reject_message){.reason = slice_of(reason),
                                          .detail = slice_of(detail),
                                          .sender = account->sender,
                                          .size_bytes = whole.len > 0 ? whole.len : bytes.len,
                                          .head = whole,
                                          .door = account->door,
                                          .format = reader->schemas[r->schema].format,
                                          .context = slice_of("")});
}

/* ---- frames ---- */

/* Why the grades frame cannot be used, or NULL. */
static const char *read_grades(struct flush *f, struct flush_batch *v, struct grades_message *g)
{
    const struct batch *b = v->batch;
    if (b->message.count != 4) {
        return "frames: expected header, records, accounts and grades";
    }
    if (grades_decode_all(b->message.frames[3], f->arena, g) == -1) {
        return "grades: not a grades message";
    }
    if (g->grading_version != b->header.grading_version || g->grading_version == 0) {
        return "grades.grading_version: not the header's";
    }
    if (g->grades.len != b->header.count * g->names_count) {
        return "grades.grades: expected one for each record and name";
    }
    for (size_t i = 0; i < g->grades.len; i++) {
        if ((uint8_t)g->grades.at[i] > 5 && (uint8_t)g->grades.at[i] != GRADE_NONE) {
            return "grades.grades: expected 0 to 5, or none";
        }
    }
    if (g->steady.len != 0 && g->steady.len != 2 * g->grades.len) {
        return "grades.steady: expected two bytes for each grade, or none";
    }
    v->name_count = g->names_count;
    for (uint32_t i = 0; i < g->names_count; i++) {
        v->ids[i] = g->names[i].at == NULL ? 0 : gradings_name(&f->store->gradings, g->names[i]);
        for (uint32_t j = 0; j < i; j++) {
            if (v->ids[j] == v->ids[i]) {
                return "grades.names: one stands twice";
            }
        }
        if (v->ids[i] == 0) {
            return "grades.names: one is in no grading";
        }
    }
    return NULL;
}

static const char *schema_fault(const struct batch_reader *r)
{
    for (uint32_t i = 0; i < r->schema_count; i++) {
        const struct schema_message *s = &r->schemas[i];
        for (uint32_t n = 0; n < s->results_count; n++) {
            if (s->results[n].at == NULL) {
                return "schema.results: expected names";
            }
        }
        for (uint32_t n = 0; n < s->parameters_count; n++) {
            if (s->parameters[n].at == NULL) {
                return "schema.parameters: expected names";
            }
        }
        for (uint32_t n = 0; n < s->metadata_count; n++) {
            if (s->metadata[n].at == NULL) {
                return "schema.metadata: expected names";
            }
        }
    }
    return NULL;
}

static int read_schemas(struct flush *f, struct flush_batch *v, const struct batch_reader *r)
{
    v->schemas = arena_calloc(f->arena, r->schema_count, sizeof *v->schemas);
    for (uint32_t i = 0; v->schemas != NULL && i < r->schema_count; i++) {
        struct flush_schema *s = &v->schemas[i];
        said_of_schema(&r->schemas[i], &s->said);
        s->format = text_valid(f->arena, r->schemas[i].format);
        s->origin_sender = UINT64_MAX;
        if (s->format.at == NULL) {
            return -1;
        }
    }
    return v->schemas == NULL ? -1 : 0;
}

/* ---- records ---- */

static const char *record_fault(const struct record_message *r)
{
    if (r->t_start_us < 0 || r->t_start_us >= LAST_US || r->t_end_us >= LAST_US) {
        return "t_start, t_end: expected between the years 1970 and 9998";
    }
    if (r->t_end_us < r->t_start_us) {
        return "t_end: before t_start";
    }
    if (record_dimensions_bytes(r) > LIMIT_DIMENSIONS_BYTES) {
        return "dimensions: longer than 2400 bytes together";
    }
    return NULL;
}

/* The entry for the schema without those values that go without saying. */
static struct interned *schema_of(struct flush *f, struct flush_schema *s,
                                  const struct schema_message *schema, uint32_t mask)
{
    if (s->entry == NULL || s->mask != mask) {
        s->entry = interned_schema(&f->store->schemas, schema, &s->said, mask, f->store->stamp);
        s->mask = mask;
    }
    return s->entry;
}

static int16_t origin_of(struct flush *f, const struct flush_batch *v, struct flush_schema *s,
                         const struct record_message *r)
{
    if (s->origin_sender != r->sender) {
        s->origin = arrival_origin(&f->store->arrival, v->accounts[r->sender].told.door, s->format);
        s->origin_sender = r->sender;
    }
    return s->origin;
}

static int keep_record(struct flush *f, struct flush_batch *v, const struct batch_reader *reader,
                       const struct record_message *r, const uint8_t *grades, const char *steady)
{
    struct store *store = f->store;
    struct flush_schema *s = &v->schemas[r->schema];
    struct flush_item *item = add_item(f);
    if (item == NULL) {
        return -1;
    }
    const struct copy_about about = {
        .grading_version = (uint32_t)v->batch->header.grading_version,
        .origin = origin_of(f, v, s, r),
        .said = &s->said,
        .mask = said_of_record(&s->said, r),
        .grades = {.grades = grades, .steady = steady, .ids = v->ids, .count = v->name_count}};
    uint64_t digest = 0;
    *item = (struct flush_item){.batch = v,
                                .grades = grades,
                                .steady = steady,
                                .ledger = v->accounts[r->sender].row,
                                .at = f->rows.len};
    item->schema = schema_of(f, s, &reader->schemas[r->schema], about.mask);
    item->series = series_get(&store->series, r, store->stamp);
    if (item->schema == NULL || item->series == NULL ||
        flush_digest(f, v, &reader->schemas[r->schema], r, item->series, &digest) == -1 ||
        copy_row(&f->rows, r, &about) == -1) {
        return -1;
    }
    if (!item->series->loaded) { /* flush_days() asks for it */
        item->series->class = retention_of_type(&store->retention, r->type);
    }
    if (r->hops_count > 0) {
        item->hops = interned_hop_list(&store->hops, r->hops, r->hops_count, store->stamp);
        if (item->hops == NULL) {
            return -1;
        }
    }
    item->key = (struct period_key){r->t_start_us, r->t_end_us, (int64_t)digest};
    item->length = (uint32_t)(f->rows.len - item->at);
    return 0;
}

/* Why PostgreSQL refuses the record of this number, or NULL. */
static const char *poison_of(const struct flush *f, uint32_t number)
{
    uint32_t low = 0, high = f->poison_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->poison[middle].at < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->poison_count && f->poison[low].at == number ? f->poison[low].reason : NULL;
}

static int read_record(struct flush *f, struct flush_batch *v, const struct batch_reader *reader,
                       const struct record_message *r, const uint8_t *grades, const char *steady,
                       const char *poison, struct slice bytes)
{
    const char *reason = "database", *fault = poison;
    uint64_t *count = &f->counts.refused;
    struct flush_account *account = &v->accounts[r->sender];
    if (fault == NULL && (fault = record_fault(r)) != NULL) {
        reason = "record";
        count = &f->counts.rejected;
    }
    if (fault == NULL && retention_is_expired(&f->store->retention, r->type, r->t_start_us)) {
        fault = "t_start: records of this type and time are dropped";
        reason = "expired";
        count = &f->counts.expired;
    }
    if (fault == NULL) {
        return keep_record(f, v, reader, r, grades, steady);
    }
    account->refused++;
    ++*count;
    return refuse_record(f, v, reader, r, reason, fault, bytes);
}

/* What was read so far, to forget it when the rest of a batch is malformed. */
struct mark {
    uint32_t item_count, reject_count;
    size_t rows_len;
    struct flush_counts counts;
};

static void forget_since(struct flush *f, const struct mark *mark)
{
    f->item_count = mark->item_count;
    f->rejects.count = mark->reject_count;
    f->rows.len = mark->rows_len;
    f->counts = mark->counts;
}

/* Reads the records whose number over all batches is within [from, to); `first` is the batch's
 * first. */
static int read_records(struct flush *f, struct flush_batch *v, uint32_t first)
{
    struct batch_reader reader;
    struct grades_message grades;
    struct record_message record;
    const struct mark mark = {f->item_count, f->rejects.count, f->rows.len, f->counts};
    const char *fault = NULL;
    int more;
    if (flush_accounts(f, v, &fault) == -1) {
        return -1;
    }
    if (fault == NULL) {
        fault = read_grades(f, v, &grades);
    }
    if (fault == NULL) {
        if (batch_reader_open(&reader, v->batch->message.frames[1], f->arena) == -1 ||
            reader.record_count != v->batch->header.count) {
            fault = "records: not as many records as the header says";
        } else {
            fault = schema_fault(&reader);
        }
    }
    if (fault != NULL) {
        return first >= f->from && first < f->to ? refuse_batch(f, v, fault) : 0;
    }
    if (read_schemas(f, v, &reader) == -1) {
        return -1;
    }
    const char *start = (const char *)reader.cursor.at;
    while ((more = batch_reader_next(&reader, f->scratch, &record)) == 1) {
        const char *end = (const char *)reader.cursor.at;
        uint32_t i = reader.record_next - 1;
        if (record.sender >= v->account_count) {
            more = -1;
            break;
        }
        if (first + i >= f->from && first + i < f->to &&
            read_record(
                f, v, &reader, &record,
                (const uint8_t *)grades.grades.at + (size_t)i * v->name_count,
                grades.steady.len == 0 ? NULL : grades.steady.at + 2 * (size_t)i * v->name_count,
                poison_of(f, first + i), (struct slice){start, (size_t)(end - start)}) == -1) {
            return -1;
        }
        start = end;
        arena_reset(f->scratch);
    }
    arena_reset(f->scratch);
    if (more == -1) {
        forget_since(f, &mark);
        return first >= f->from && first < f->to
                   ? refuse_batch(f, v, "records: not a records frame")
                   : 0;
    }
    return 0;
}

static int read_rejects(struct flush *f, struct flush_batch *v)
{
    const struct batch *b = v->batch;
    const struct mark mark = {f->item_count, f->rejects.count, f->rows.len, f->counts};
    struct unpack cursor = unpack_bytes(b->message.frames[1].at, b->message.frames[1].len);
    struct reject_message what;
    uint32_t count = 0;
    const char *fault = NULL;
    if (flush_accounts(f, v, &fault) == -1) {
        return -1;
    }
    if (fault == NULL && b->message.count != 3) {
        fault = "frames: expected header, rejects and accounts";
    }
    if (fault != NULL) {
        return refuse_batch(f, v, fault);
    }
    while (!unpack_done(&cursor)) {
        if (reject_decode(&cursor, f->scratch, &what) == -1 || count == b->header.count) {
            break;
        }
        if (rejects_add(&f->rejects, &b->header, count++, &what) == -1) {
            return -1;
        }
    }
    arena_reset(f->scratch);
    if (!unpack_done(&cursor) || count != b->header.count) {
        forget_since(f, &mark);
        return refuse_batch(f, v, "rejects: not as many reject messages as the header says");
    }
    return 0;
}

int flush_read(struct flush *f)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < f->batch_count; i++) {
        struct flush_batch *v = &f->views[i];
        int rc = 0;
        uint32_t next = first + (uint32_t)v->batch->header.count;
        if (v->batch->header.kind == BATCH_RECORDS) {
            rc = !v->done && (next > f->from || next == first) ? read_records(f, v, first) : 0;
            first = next;
        } else if (f->from == 0 && !v->done) {
            rc = read_rejects(f, v);
        }
        if (rc == -1) {
            return -1;
        }
    }
    return 0;
}
