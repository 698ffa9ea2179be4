/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record types, read and checked whole out of the bytes of one file or several. The files
 * themselves: record_types_files.c; what is asked of them then: record_types_find.c.
 */
#include "common/record_types_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pattern.h"
#include "common/told.h"
#include "schemas/messages.h"

#define MEMORY_BYTES  (32 << 20)
#define GAP_DEFAULT_S 900
#define SECONDS_MOST  31536000 /* a year */
#define TYPES_MOST    1024     /* of all files together */
#define FAULTS_SHOWN  20

static const struct json_limits file_limits = {
    .depth = 8, .nodes = 65536, .string_bytes = 4096, .comments = true};

static void fault(struct record_types *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct record_types *t, const char *format, ...)
{
    if (t->faults++ >= FAULTS_SHOWN) {
        return;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    told_fault("%s: %s", t->file, text);
}

static const char *found(const struct json *node)
{
    return node == NULL ? "nothing" : json_type_name(node->type);
}

/* Whether it is of the type, "an object" or "a list"; else a fault. */
static bool expect(struct record_types *t, const char *place, const struct json *node,
                   enum json_type type)
{
    if (node->type != type) {
        fault(t, "%s: expected %s, found %s", place, type == JSON_OBJECT ? "an object" : "a list",
              found(node));
    }
    return node->type == type;
}

/* Every key of the object must be among these; "comment" always is. */
static void check_keys(struct record_types *t, const char *place, const struct json *object,
                       const char *const *keys)
{
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        bool known = slice_is(m->key, "comment");
        for (uint32_t i = 0; !known && keys[i] != NULL; i++) {
            known = slice_is(m->key, keys[i]);
        }
        if (!known) {
            fault(t, "%s: unknown key \"%.*s\"", place, (int)m->key.len, m->key.at);
        }
    }
}

/* A string of 1..max bytes; else a fault and the slice that is no value. */
static struct slice read_name(struct record_types *t, const char *place, const struct json *node,
                              size_t max)
{
    if (node == NULL || node->type != JSON_STRING || node->text.len == 0 || node->text.len > max ||
        memchr(node->text.at, '\0', node->text.len) != NULL) {
        fault(t, "%s: expected a string of 1..%zu bytes, found %s", place, max, found(node));
        return (struct slice){NULL, 0};
    }
    return node->text;
}

/* Whole seconds, `least` or more, into *seconds; false when there are none, or after a fault. */
static bool read_seconds(struct record_types *t, const char *place, const struct json *node,
                         int64_t least, int64_t *seconds)
{
    if (node == NULL) {
        return false;
    }
    int64_t n = 0;
    bool good = node->type == JSON_NUMBER && node->text.len <= 8;
    for (size_t i = 0; good && i < node->text.len; i++) {
        good = node->text.at[i] >= '0' && node->text.at[i] <= '9';
        n = n * 10 + (node->text.at[i] - '0');
    }
    if (!good || n < least || n > SECONDS_MOST) {
        fault(t, "%s: expected whole seconds %" PRId64 "..%d, found %.*s", place, least,
              SECONDS_MOST, (int)(node->type == JSON_NUMBER ? node->text.len : strlen(found(node))),
              node->type == JSON_NUMBER ? node->text.at : found(node));
        return false;
    }
    *seconds = n;
    return true;
}

/* Where something stands, for messages; "?" when memory is out. */
#define PLACE(t, ...) place_or((arena_printf((t)->arena, __VA_ARGS__)))

static const char *place_or(const char *text)
{
    return text == NULL ? "?" : text;
}

static void *take(struct record_types *t, size_t count, size_t size)
{
    void *p = arena_calloc(t->arena, count > 0 ? count : 1, size);
    if (p == NULL) {
        fault(t, "out of memory");
    }
    return p;
}

