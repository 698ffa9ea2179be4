/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings and readings: bytes into documents, documents into records. */
#include "common/formats/format.h"

#include <stdlib.h>

#include "common/formats/decode.h"
#include "common/formats/evaluate.h"
#include "common/formats/mapping_reader.h"

#define MAPPING_ARENA_BYTES ((size_t)32 << 20)
#define REMEMBERED_BYTES    ((size_t)64 << 10) /* of one name */

/* ---- mappings ---- */

struct format {
    struct arena *arena;
    struct format_mapping mapping;
};

static const struct json_limits mapping_limits = {
    .depth = 32, .nodes = 65536, .string_bytes = 8192, .comments = true};

static int read_mapping(struct format *f, struct document *d, struct slice bytes)
{
    struct mapping_reader *r = calloc(1, sizeof *r);
    struct document_place whole = {.document = d};
    if (r == NULL) {
        document_fault(&whole, "out of memory");
        return -1;
    }
    r->arena = f->arena;
    r->mapping = &f->mapping;
    whole = document_parse(d, f->arena, bytes, &mapping_limits);
    int rc = whole.node == NULL ? -1 : mapping_read(r, &whole);
    free(r);
    return rc;
}

struct format *format_read(struct document *d, struct slice bytes)
{
    struct document_place whole = {.document = d};
    struct format *f = NULL;
    if (bytes.len > FORMAT_BYTES) {
        document_fault(&whole, "expected at most %zu bytes, found %zu", FORMAT_BYTES, bytes.len);
        return NULL;
    }
    f = calloc(1, sizeof *f);
    if (f != NULL) {
        f->arena = arena_new(MAPPING_ARENA_BYTES);
    }
    if (f == NULL || f->arena == NULL) {
        document_fault(&whole, "out of memory");
        format_free(&f);
    } else if (read_mapping(f, d, bytes) == -1) {
        format_free(&f);
    }
    return f;
}

void format_free(struct format **f)
{
    if (*f != NULL && (*f)->arena != NULL) {
        arena_free(&(*f)->arena);
    }
    free(*f);
    *f = NULL;
}

const struct format_mapping *format_mapping_of(const struct format *f)
{
    return &f->mapping;
}

bool format_remembers(const struct format *f)
{
    return f->mapping.remember_count > 0;
}

int format_context_set(struct format_context *c, struct slice name, struct slice value)
{
    uint32_t i = 0;
    while (i < c->count && !slice_equal(c->names[i], name)) {
        i++;
    }
    if (i == FORMAT_CONTEXT_NAMES) {
        return -1;
    }
    c->names[i] = name;
    c->values[i] = value;
    c->count += i == c->count;
    return 0;
}

