/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record types, read and checked whole out of the bytes of one file or several. The files
 * themselves: record_types_files.c; what is asked of them then: record_types_find.c.
 */
#include "common/record_types_table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/pattern.h"
#include "common/told.h"
#include "schemas/messages.h"

#define MEMORY_BYTES  (32 << 20)
#define GAP_DEFAULT_S 900
#define SECONDS_MOST  31536000 /* a year */
#define TYPES_MOST    1024     /* of all files together */

static const struct json_limits file_limits = {
    .depth = 16, .nodes = 65536, .string_bytes = 4096, .comments = true};

static void *take(struct record_types *t, size_t count, size_t size)
{
    void *p = arena_calloc(t->arena, count > 0 ? count : 1, size);
    if (p == NULL) {
        document_fault_in(&t->document, "", "out of memory");
    }
    return p;
}

/* A list, which may be missing, and room for what is read of each of its elements; NULL after a
 * fault, or when there is none. */
static void *take_list(struct record_types *t, const struct document_place *at, size_t size)
{
    return at->node != NULL && document_is_list(at, file_limits.nodes)
               ? take(t, at->node->count, size)
               : NULL;
}

/* Whole seconds into *us, which stays when there are none; whether there are. */
static bool read_seconds(const struct document_place *around, const char *key, int64_t least,
                         int64_t *us)
{
    struct document_place at = document_member(around, key);
    int64_t seconds = 0;
    bool there =
        at.node != NULL && document_integer(&at, "whole seconds", least, SECONDS_MOST, &seconds);
    if (there) {
        *us = seconds * 1000000;
    }
    return there;
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

/* At least one. */
static void read_patterns(struct record_types *t, const struct document_place *at,
                          struct name_patterns *names)
{
    if (!document_is_list(at, file_limits.nodes)) {
        return;
    }
    if (at->node->count == 0) {
        document_fault(at, "expected a pattern at least, found none");
        return;
    }
    names->patterns = take(t, at->node->count, sizeof *names->patterns);
    if (names->patterns == NULL) {
        return;
    }
    for (struct document_place c = document_first(at); c.node != NULL; document_next(&c)) {
        struct slice text = document_text(&c, 1, LIMIT_NAME_BYTES);
        if (text.at == NULL) {
            continue;
        }
        note_first(names, text);
        if (pattern_compile(text, false, &names->patterns[names->count++]) == -1) {
            document_expected(&c, "a pattern in UTF-8, \\ in it only before *, ? and \\");
        }
    }
}

static void read_parameters(struct record_types *t, const struct document_place *at,
                            struct mapping *m)
{
    if (!document_is_object(at)) {
        return;
    }
    m->parameters = take(t, at->node->count, sizeof *m->parameters);
    if (m->parameters == NULL) {
        return;
    }
    for (struct document_place p = document_first(at); p.node != NULL; document_next(&p)) {
        struct parameter_rule *rule = &m->parameters[m->parameter_count++];
        if (p.key.len == 0 || pattern_compile(p.key, false, &rule->name) == -1) {
            document_fault(&p, "expected a parameter's name, or a pattern in UTF-8");
        }
        read_patterns(t, &p, &rule->values);
    }
}

/* What it gives: a content or the parameter it stands in, or none. */
static void read_content(struct record_types *t, const struct document_place *at, struct mapping *m)
{
    struct document_place content = document_member(at, "content");
    struct document_place from = document_member(at, "content_from");
    if (content.node != NULL && from.node != NULL) {
        document_fault(at, "expected either content or content_from, found both");
    } else if (content.node != NULL) {
        m->content = document_text(&content, 1, LIMIT_DIMENSION_BYTES);
    } else if (from.node != NULL) {
        struct slice name = document_text(&from, 1, LIMIT_NAME_BYTES);
        m->content_from = name.at == NULL ? NULL : document_copy(&from, t->arena, name).at;
        m->content = slice_of("");
    }
}

static void read_mapping(struct record_types *t, const struct document_place *at, struct mapping *m)
{
    static const char *const keys[] = {"labels",  "columns",      "parameters", "type",
                                       "content", "content_from", "comment",    NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place labels = document_member(at, "labels");
    struct document_place columns = document_member(at, "columns");
    struct document_place parameters = document_member(at, "parameters");
    struct document_place type = document_member(at, "type");
    if (labels.node == NULL && columns.node == NULL && parameters.node == NULL) {
        document_fault(at, "expected labels, columns or parameters, found none");
    }
    if (labels.node != NULL) {
        read_patterns(t, &labels, &m->labels);
    }
    if (columns.node != NULL) {
        read_patterns(t, &columns, &m->columns);
    }
    if (parameters.node != NULL) {
        read_parameters(t, &parameters, m);
    }
    m->type = document_text(&type, 1, LIMIT_DIMENSION_BYTES);
    read_content(t, at, m);
}

const char *record_types_place(struct record_types *t, const struct document_place *at)
{
    const char *whole =
        arena_printf(t->arena, "%s: %s", t->document.name, document_place_text(at, t->arena));
    return whole == NULL ? "?" : whole;
}

/* Those of an own file go before what is delivered, behind those of the own files before it. */
static void read_mappings(struct record_types *t, const struct document_place *list)
{
    struct mapping *more = take_list(t, list, sizeof *more);
    if (more == NULL) {
        return;
    }
    for (struct document_place m = document_first(list); m.node != NULL; document_next(&m)) {
        more[m.index].place =
            t->own ? record_types_place(t, &m) : document_place_text(&m, t->arena);
        read_mapping(t, &m, &more[m.index]);
    }
    uint32_t count = list->node->count;
    struct mapping *all =
        join(t, t->mappings, t->mapping_count, t->own_mapping_count, more, count, sizeof *all);
    if (all != NULL) {
        t->mappings = all;
        t->mapping_count += count;
        t->own_mapping_count += t->own ? count : 0;
    }
}

static void read_alias_list(struct record_types *t, const struct document_place *at,
                            struct alias_list *list)
{
    list->metric = at->key;
    if (at->key.len == 0 || at->key.len > LIMIT_NAME_BYTES) {
        document_fault(at, "expected a metric's name of 1..%d bytes", LIMIT_NAME_BYTES);
    }
    list->names = take_list(t, at, sizeof *list->names);
    if (list->names != NULL && at->node->count == 0) {
        document_fault(at, "expected a name at least, found none");
    }
    for (struct document_place n = document_first(at); n.node != NULL && list->names != NULL;
         document_next(&n)) {
        struct slice name = document_text(&n, 1, LIMIT_NAME_BYTES);
        if (name.at != NULL && slice_equal(name, list->metric)) {
            document_fault(&n, "a metric is not its own alias");
        }
        list->names[list->name_count++] = name;
    }
}

/* A list of names into *names; empty when it is none, after a fault. */
static void read_names(struct record_types *t, const struct document_place *around, const char *key,
                       struct slice **names, uint32_t *count)
{
    struct document_place at = document_member(around, key);
    *names = document_is_list(&at, LIMIT_COLUMNS) ? take(t, at.node->count, sizeof **names) : NULL;
    for (struct document_place n = document_first(&at); n.node != NULL && *names != NULL;
         document_next(&n)) {
        (*names)[(*count)++] = document_text(&n, 1, LIMIT_NAME_BYTES);
    }
}

static void read_collects(struct record_types *t, const struct document_place *at,
                          struct type_entry *entry)
{
    static const char *const keys[] = {"parameters", "results", "comment", NULL};
    entry->collects = take_list(t, at, sizeof *entry->collects);
    entry->collect_count = 0;
    for (struct document_place n = document_first(at); n.node != NULL && entry->collects != NULL;
         document_next(&n)) {
        struct record_types_collect *c = &entry->collects[entry->collect_count++];
        c->place = record_types_place(t, &n);
        if (document_is_object_of(&n, keys)) {
            read_names(t, &n, "parameters", &c->parameters, &c->parameter_count);
            read_names(t, &n, "results", &c->results, &c->result_count);
        }
    }
}

/* A bound, which may be missing; whether there is one. */
static bool read_bound(const struct document_place *range, const char *key, struct number *number)
{
    struct document_place at = document_member(range, key);
    return at.node != NULL && document_number(&at, number);
}

static void read_range(struct record_types *t, const struct document_place *at,
                       struct record_types_range *range)
{
    static const char *const keys[] = {"metrics", "min", "max", "never", "comment", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place metrics = document_member(at, "metrics");
    struct document_place never = document_member(at, "never");
    range->said = at->node;
    read_patterns(t, &metrics, &range->metrics);
    range->has_least = read_bound(at, "min", &range->least);
    range->has_most = read_bound(at, "max", &range->most);
    if (range->has_least && range->has_most && number_compare(&range->least, &range->most) > 0) {
        document_fault(at, "expected min not above max");
    }
    range->never = take_list(t, &never, sizeof *range->never);
    for (struct document_place n = document_first(&never); n.node != NULL && range->never != NULL;
         document_next(&n)) {
        range->never_count += document_number(&n, &range->never[range->never_count]);
    }
}

static void read_ranges(struct record_types *t, const struct document_place *at,
                        struct value_ranges *ranges)
{
    *ranges = (struct value_ranges){.range = take_list(t, at, sizeof *ranges->range)};
    for (struct document_place n = document_first(at); n.node != NULL && ranges->range != NULL;
         document_next(&n)) {
        read_range(t, &n, &ranges->range[ranges->count++]);
    }
}

/* Those for all types: as with mappings, what is said in an own file goes first. */
static void read_common_ranges(struct record_types *t, const struct document_place *at)
{
    struct value_ranges more;
    read_ranges(t, at, &more);
    struct record_types_range *all = join(t, t->valid.range, t->valid.count, t->own_valid_count,
                                          more.range, more.count, sizeof *all);
    if (all != NULL) {
        t->valid.range = all;
        t->valid.count += more.count;
        t->own_valid_count += t->own ? more.count : 0;
    }
}

/* ---- types ---- */

static void read_aliases(struct record_types *t, const struct document_place *at,
                         struct type_entry *entry)
{
    if (!document_is_object(at)) {
        return;
    }
    entry->aliases = take(t, at->node->count, sizeof *entry->aliases);
    entry->alias_count = 0;
    entry->said_aliases = at->node;
    for (struct document_place a = document_first(at); a.node != NULL && entry->aliases != NULL;
         document_next(&a)) {
        read_alias_list(t, &a, &entry->aliases[entry->alias_count++]);
    }
}

/* An interval that is said later than a gap goes before it. */
static void read_times(struct record_types *t, const struct document_place *at,
                       struct type_entry *entry)
{
    bool interval = read_seconds(at, "interval_s", 1, &entry->interval_us);
    bool gap = read_seconds(at, "gap_s", 0, &entry->gap_us);
    if (gap || interval) {
        entry->has_gap = gap;
        entry->own_gap = t->own;
    }
}

/* What it says of a type goes, key by key, before what files before it say of that. */
static void read_type(struct record_types *t, const struct document_place *at,
                      struct type_entry *entry)
{
    static const char *const keys[] = {"interval_s", "gap_s",   "aliases", "valid",   "collect",
                                       "elements",   "grading", "source",  "comment", NULL};
    entry->name = at->key;
    if (at->key.len == 0 || at->key.len > LIMIT_DIMENSION_BYTES ||
        memchr(at->key.at, '\0', at->key.len) != NULL) {
        document_fault(at, "expected a record type of 1..%d bytes", LIMIT_DIMENSION_BYTES);
    }
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place valid = document_member(at, "valid");
    struct document_place collect = document_member(at, "collect");
    struct document_place aliases = document_member(at, "aliases");
    read_times(t, at, entry);
    if (valid.node != NULL) {
        entry->said_valid = valid.node;
        read_ranges(t, &valid, &entry->valid);
    }
    if (collect.node != NULL) {
        read_collects(t, &collect, entry);
    }
    if (aliases.node != NULL) {
        read_aliases(t, &aliases, entry);
    }
    record_types_read_start(t, at, entry);
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

static void read_types(struct record_types *t, const struct document_place *at)
{
    if (at->node == NULL || !document_is_object(at) || t->type_count > TYPES_MOST) {
        return;
    }
    struct type_entry *all = take(t, (size_t)t->type_count + at->node->count, sizeof *all);
    if (all == NULL) {
        return;
    }
    if (t->type_count > 0) {
        memcpy(all, t->types, t->type_count * sizeof *all);
    }
    t->types = all;
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        read_type(t, &m, entry_of(t, m.key));
    }
    if (t->type_count > TYPES_MOST) {
        document_fault(at, "expected at most %d types in all files together, found %" PRIu32,
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
        document_fault_in(&t->document, "", "out of memory");
    }
}

/* ---- files ---- */

/* Of a mapping only what it says of record types. */
static struct json_limits limits_of(const struct record_types_source *source)
{
    static const struct json_reach whole = {.whole = true};
    static const struct json_reach_member types = {SLICE("types"), &whole, NULL};
    static const struct json_reach of_mapping = {.members[5] = &types};
    struct json_limits limits = file_limits;
    limits.reach = source->mapping ? &of_mapping : NULL;
    return limits;
}

static void read_source(struct record_types *t, const struct record_types_source *source)
{
    static const char *const keys[] = {"gap_s", "mappings", "valid", "types", "comment", NULL};
    static const char *const kept[] = {"valid", "types", "zones", NULL};
    t->document.name = source->name;
    const struct json_limits limits = limits_of(source);
    t->own = source->own;
    struct document_place whole = document_parse(&t->document, t->arena, source->bytes, &limits);
    if (whole.node == NULL ||
        !(source->mapping ? document_is_object(&whole)
                          : document_is_object_of(&whole, source->kept ? kept : keys))) {
        return;
    }
    struct document_place types = document_member(&whole, "types");
    if (source->mapping) {
        read_types(t, &types);
        return;
    }
    struct document_place mappings = document_member(&whole, "mappings");
    struct document_place valid = document_member(&whole, "valid");
    if (read_seconds(&whole, "gap_s", 0, &t->gap_us)) {
        t->own_gap = source->own;
    }
    read_mappings(t, &mappings);
    read_common_ranges(t, &valid);
    read_types(t, &types);
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
        read_source(t, &sources[i]);
    }
    record_types_check_elements(t);
    if (t->document.faults == 0) {
        settle_gaps(t);
        keep_grading(t);
    }
    bool good = document_end(&t->document) == 0;
    t->document.name = NULL; /* the caller's; not needed any more */
    if (!good) {
        record_types_free(&t);
    }
    return t;
}

struct record_types *record_types_read_bytes(const char *name, struct slice bytes)
{
    const struct record_types_source one = {.name = name, .bytes = bytes};
    return record_types_read_sources(&one, 1);
}

struct record_types *record_types_read_kept(struct slice bytes)
{
    const struct record_types_source one = {.name = "grading.types", .bytes = bytes, .kept = true};
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
