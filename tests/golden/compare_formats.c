/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what formats/mutate.py writes, groups of a mapping and samples with what the reference
 * evaluator makes of them, and compares it with what common/formats makes. Where one of them sees a
 * fault only the documents before it are compared: each refuses some things that the other takes.
 *
 *     compare_formats [--tell]      groups on standard input; with --tell each refusal is told
 *
 * Ends with 1 when something differs, or when less than half of what came could be compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/formats/format.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define DIFFERENCES 20 /* told before it gives up */

static const struct json_limits line_limits = {
    .depth = JSON_DEPTH, .nodes = 1000000, .string_bytes = 1 << 20};
static const struct format_limits limits = {.document_bytes = 8 << 20,
                                            .line_bytes = 65536,
                                            .depth = 60,
                                            .values = 100000,
                                            .string_bytes = 65536,
                                            .records = 100000,
                                            .looked_at = FORMAT_LOOKED_AT};

struct comparison {
    bool tell;
    struct arena *arena, *document_arena;
    const struct json *group, *of; /* the line; the case at hand */
    const struct json *expected;   /* the record that comes next; NULL: none */
    uint64_t last_document;        /* that is compared: the one before the evaluator's fault */
    uint64_t mappings, mappings_refused, cases, compared, evaluator_refused, refused, differences;
    bool at_fault, differs;
};

/* ---- telling ---- */

static void tell_mapping_fault(void *context, const char *fault)
{
    struct comparison *c = context;
    if (c->tell) {
        printf("%s: mapping: %s\n", json_get(c->group, "id")->text.at, fault);
    }
}

static void differs(struct comparison *c, const char *what, struct slice found,
                    struct slice expected)
{
    if (c->differs) {
        return;
    }
    c->differs = true;
    if (c->differences++ >= DIFFERENCES) {
        return;
    }
    printf("%s: %s is \"%.*s\", expected \"%.*s\"\n  mapping %s\n  case %s\n",
           json_get(c->group, "id")->text.at, what, (int)found.len, found.at, (int)expected.len,
           expected.at, json_text(c->arena, json_get(c->group, "mapping")).at,
           json_text(c->arena, c->of).at);
}

/* ---- one record ---- */

static void compare_text(struct comparison *c, const char *what, struct slice found,
                         const struct json *expected)
{
    if (expected == NULL || !slice_equal(found, expected->text)) {
        differs(c, what, found, expected == NULL ? slice_of("none") : expected->text);
    }
}

static void compare_dimensions(struct comparison *c, const struct format_record *r)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const char *name = dimension_rows[d].name;
        struct slice expected = json_get(c->expected, name)->text;
        if (dimension_rows[d].addresses) { /* the evaluator leaves names and brackets alone */
            expected = address_host(c->arena, expected);
        } else if (d ==
                   DIMENSION_probe) { /* and writes the end of ::ffff:192.0.2.1 in hexadecimal */
            expected = address_canonical(c->arena, expected);
        }
        if (!slice_equal(r->dimensions[d], expected)) {
            differs(c, name, r->dimensions[d], expected);
        }
    }
}

static void compare_time(struct comparison *c, const char *name, int64_t us)
{
    char text[WHEN_TEXT];
    when_time_text(us, text);
    compare_text(c, name, slice_of(text), json_get(c->expected, name));
}

static void compare_metrics(struct comparison *c, const struct format_record *r)
{
    const struct json *m = json_get(c->expected, "metrics")->first;
    for (uint32_t i = 0; i < r->metric_count; i++, m = m->next) {
        if (m == NULL || !slice_equal(r->names[i], m->key)) {
            differs(c, "a metric", r->names[i], m == NULL ? slice_of("none") : m->key);
            return;
        }
        compare_text(c, m->key.at, r->values[i], m);
    }
    if (m != NULL) {
        differs(c, "a metric", slice_of("none"), m->key);
    }
}

static void compare_record(struct comparison *c, const struct format_record *r)
{
    if (c->expected == NULL) {
        differs(c, "a record", slice_of("one too many"), slice_of("none"));
        return;
    }
    compare_dimensions(c, r);
    compare_time(c, "t_start", r->start_us);
    compare_time(c, "t_end", r->end_us);
    const struct json *hop = json_get(c->expected, "hops")->first;
    for (uint32_t i = 0; i < r->hop_count; i++) {
        compare_text(c, "a hop", r->hops[i], hop);
        hop = hop == NULL ? NULL : hop->next;
    }
    if (hop != NULL) {
        differs(c, "a hop", slice_of("none"), hop->text);
    }
    compare_metrics(c, r);
    c->expected = c->expected->next;
}

/* ---- one sample ---- */