bool format_context_has(const struct format_context *c, struct slice name)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (slice_equal(c->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* ---- readings ---- */

struct format_reading {
    const struct format *format;
    const struct format_context *context;
    struct format_limits limits;
    struct decode *decode;
    bool remarking;
    bool any;                        /* a document was, or a line that is ignored */
    uint32_t *tried, *found;         /* of each path */
    struct format_value *remembered; /* of each variable */
    struct arena **remembered_in;    /* of each; made when it is needed */
};

void format_remark_on(struct format_reading *r)
{
    r->remarking = true;
}

static struct decode *new_decode(const struct format *f, const struct format_limits *l)
{
    struct decode_limits limits = {
        .json = {.depth = l->depth, .nodes = l->values, .string_bytes = l->string_bytes},
        .document_bytes = l->document_bytes,
        .line_bytes = l->line_bytes};
    return decode_new(f->mapping.input, f->mapping.reach, &limits);
}

struct format_reading *format_begin(const struct format *f, const struct format_context *context,
                                    const struct format_limits *limits)
{
    const struct format_mapping *m = &f->mapping;
    struct format_reading *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->format = f;
    r->context = context;
    r->limits = *limits;
    r->decode = new_decode(f, limits);
    r->tried = calloc(m->path_count + 1, sizeof *r->tried);
    r->found = calloc(m->path_count + 1, sizeof *r->found);
    r->remembered = calloc(m->variable_count + 1, sizeof *r->remembered);
    r->remembered_in = calloc(m->variable_count + 1, sizeof *r->remembered_in);
    if (r->decode == NULL || r->tried == NULL || r->found == NULL || r->remembered == NULL ||
        r->remembered_in == NULL) {
        format_end(&r);
    }
    return r;
}

void format_end(struct format_reading **reading)
{
    struct format_reading *r = *reading;
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; r->remembered_in != NULL && i < r->format->mapping.variable_count; i++) {
        if (r->remembered_in[i] != NULL) {
            arena_free(&r->remembered_in[i]);
        }
    }
    if (r->decode != NULL) {
        decode_free(&r->decode);
    }
    free(r->tried);
    free(r->found);
    free(r->remembered);
    free(r->remembered_in);
    free(r);
    *reading = NULL;
}

/* ---- what goes from document to document ---- */

/* A value as it outlives its document; NULL where memory is out or it is too large. */
static struct json *copy_node(struct arena *a, const struct json *node)
{
    struct json *copy = arena_calloc(a, 1, sizeof *copy);
    struct json *last = NULL;
    if (copy == NULL) {
        return NULL;
    }
    copy->type = node->type;
    copy->count = node->count;
    copy->key = node->key.at == NULL ? node->key : arena_copy(a, node->key);
    copy->text = node->text.at == NULL ? node->text : arena_copy(a, node->text);
    if ((copy->key.at == NULL) != (node->key.at == NULL) ||
        (copy->text.at == NULL) != (node->text.at == NULL)) {
        return NULL;
    }
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        struct json *member = copy_node(a, m);
        if (member == NULL) {
            return NULL;
        }
        *(last == NULL ? &copy->first : &last->next) = member;
        last = member;
    }
    return copy;
}

static void remember(struct format_reading *r, struct evaluation *e, uint32_t variable,
                     const struct json *node)
{
    struct arena **a = &r->remembered_in[variable];
    const struct json *copy = NULL;
    *a = *a == NULL ? arena_new(REMEMBERED_BYTES) : *a;
    r->remembered[variable] = (struct format_value){.kind = VALUE_NONE};
    if (*a != NULL) {
        arena_reset(*a);
        copy = copy_node(*a, node);
    }
    if (copy == NULL) {
        evaluate_fault(e, NULL, "expected a value to remember of at most %zu bytes",
                       REMEMBERED_BYTES);
        return;
    }
    r->remembered[variable] = value_of_node(copy);
}

static void remember_all(struct format_reading *r, struct scope *s)
{
    const struct format_mapping *m = &r->format->mapping;
    for (uint32_t i = 0; i < m->remember_count; i++) {
        const struct remember_rule *rule = &m->remember[i];
        if (rule->when != NULL && !evaluate_condition(s, rule->when)) {
            continue;
        }
        const struct json *node = evaluate_first(s, &rule->path);
        if (node != NULL) {
            remember(r, s->evaluation, rule->variable, node);
        } else {
            r->remembered[rule->variable] = (struct format_value){.kind = VALUE_NONE};
        }
    }
}

/* What is to be forgotten behind this document, a bit for each variable. */
static uint64_t find_forgotten(const struct format_mapping *m, struct scope *s)
{
    uint64_t forgotten = 0;
    for (uint32_t i = 0; i < m->forget_count; i++) {
        if (m->forget[i].when != NULL && !evaluate_condition(s, m->forget[i].when)) {
            continue;
        }
        for (uint32_t k = 0; k < m->forget[i].variable_count; k++) {
            forgotten |= UINT64_C(1) << m->forget[i].variables[k];
        }
    }
    return forgotten;
}

_Static_assert(MAPPING_VARIABLES <= 64, "a bit for each");

static bool is_ignored(const struct format_mapping *m, struct scope *s)
{
    for (uint32_t i = 0; i < m->ignore_count; i++) {
        if (evaluate_condition(s, m->ignore[i])) {
            return true;
        }
    }
    return false;
}

