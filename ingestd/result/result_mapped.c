/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other tools write, by a mapping, into the same results as mPlane's: records of a document
 * whose metrics have the same names are one result, which is taken or refused whole. What the
 * mapping cannot follow, and a record that may not be stored, costs that record alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ingest_limits.h"
#include "common/record_dimensions.h"
#include "common/utf8.h"
#include "common/when_time.h"
#include "ingestd/result/result_reader.h"

#define PIECE          ((size_t)8192) /* of the bytes at once, for lines that are passed over */
#define GIVEN_UP_BYTES 192            /* of a text */

/* ---- what may not be stored ---- */

static int check_text(struct result_reader *r, struct slice what, struct slice text, size_t most)
{
    if (text.len > most) {
        return result_refuse(r, RESULT_LENGTH, "%.*s: expected at most %zu bytes, found %zu",
                             (int)what.len, what.at, most, text.len);
    }
    return text.len == 0 || utf8_is_text(text.at, text.at + text.len)
               ? 0
               : result_refuse(r, RESULT_NUL, "%.*s: expected text in UTF-8 without U+0000",
                               (int)what.len, what.at);
}

static int check_texts(struct result_reader *r, const struct format_record *f)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (check_text(r, slice_of(dimension_rows[d].element), f->dimensions[d],
                       LIMIT_DIMENSION_BYTES) == -1) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < f->metric_count; i++) {
        if (check_text(r, f->names[i], f->values[i], LIMIT_VALUE_BYTES) == -1) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < f->hop_count; i++) {
        if (check_text(r, slice_of("hops"), f->hops[i], LIMIT_NAME_BYTES) == -1) {
            return -1;
        }
    }
    return f->hop_count <= LIMIT_HOPS
               ? 0
               : result_refuse(r, RESULT_LENGTH, "hops: expected at most %d, found %" PRIu32,
                               LIMIT_HOPS, f->hop_count);
}

/* ---- records ---- */

/* A gap in a list of hops is one that did not answer. */
static int take_hops(struct result_reader *r, const struct format_record *f,
                     struct record_message *m)
{
    struct slice *hops = arena_alloc(r->arena, (f->hop_count + 1) * sizeof *hops);
    if (hops == NULL) {
        return result_refuse_memory(r);
    }
    for (uint32_t i = 0; i < f->hop_count; i++) {
        hops[i] = slice_is(f->hops[i], "-") ? (struct slice){NULL, 0}
                                            : address_host(r->arena, f->hops[i]);
    }
    m->hops = hops;
    m->hops_count = f->hop_count;
    return 0;
}

/* The record as others are; 0, or -1 after it was refused. */
static int take_record(struct result_reader *r, const struct format_record *f,
                       struct record_message *m)
{
    struct slice *values = arena_alloc(r->arena, (f->metric_count + 1) * sizeof *values);
    *m = (struct record_message){.t_start_us = f->start_us,
                                 .t_end_us = f->end_us,
                                 .label = slice_of(""),
                                 .type = f->dimensions[DIMENSION_type],
                                 .content = f->dimensions[DIMENSION_content],
                                 .probe = f->dimensions[DIMENSION_probe],
                                 .source = f->dimensions[DIMENSION_source],
                                 .dest = f->dimensions[DIMENSION_dest],
                                 .path = f->dimensions[DIMENSION_path],
                                 .values = values,
                                 .values_count = f->metric_count};
    if (values == NULL) {
        return result_refuse_memory(r);
    }
    if (f->metric_count > 0) {
        memcpy(values, f->values, f->metric_count * sizeof *values);
    }
    if (m->type.len == 0) {
        return result_refuse(r, RESULT_TYPE,
                             "expected the mapping to give a record type, found none");
    }
    if (m->t_end_us < m->t_start_us) {
        char start[WHEN_TEXT], end[WHEN_TEXT];
        when_time_text(m->t_start_us, start);
        when_time_text(m->t_end_us, end);
        return result_refuse(r, RESULT_TIME,
                             "expected an end that is not before the start %s, found %s", start,
                             end);
    }
    return check_texts(r, f) == -1 || result_check_lengths(r, m) == -1 ||
                   result_check_allowed(r, m) == -1 || result_check_times(r, m) == -1 ||
                   take_hops(r, f, m) == -1
               ? -1
               : 0;
}

/* ---- results ---- */

static int order(const void *a, const void *b)
{
    const struct format_record *x = *(const struct format_record *const *)a;
    const struct format_record *y = *(const struct format_record *const *)b;
    if (x->metric_count != y->metric_count) {
        return x->metric_count < y->metric_count ? -1 : 1;
    }
    for (uint32_t i = 0; i < x->metric_count; i++) {
        int names = slice_order(x->names[i], y->names[i]);
        if (names != 0) {
            return names;
        }
    }
    return 0;
}