/* What there was with `count` more elements in it, put in at an index; NULL when memory is out. */
static void *join(struct record_types *t, const void *were, uint32_t were_count, uint32_t at,
                  const void *more, uint32_t count, size_t size)
{
    char *all = take(t, (size_t)were_count + count, size);
    if (all != NULL && were_count > 0) {
        memcpy(all, were, at * size);
        memcpy(all + (at + count) * size, (const char *)were + at * size, (were_count - at) * size);
    }
    if (all != NULL && count > 0) {
        memcpy(all + at * size, more, count * size);
    }
    return all;
}

static void note_first(struct name_patterns *names, struct slice pattern)
{
    unsigned char first = pattern.len == 0 ? '*' : (unsigned char)*pattern.at;
    if (first == '*' || first == '?' || first == '\\') {
        memset(names->firsts, 0xff, sizeof names->firsts);
    } else {
        names->firsts[first >> 6] |= UINT64_C(1) << (first & 63);
    }
}

/* A list of patterns; `what` they are of. */
static void read_patterns(struct record_types *t, const char *place, const struct json *node,
                          const char *what, struct name_patterns *names)
{
    if (node == NULL || node->type != JSON_ARRAY || node->count == 0) {
        fault(t, "%s: expected a list of %s patterns, found %s", place, what, found(node));
        return;
    }
    names->patterns = take(t, node->count, sizeof *names->patterns);
    if (names->patterns == NULL) {
        return;
    }
    uint32_t i = 0;
    for (const struct json *c = node->first; c != NULL; c = c->next, i++) {
        const char *at = PLACE(t, "%s[%" PRIu32 "]", place, i);
        struct slice text = read_name(t, at, c, LIMIT_NAME_BYTES);
        if (text.at == NULL) {
            continue;
        }
        note_first(names, text);
        if (pattern_compile(text, false, &names->patterns[names->count++]) == -1) {
            fault(t, "%s: expected a pattern in UTF-8", at);
        }
    }
}

static void read_parameters(struct record_types *t, const char *place, const struct json *node,
                            struct mapping *m)
{
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    m->parameters = take(t, node->count, sizeof *m->parameters);
    for (const struct json *p = node->first; p != NULL && m->parameters != NULL; p = p->next) {
        const char *at = PLACE(t, "%s.%.*s", place, (int)p->key.len, p->key.at);
        struct parameter_rule *rule = &m->parameters[m->parameter_count++];
        if (p->key.len == 0 || pattern_compile(p->key, false, &rule->name) == -1) {
            fault(t, "%s: expected a parameter's name, or a pattern in UTF-8", at);
        }
        read_patterns(t, at, p, "value", &rule->values);
    }
}

/* What it gives: a content or the parameter it stands in, or none. */
static void read_content(struct record_types *t, const char *place, const struct json *node,
                         struct mapping *m)
{
    const struct json *content = json_get(node, "content");
    const struct json *from = json_get(node, "content_from");
    if (content != NULL && from != NULL) {
        fault(t, "%s: expected either content or content_from, found both", place);
    } else if (content != NULL) {
        m->content = read_name(t, PLACE(t, "%s.content", place), content, LIMIT_DIMENSION_BYTES);
    } else if (from != NULL) {
        struct slice name = arena_copy(
            t->arena, read_name(t, PLACE(t, "%s.content_from", place), from, LIMIT_NAME_BYTES));
        m->content_from = name.at;
        m->content = slice_of("");
    }
}

static void read_mapping(struct record_types *t, const char *place, const struct json *node,
                         struct mapping *m)
{
    static const char *const keys[] = {"labels",  "columns",      "parameters", "type",
                                       "content", "content_from", NULL};
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    check_keys(t, place, node, keys);
    const struct json *labels = json_get(node, "labels"), *columns = json_get(node, "columns");
    const struct json *parameters = json_get(node, "parameters");
    if (labels == NULL && columns == NULL && parameters == NULL) {
        fault(t, "%s: expected labels, columns or parameters, found none", place);
    }
    if (labels != NULL) {
        read_patterns(t, PLACE(t, "%s.labels", place), labels, "label", &m->labels);
    }
    if (columns != NULL) {
        read_patterns(t, PLACE(t, "%s.columns", place), columns, "column", &m->columns);
    }
    if (parameters != NULL) {
        read_parameters(t, PLACE(t, "%s.parameters", place), parameters, m);
    }
    m->type =
        read_name(t, PLACE(t, "%s.type", place), json_get(node, "type"), LIMIT_DIMENSION_BYTES);
    read_content(t, place, node, m);
}