/* ---- documents ---- */

static void refuse(struct arena *a, const char *place, const char *why,
                   struct format_outcome *outcome)
{
    static const struct format_fault spare = {.place = "", .why = EVALUATE_MEMORY};
    struct format_fault *f = arena_alloc(a, sizeof *f);
    const char *text = arena_copy(a, slice_of(why)).at;
    outcome->count = 0;
    outcome->faults = &spare;
    if (f != NULL && text != NULL) {
        *f = (struct format_fault){.place = place, .why = text};
        outcome->faults = f;
    }
}

static struct evaluation begin_evaluation(struct format_reading *r, struct arena *a)
{
    return (struct evaluation){.mapping = &r->format->mapping,
                               .context = r->context,
                               .limits = &r->limits,
                               .arena = a,
                               .budget = {0, r->limits.looked_at},
                               .tried = r->tried,
                               .found = r->found,
                               .remembered = r->remembered,
                               .remarking = r->remarking};
}

static void read_document(struct format_reading *r, const struct json *document, struct arena *a,
                          struct format_outcome *outcome)
{
    const struct format_mapping *m = &r->format->mapping;
    struct evaluation e = begin_evaluation(r, a);
    struct scope s = {.evaluation = &e, .document = document, .variables = r->remembered};
    remember_all(r, &s);
    uint64_t forgotten = find_forgotten(m, &s);
    outcome->ignored = is_ignored(m, &s);
    if (e.fault != NULL) {
        refuse(a, e.fault_place, e.fault, outcome);
    } else if (!outcome->ignored) {
        evaluate_records(&e, document, m->rules, m->rule_count, outcome);
    }
    for (uint32_t i = 0; i < m->variable_count; i++) {
        if ((forgotten & UINT64_C(1) << i) != 0) {
            r->remembered[i] = (struct format_value){.kind = VALUE_NONE};
        }
    }
}

/* The end of bytes in which nothing was: that may say something, too. */
static enum format_event end_reading(struct format_reading *r, struct arena *a,
                                     struct format_outcome *outcome)
{
    static const struct json nothing = {.type = JSON_OBJECT};
    const struct record_rule *empty = r->format->mapping.empty;
    if (r->any || outcome->ignored_lines > 0 || empty == NULL) {
        return FORMAT_END;
    }
    struct evaluation e = begin_evaluation(r, a);
    r->any = true;
    outcome->number = outcome->line = 1;
    evaluate_records(&e, &nothing, empty, 1, outcome);
    return FORMAT_DOCUMENT;
}

enum format_event format_next(struct format_reading *r, struct slice *bytes, bool last,
                              struct arena *a, struct format_outcome *outcome)
{
    struct decode_item item = {0};
    *outcome = (struct format_outcome){0};
    enum decode_event event = decode_next(r->decode, bytes, last, a, &item);
    outcome->number = item.number;
    outcome->line = item.line;
    outcome->end = item.end;
    outcome->bytes = item.bytes;
    outcome->ignored_lines = item.ignored;
    switch (event) {
    case DECODE_MORE:
        r->any = r->any || item.ignored > 0;
        return FORMAT_MORE;
    case DECODE_END:
        return end_reading(r, a, outcome);
    case DECODE_NO_MEMORY:
        return FORMAT_NO_MEMORY;
    case DECODE_FAULT:
        refuse(a, "", item.why, outcome);
        break;
    case DECODE_DOCUMENT:
        read_document(r, item.document, a, outcome);
        break;
    }
    r->any = true;
    return FORMAT_DOCUMENT;
}

void format_untouched(const struct format_reading *r, bool tried,
                      void (*tell)(void *context, const char *place, struct slice path),
                      void *context)
{
    const struct format_mapping *m = &r->format->mapping;
    for (uint32_t i = 0; i < m->path_count; i++) {
        if (r->found[i] == 0 && (r->tried[i] > 0) == tried) {
            tell(context, m->path_places[i], m->paths[i]);
        }
    }
}