/* As qsort() needs it: what is the same stays as it stood. */
static int stable_order(const void *a, const void *b)
{
    const struct format_record *const *x = a, *const *y = b;
    int names = order(a, b);
    return names != 0 ? names : (*x > *y) - (*x < *y);
}

/* One result of records whose metrics have the same names. */
static int take_result(struct result_reader *r, struct slice format,
                       const struct format_record *const *records, uint32_t count)
{
    struct result *result = arena_calloc(r->arena, 1, sizeof *result);
    struct result_reading g = {.time_at = -1};
    uint32_t names = records[0]->metric_count;
    struct record_message *made = arena_alloc(r->arena, count * sizeof *made);
    g.schema = (struct schema_message){.verb = slice_of("measure"),
                                       .registry = slice_of(""),
                                       .format = format,
                                       .results = (struct slice *)(uintptr_t)records[0]->names,
                                       .results_count = names};
    g.kinds =
        arena_calloc(r->arena, (size_t)names * count + 1, 1); /* all IDENTITY_NUMBER_OR_STRING */
    if (result == NULL || made == NULL || g.kinds == NULL) {
        return result_refuse_memory(r);
    }
    result->schema = g.schema;
    result->records = made;
    uint32_t undated = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (take_record(r, records[i], &made[result->count]) == 0) {
            undated += records[i]->undated;
            made[result->count].row = result->count;
            result->count++;
        }
    }
    if (result->count == 0 || result_identify(r, &g, result) == -1) {
        return -1;
    }
    r->set->undated += undated;
    *r->results_end = result;
    r->results_end = &result->next;
    return 0;
}