/* Those of an own file go before what is delivered, behind those of the own files before it. */
static void read_mappings(struct record_types *t, const struct json *node)
{
    if (node == NULL || !expect(t, "mappings", node, JSON_ARRAY)) {
        return;
    }
    struct mapping *more = take(t, node->count, sizeof *more);
    uint32_t count = 0, at = t->own_mapping_count;
    for (const struct json *m = node->first; m != NULL && more != NULL; m = m->next, count++) {
        const char *place = PLACE(t, "mappings[%" PRIu32 "]", count);
        more[count].place = t->own ? PLACE(t, "%s: %s", t->file, place) : place;
        read_mapping(t, place, m, &more[count]);
    }
    struct mapping *all = join(t, t->mappings, t->mapping_count, at, more, count, sizeof *all);
    if (all != NULL) {
        t->mappings = all;
        t->mapping_count += count;
        t->own_mapping_count += t->own ? count : 0;
    }
}

static void read_alias_list(struct record_types *t, const char *place, const struct json *node,
                            struct alias_list *list)
{
    list->metric = node->key;
    if (node->key.len == 0 || node->key.len > LIMIT_NAME_BYTES) {
        fault(t, "%s: expected a metric's name of 1..%d bytes", place, LIMIT_NAME_BYTES);
    }
    if (node->type != JSON_ARRAY || node->count == 0) {
        fault(t, "%s: expected a list of names, found %s", place, found(node));
        return;
    }
    list->names = take(t, node->count, sizeof *list->names);
    for (const struct json *n = node->first; n != NULL && list->names != NULL; n = n->next) {
        const char *at = PLACE(t, "%s[%" PRIu32 "]", place, list->name_count);
        struct slice name = read_name(t, at, n, LIMIT_NAME_BYTES);
        if (name.at != NULL && slice_equal(name, list->metric)) {
            fault(t, "%s: a metric is not its own alias", at);
        }
        list->names[list->name_count++] = name;
    }
}

/* A list of names into *names; empty when it is none, after a fault. */
static void read_names(struct record_types *t, const char *place, const struct json *node,
                       struct slice **names, uint32_t *count)
{
    if (node == NULL || node->type != JSON_ARRAY || node->count > LIMIT_COLUMNS) {
        fault(t, "%s: expected a list of at most %d names, found %s", place, LIMIT_COLUMNS,
              found(node));
        return;
    }
    *names = take(t, node->count, sizeof **names);
    for (const struct json *n = node->first; n != NULL && *names != NULL; n = n->next) {
        const char *at = PLACE(t, "%s[%" PRIu32 "]", place, *count);
        (*names)[(*count)++] = read_name(t, at, n, LIMIT_NAME_BYTES);
    }
}

static void read_collects(struct record_types *t, const char *place, const struct json *node,
                          struct type_entry *entry)
{
    static const char *const keys[] = {"parameters", "results", NULL};
    if (node == NULL || !expect(t, place, node, JSON_ARRAY)) {
        return;
    }
    entry->collects = take(t, node->count, sizeof *entry->collects);
    for (const struct json *n = node->first; n != NULL && entry->collects != NULL; n = n->next) {
        struct record_types_collect *c = &entry->collects[entry->collect_count];
        const char *at = PLACE(t, "%s[%" PRIu32 "]", place, entry->collect_count++);
        c->place = PLACE(t, "%s: %s", t->file, at);
        if (!expect(t, at, n, JSON_OBJECT)) {
            continue;
        }
        check_keys(t, at, n, keys);
        read_names(t, PLACE(t, "%s.parameters", at), json_get(n, "parameters"), &c->parameters,
                   &c->parameter_count);
        read_names(t, PLACE(t, "%s.results", at), json_get(n, "results"), &c->results,
                   &c->result_count);
    }
}