static void take_outcome(struct comparison *c, const struct format_outcome *o)
{
    if (c->at_fault || o->number > c->last_document) {
        return;
    }
    if (o->faults != NULL) {
        c->at_fault = true;
        if (c->tell && json_get(c->of, "fault") == NULL) {
            printf("%s: document %llu, %s: %s\n", json_get(c->group, "id")->text.at,
                   (unsigned long long)o->number, o->faults->place, o->faults->why);
        }
        return;
    }
    for (uint32_t i = 0; i < o->count && !c->differs; i++) {
        compare_record(c, &o->records[i]);
    }
}

/* In pieces of so many bytes: however they are cut, the same comes of them. */
static void read_sample(struct comparison *c, struct format_reading *r, struct slice sample,
                        size_t piece)
{
    struct format_outcome o;
    size_t at = 0;
    enum format_event event = FORMAT_MORE;
    while (event != FORMAT_END && event != FORMAT_NO_MEMORY) {
        size_t n = sample.len - at < piece ? sample.len - at : piece;
        struct slice bytes = {sample.at + at, n};
        at += n;
        do {
            event = format_next(r, &bytes, at == sample.len, c->document_arena, &o);
            if (event == FORMAT_DOCUMENT) {
                take_outcome(c, &o);
            }
            arena_reset(c->document_arena);
        } while (event == FORMAT_DOCUMENT);
    }
    if (event == FORMAT_NO_MEMORY) {
        differs(c, "memory", slice_of("out"), slice_of("enough"));
    }
}

static void read_context(const struct json *from, struct format_context *context)
{
    for (const struct json *m = from->first; m != NULL; m = m->next) {
        if (format_context_set(context, m->key, m->text) == -1) {
            abort();
        }
    }
}

static void compare_case(struct comparison *c, const struct format *f)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 7, 64};
    struct format_context context = {0};
    const struct json *document = json_get(c->of, "document");
    bool evaluator_refused = json_get(c->of, "fault") != NULL;
    read_context(json_get(c->of, "context"), &context);
    c->expected = json_get(c->of, "records")->first;
    c->at_fault = c->differs = false;
    c->cases++;
    c->last_document = UINT64_MAX;
    if (evaluator_refused) {
        uint64_t at = strtoull(document->text.at, NULL, 10);
        c->evaluator_refused++;
        c->last_document = at == 0 ? 0 : at - 1;
    }
    struct format_reading *r = format_begin(f, &context, &limits);
    if (r == NULL) {
        abort();
    }
    read_sample(c, r, json_get(c->of, "sample")->text,
                pieces[c->cases % (sizeof pieces / sizeof pieces[0])]);
    format_end(&r);
    if (c->at_fault) {
        c->refused += !evaluator_refused;
    } else if (c->expected != NULL) {
        differs(c, "a record", slice_of("none"), slice_of("one more"));
    }
    c->compared += !c->at_fault && !evaluator_refused;
}

/* ---- groups ---- */

static void compare_group(struct comparison *c, struct slice line)
{
    char error[256] = "";
    c->group = json_parse(c->arena, line, &line_limits, error, sizeof error);
    if (c->group == NULL) {
        printf("a line that is none: %s\n", error);
        exit(2);
    }
    struct document d = {.name = "mapping", .tell = tell_mapping_fault, .context = c};
    struct format *f = format_read(&d, json_text(c->arena, json_get(c->group, "mapping")));
    c->mappings++;
    if (f == NULL) {
        c->mappings_refused++;
        return;
    }
    for (c->of = json_get(c->group, "cases")->first; c->of != NULL; c->of = c->of->next) {
        compare_case(c, f);
    }
    format_free(&f);
}

int main(int argc, char **argv)
{
    struct comparison c = {.tell = argc > 1 && strcmp(argv[1], "--tell") == 0,
                           .arena = arena_new(ARENA_BYTES),
                           .document_arena = arena_new(ARENA_BYTES)};
    char *line = NULL;
    size_t size = 0;
    if (c.arena == NULL || c.document_arena == NULL) {
        abort();
    }
    for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
        compare_group(&c, (struct slice){line, (size_t)n - 1});
        arena_reset(c.arena);
    }
    free(line);
    arena_free(&c.arena);
    arena_free(&c.document_arena);
    printf("%llu mappings, %llu of them refused; %llu cases: %llu compared whole, %llu refused by "
           "the evaluator, %llu by us alone; %llu differ\n",
           (unsigned long long)c.mappings, (unsigned long long)c.mappings_refused,
           (unsigned long long)c.cases, (unsigned long long)c.compared,
           (unsigned long long)c.evaluator_refused, (unsigned long long)c.refused,
           (unsigned long long)c.differences);
    return c.differences > 0 || c.compared * 2 < c.cases;
}