static void take_records(struct result_reader *r, struct slice format,
                         const struct format_outcome *o)
{
    const struct format_record **sorted = arena_alloc(r->arena, (o->count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        result_refuse_memory(r);
        return;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        sorted[i] = &o->records[i];
    }
    qsort(sorted, o->count, sizeof *sorted, stable_order);
    for (uint32_t i = 0, n = 0; i < o->count; i = n) {
        for (n = i + 1; n < o->count && order(&sorted[i], &sorted[n]) == 0; n++) {
        }
        take_result(r, format, sorted + i, n - i);
    }
}

/* ---- reading ---- */

struct result_mapped {
    struct result_reader reader;
    struct slice name; /* of the format */
    struct format_context context;
    struct format_reading *reading; /* NULL once nothing more is read */
    struct slice all, rest;         /* of it, what was not handed to the format */
    uint64_t end;                   /* of the documents taken so far, in bytes */
    uint32_t faults;                /* of the format */
    bool any;
    char *why; /* GIVEN_UP_BYTES, while the arena has room */
};

static void put_first(struct result_set *set, struct refusal *f)
{
    struct refusal **link = &set->refusals;
    while (*link != f) {
        link = &(*link)->next;
    }
    *link = f->next;
    f->next = set->refusals;
    set->refusals = f;
}

/* Nothing from this line on is taken, which is told first of all, with how much that is; also where
 * no memory is left for it. */
static bool give_up(struct result_mapped *m, enum result_reason reason, uint64_t line,
                    const char *expected)
{
    struct result_set *set = m->reader.set;
    struct refusal **last = m->reader.refusals_end, *told = &set->spare;
    snprintf(m->why, GIVEN_UP_BYTES,
             "%s: nothing from line %" PRIu64 " on is taken, %" PRIu64 " of %zu bytes", expected,
             line, (uint64_t)m->all.len - m->end, m->all.len);
    m->reader.document = 0;
    if (set->spare.detail == NULL) {
        result_refuse(&m->reader, reason, "%s", m->why);
        told = *last;
    }
    if (told == &set->spare) {
        told->detail = m->why;
    }
    put_first(set, told);
    format_end(&m->reading);
    return false;
}

static void refuse_faults(struct result_mapped *m, const struct format_outcome *o)
{
    for (const struct format_fault *f = o->faults; f != NULL; f = f->next) {
        char element[40] = "";
        if (f->element > 0) {
            snprintf(element, sizeof element, ", element %" PRIu64, f->element);
        }
        result_refuse(&m->reader, RESULT_FORMAT, "line %" PRIu64 "%s: %s%s%s", o->line, element,
                      f->place, f->place[0] == '\0' ? "" : ": ", f->why);
        m->faults++;
    }
}

/* What one document gave. False: nothing from it on is taken. */
static bool take_outcome(struct result_mapped *m, const struct format_outcome *o)
{
    struct result_reader *r = &m->reader;
    struct result **before = r->results_end;
    char expected[80];
    if (o->faults != NULL && m->faults >= FORMAT_FAULTS) {
        snprintf(expected, sizeof expected, "expected at most %d faults, found more",
                 FORMAT_FAULTS);
        return give_up(m, RESULT_FAULTS, o->line, expected);
    }
    if (o->count > r->limits->rows - r->rows) {
        snprintf(expected, sizeof expected, "expected at most %" PRIu32 " records, found more",
                 r->limits->rows);
        return give_up(m, RESULT_ROWS, o->line, expected);
    }
    r->document = o->number;
    refuse_faults(m, o);
    take_records(r, m->name, o);
    if (r->set->spare.detail != NULL) {
        *before = NULL;
        r->results_end = before;
        return give_up(m, RESULT_MEMORY, o->line, RESULT_TAKES_LESS_MEMORY);
    }
    r->set->exceptions += o->ignored;
    r->rows += o->count;
    m->end = o->end;
    m->any = true;
    return true;
}

static bool end_reading(struct result_mapped *m, enum format_event event, uint64_t ignored_lines)
{
    struct result_reader *r = &m->reader;
    r->document = 0;
    if (event == FORMAT_NO_MEMORY) {
        result_refuse_memory(r);
    } else if (!m->any && ignored_lines == 0) {
        result_refuse(r, RESULT_FORMAT, "expected something in the format %.*s, found nothing",
                      (int)m->name.len, m->name.at);
    }
    format_end(&m->reading);
    return false;
}

bool result_mapped_go_on(struct result_mapped *m)
{
    struct format_outcome o;
    if (m->reading == NULL) {
        return false;
    }
    struct slice piece = {m->rest.at, m->rest.len < PIECE ? m->rest.len : PIECE};
    size_t given = piece.len;
    enum format_event event =
        format_next(m->reading, &piece, given == m->rest.len, m->reader.arena, &o);
    m->rest.at += given - piece.len;
    m->rest.len -= given - piece.len;
    return event == FORMAT_MORE       ? true
           : event == FORMAT_DOCUMENT ? take_outcome(m, &o)
                                      : end_reading(m, event, o.ignored_lines);
}

/* Its reading; NULL when memory is out. */
static struct format_reading *begin_reading(struct result_mapped *m, const struct format *format)
{
    const struct result_reader *r = &m->reader;
    const struct result_limits *l = r->limits;
    const struct format_limits limits = {.document_bytes = m->all.len + 1,
                                         .line_bytes = l->json.string_bytes,
                                         .depth = l->json.depth,
                                         .values = l->json.nodes,
                                         .string_bytes = l->json.string_bytes,
                                         .records = l->rows,
                                         .looked_at = FORMAT_LOOKED_AT};
    char now[WHEN_TEXT];
    when_time_text(r->origin->now_us, now);
    struct slice received =
        arena_copy(r->arena, slice_of(now)); /* records may have it as a value */
    return received.at != NULL &&
                   format_context_set(&m->context, slice_of("sender"), r->origin->sender) == 0 &&
                   (format_context_has(&m->context, slice_of("received")) ||
                    format_context_set(&m->context, slice_of("received"), received) == 0)
               ? format_begin(format, &m->context, &limits)
               : NULL;
}

struct result_mapped *
result_mapped_begin(struct arena *a, struct slice bytes, const struct result_mapping *mapping,
                    const struct result_means *means, const struct result_limits *limits,
                    const struct result_origin *origin, struct result_set *set)
{
    struct result_reader r = result_reader_of(a, means, limits, origin, set);
    struct result_mapped *m = arena_calloc(a, 1, sizeof *m);
    if (m != NULL) {
        *m = (struct result_mapped){.reader = r,
                                    .name = mapping->name,
                                    .context = *mapping->context,
                                    .all = bytes,
                                    .rest = bytes,
                                    .why = arena_alloc(a, GIVEN_UP_BYTES)};
        m->reading = m->why == NULL ? NULL : begin_reading(m, mapping->format);
    }
    if (m == NULL || m->reading == NULL) {
        result_refuse_memory(&r);
        return NULL;
    }
    return m;
}

void result_mapped_end(struct result_mapped *m)
{
    format_end(&m->reading);
}

void result_read_mapped(struct arena *a, struct slice bytes, const struct result_mapping *mapping,
                        const struct result_means *means, const struct result_limits *limits,
                        const struct result_origin *origin, struct result_set *set)
{
    struct result_mapped *m = result_mapped_begin(a, bytes, mapping, means, limits, origin, set);
    while (m != NULL && result_mapped_go_on(m)) {
    }
}