/* A bound or a sentinel: a JSON number or a string that is one. */
static bool read_number(struct record_types *t, const char *place, const struct json *node,
                        struct number *number)
{
    bool is = (node->type == JSON_NUMBER || node->type == JSON_STRING) &&
              number_parse(node->text, number) == 0;
    if (!is) {
        fault(t, "%s: expected a number, found %s", place, found(node));
    }
    return is;
}

static void read_range(struct record_types *t, const char *place, const struct json *node,
                       struct record_types_range *range)
{
    static const char *const keys[] = {"metrics", "min", "max", "never", NULL};
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    check_keys(t, place, node, keys);
    range->said = node;
    read_patterns(t, PLACE(t, "%s.metrics", place), json_get(node, "metrics"), "metric",
                  &range->metrics);
    const struct json *least = json_get(node, "min"), *most = json_get(node, "max");
    const struct json *never = json_get(node, "never");
    range->has_least =
        least != NULL && read_number(t, PLACE(t, "%s.min", place), least, &range->least);
    range->has_most = most != NULL && read_number(t, PLACE(t, "%s.max", place), most, &range->most);
    if (range->has_least && range->has_most && number_compare(&range->least, &range->most) > 0) {
        fault(t, "%s: expected min not above max", place);
    }
    if (never == NULL || !expect(t, PLACE(t, "%s.never", place), never, JSON_ARRAY)) {
        return;
    }
    range->never = take(t, never->count, sizeof *range->never);
    for (const struct json *n = never->first; n != NULL && range->never != NULL; n = n->next) {
        if (read_number(t, PLACE(t, "%s.never[%" PRIu32 "]", place, range->never_count), n,
                        &range->never[range->never_count])) {
            range->never_count++;
        }
    }
}

static void read_ranges(struct record_types *t, const char *place, const struct json *node,
                        struct value_ranges *ranges)
{
    if (node == NULL || !expect(t, place, node, JSON_ARRAY)) {
        return;
    }
    ranges->range = take(t, node->count, sizeof *ranges->range);
    for (const struct json *n = node->first; n != NULL && ranges->range != NULL; n = n->next) {
        const char *at = PLACE(t, "%s[%" PRIu32 "]", place, ranges->count);
        read_range(t, at, n, &ranges->range[ranges->count++]);
    }
}

/* Those for all types: as with mappings, what is said in an own file goes first. */
static void read_common_ranges(struct record_types *t, const struct json *node)
{
    struct value_ranges more = {NULL, 0};
    read_ranges(t, "valid", node, &more);
    struct record_types_range *all = join(t, t->valid.range, t->valid.count, t->own_valid_count,
                                          more.range, more.count, sizeof *all);
    if (all != NULL) {
        t->valid.range = all;
        t->valid.count += more.count;
        t->own_valid_count += t->own ? more.count : 0;
    }
}

/* ---- types ---- */

static void read_aliases(struct record_types *t, const char *place, const struct json *node,
                         struct type_entry *entry)
{
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    entry->aliases = take(t, node->count, sizeof *entry->aliases);
    entry->alias_count = 0;
    entry->said_aliases = node;
    for (const struct json *a = node->first; a != NULL && entry->aliases != NULL; a = a->next) {
        const char *at = PLACE(t, "%s.%.*s", place, (int)a->key.len, a->key.at);
        read_alias_list(t, at, a, &entry->aliases[entry->alias_count++]);
    }
}

/* An interval that is said later than a gap goes before it. */
static void read_times(struct record_types *t, const char *place, const struct json *node,
                       struct type_entry *entry)
{
    int64_t seconds;
    bool interval = read_seconds(t, PLACE(t, "%s.interval_s", place), json_get(node, "interval_s"),
                                 1, &seconds);
    if (interval) {
        entry->interval_us = seconds * 1000000;
    }
    bool gap = read_seconds(t, PLACE(t, "%s.gap_s", place), json_get(node, "gap_s"), 0, &seconds);
    if (gap) {
        entry->gap_us = seconds * 1000000;
    }
    if (gap || interval) {
        entry->has_gap = gap;
        entry->own_gap = t->own;
    }
}

/* What it says of a type goes, key by key, before what files before it say of that. */
static void read_type(struct record_types *t, const struct json *node, struct type_entry *entry)
{
    static const char *const keys[] = {"interval_s", "gap_s", "aliases", "valid", "collect", NULL};
    const char *place = PLACE(t, "types.%.*s", (int)node->key.len, node->key.at);
    entry->name = node->key;
    if (node->key.len == 0 || node->key.len > LIMIT_DIMENSION_BYTES ||
        memchr(node->key.at, '\0', node->key.len) != NULL) {
        fault(t, "%s: expected a record type of 1..%d bytes", place, LIMIT_DIMENSION_BYTES);
    }
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    check_keys(t, place, node, keys);
    read_times(t, place, node, entry);
    const struct json *valid = json_get(node, "valid"), *collect = json_get(node, "collect");
    const struct json *aliases = json_get(node, "aliases");
    if (valid != NULL) {
        entry->valid = (struct value_ranges){NULL, 0};
        entry->said_valid = valid;
        read_ranges(t, PLACE(t, "%s.valid", place), valid, &entry->valid);
    }
    if (collect != NULL) {
        entry->collects = NULL;
        entry->collect_count = 0;
        read_collects(t, PLACE(t, "%s.collect", place), collect, entry);
    }
    if (aliases != NULL) {
        read_aliases(t, PLACE(t, "%s.aliases", place), aliases, entry);
    }
}

/* The type of that name, one more when there is none; there is room. */
static struct type_entry *entry_of(struct record_types *t, struct slice name)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        if (slice_equal(t->types[i].name, name)) {
            return &t->types[i];
        }
    }
    return &t->types[t->type_count++];
}

static void read_types(struct record_types *t, const struct json *node)
{
    if (node == NULL || !expect(t, "types", node, JSON_OBJECT) || t->type_count > TYPES_MOST) {
        return;
    }
    struct type_entry *all = take(t, (size_t)t->type_count + node->count, sizeof *all);
    if (all == NULL) {
        return;
    }
    if (t->type_count > 0) {
        memcpy(all, t->types, t->type_count * sizeof *all);
    }
    t->types = all;
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        read_type(t, m, entry_of(t, m->key));
    }
    if (t->type_count > TYPES_MOST) {
        fault(t, "types: expected at most %d types in all files together, found %" PRIu32,
              TYPES_MOST, t->type_count);
    }
}

/* Once all that is said is known. */
static void settle_gaps(struct record_types *t)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        struct type_entry *e = &t->types[i];
        if (!e->has_gap && e->interval_us > 0) {
            e->gap_us = e->interval_us * 5 / 2;
        } else if (!e->has_gap) {
            e->gap_us = t->gap_us;
            e->own_gap = t->own_gap;
        }
    }
}

/* ---- what enters grading ---- */

static void put_last(struct json *parent, const struct json ***end, struct json *child)
{
    if (child != NULL) {
        **end = child;
        *end = &child->next;
        parent->count++;
    }
}

/* The node without comments, as a member of that name; NULL when memory is out. */
static struct json *plain(struct record_types *t, struct slice key, const struct json *node)
{
    struct json *copy = take(t, 1, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *node;
    copy->key = key;
    copy->next = NULL;
    const struct json **end = &copy->first;
    copy->count = 0;
    copy->first = NULL;
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        if (node->type == JSON_OBJECT && slice_is(m->key, "comment")) {
            continue;
        }
        put_last(copy, &end, plain(t, m->key, m));
    }
    return copy;
}

static struct json *kept_type(struct record_types *t, const struct type_entry *e)
{
    struct json *type = take(t, 1, sizeof *type);
    if (type == NULL) {
        return NULL;
    }
    *type = (struct json){.type = JSON_OBJECT, .key = e->name};
    const struct json **end = &type->first;
    if (e->said_aliases != NULL && e->said_aliases->count > 0) {
        put_last(type, &end, plain(t, slice_of("aliases"), e->said_aliases));
    }
    if (e->said_valid != NULL && e->said_valid->count > 0) {
        put_last(type, &end, plain(t, slice_of("valid"), e->said_valid));
    }
    return type;
}

static void keep_grading(struct record_types *t)
{
    struct json all = {.type = JSON_OBJECT},
                types = {.type = JSON_OBJECT, .key = slice_of("types")};
    struct json valid = {.type = JSON_ARRAY, .key = slice_of("valid")};
    const struct json **end = &types.first;
    for (uint32_t i = 0; i < t->type_count; i++) {
        struct json *type = kept_type(t, &t->types[i]);
        if (type != NULL && type->count > 0) {
            put_last(&types, &end, type);
        }
    }
    end = &valid.first;
    for (uint32_t i = 0; i < t->valid.count; i++) {
        put_last(&valid, &end, plain(t, (struct slice){NULL, 0}, t->valid.range[i].said));
    }
    end = &all.first;
    if (types.count > 0) {
        put_last(&all, &end, &types);
    }
    if (valid.count > 0) {
        put_last(&all, &end, &valid);
    }
    t->grading = all.count == 0 ? slice_of("") : json_text(t->arena, &all);
    if (t->grading.at == NULL) {
        fault(t, "out of memory");
    }
}

/* ---- files ---- */

static void read_source(struct record_types *t, const struct record_types_source *source, bool own)
{
    static const char *const keys[] = {"gap_s", "mappings", "valid", "types", NULL};
    char error[256];
    int64_t seconds;
    t->file = source->name;
    t->own = own;
    const struct json *root =
        json_parse(t->arena, source->bytes, &file_limits, error, sizeof error);
    if (root == NULL) {
        fault(t, "%s", error);
        return;
    }
    if (root->type != JSON_OBJECT) {
        fault(t, "expected an object, found %s", found(root));
        return;
    }
    check_keys(t, "the file", root, keys);
    if (read_seconds(t, "gap_s", json_get(root, "gap_s"), 0, &seconds)) {
        t->gap_us = seconds * 1000000;
        t->own_gap = own;
    }
    read_mappings(t, json_get(root, "mappings"));
    read_common_ranges(t, json_get(root, "valid"));
    read_types(t, json_get(root, "types"));
}

struct record_types *record_types_read_sources(const struct record_types_source *sources,
                                               uint32_t count)
{
    struct record_types *t = calloc(1, sizeof *t);
    struct arena *arena = arena_new(MEMORY_BYTES);
    if (t == NULL || arena == NULL) {
        told_fault("%s: out of memory", sources[0].name);
        free(t);
        arena_free(&arena);
        return NULL;
    }
    t->arena = arena;
    t->gap_us = INT64_C(1000000) * GAP_DEFAULT_S;
    for (uint32_t i = 0; i < count; i++) {
        read_source(t, &sources[i], i > 0);
    }
    if (t->faults == 0) {
        settle_gaps(t);
        keep_grading(t);
    }
    if (t->faults > FAULTS_SHOWN) {
        told_fault("%s: and %" PRIu32 " more", t->file, t->faults - FAULTS_SHOWN);
    }
    t->file = NULL; /* the caller's; not needed any more */
    if (t->faults > 0) {
        record_types_free(&t);
    }
    return t;
}

struct record_types *record_types_read_bytes(const char *name, struct slice bytes)
{
    const struct record_types_source one = {name, bytes};
    return record_types_read_sources(&one, 1);
}

void record_types_free(struct record_types **t)
{
    if (*t != NULL) {
        arena_free(&(*t)->arena);
        free(*t);
        *t = NULL;
    }
}
