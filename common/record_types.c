/* schemas/record-types.json, read and checked whole. What is asked of it then: record_types_find.c.
 */
#include "common/record_types_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/json.h"
#include "common/pattern.h"
#include "common/told.h"
#include "schemas/messages.h"

#define FILE_BYTES    (1 << 20)
#define MEMORY_BYTES  (16 << 20)
#define GAP_DEFAULT_S 300
#define GAP_MAX_S     31536000 /* a year */
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

static int64_t read_gap_us(struct record_types *t, const char *place, const struct json *node,
                           int64_t preset_us)
{
    if (node == NULL) {
        return preset_us;
    }
    int64_t seconds = 0;
    bool good = node->type == JSON_NUMBER && node->text.len <= 8;
    for (size_t i = 0; good && i < node->text.len; i++) {
        good = node->text.at[i] >= '0' && node->text.at[i] <= '9';
        seconds = seconds * 10 + (node->text.at[i] - '0');
    }
    if (!good || seconds > GAP_MAX_S) {
        fault(t, "%s: expected whole seconds 0..%d, found %.*s", place, GAP_MAX_S,
              (int)(node->type == JSON_NUMBER ? node->text.len : strlen(found(node))),
              node->type == JSON_NUMBER ? node->text.at : found(node));
        return preset_us;
    }
    return seconds * 1000000;
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

/* A list of patterns; `what` they are of. */
static void read_patterns(struct record_types *t, const char *place, const struct json *node,
                          const char *what, struct names *names)
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
        if (text.at != NULL &&
            pattern_compile(text, false, &names->patterns[names->count++]) == -1) {
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

static void read_mappings(struct record_types *t, const struct json *node)
{
    if (node == NULL || !expect(t, "mappings", node, JSON_ARRAY)) {
        return;
    }
    t->mappings = take(t, node->count, sizeof *t->mappings);
    for (const struct json *m = node->first; m != NULL && t->mappings != NULL; m = m->next) {
        const char *place = PLACE(t, "mappings[%" PRIu32 "]", t->mapping_count);
        read_mapping(t, place, m, &t->mappings[t->mapping_count++]);
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
                        struct ranges *ranges)
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

/* ---- what enters grading ---- */

/* The node without comments, as a member of that name. */
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
        struct json *child = plain(t, m->key, m);
        if (child == NULL) {
            return NULL;
        }
        *end = child;
        end = &child->next;
        copy->count++;
    }
    return copy;
}

/* Adds those members of `from` that are there; how many. */
static void keep_members(struct record_types *t, const struct json *from, const char *const *names,
                         struct json *to)
{
    const struct json **end = &to->first;
    for (; *names != NULL; names++) {
        const struct json *member = json_get(from, *names);
        struct json *copy =
            member == NULL || member->count == 0 ? NULL : plain(t, slice_of(*names), member);
        if (copy != NULL) {
            *end = copy;
            end = (const struct json **)&copy->next;
            to->count++;
        }
    }
}

static void keep_grading(struct record_types *t, const struct json *root)
{
    static const char *const valid[] = {"valid", NULL};
    static const char *const both[] = {"aliases", "valid", NULL};
    const struct json *types = json_get(root, "types");
    struct json all = {.type = JSON_OBJECT}, kept = {.type = JSON_OBJECT, .key = slice_of("types")};
    const struct json **end = &kept.first;
    for (const struct json *m = types == NULL ? NULL : types->first; m != NULL; m = m->next) {
        struct json *type = take(t, 1, sizeof *type);
        if (type == NULL) {
            return;
        }
        *type = (struct json){.type = JSON_OBJECT, .key = m->key};
        keep_members(t, m, both, type);
        if (type->count > 0) {
            *end = type;
            end = &type->next;
            kept.count++;
        }
    }
    keep_members(t, root, valid, &all);
    if (kept.count > 0) {
        kept.next = all.first;
        all.first = &kept;
        all.count++;
    }
    t->grading = all.count == 0 ? slice_of("") : json_text(t->arena, &all);
    if (t->grading.at == NULL) {
        fault(t, "out of memory");
    }
}

static void read_type(struct record_types *t, const struct json *node, struct type_entry *entry)
{
    static const char *const keys[] = {"gap_s", "aliases", "valid", "collect", NULL};
    const char *place = PLACE(t, "types.%.*s", (int)node->key.len, node->key.at);
    entry->name = node->key;
    entry->gap_us = t->gap_us;
    if (node->key.len == 0 || node->key.len > LIMIT_DIMENSION_BYTES) {
        fault(t, "%s: expected a record type of 1..%d bytes", place, LIMIT_DIMENSION_BYTES);
    }
    if (!expect(t, place, node, JSON_OBJECT)) {
        return;
    }
    check_keys(t, place, node, keys);
    entry->gap_us = read_gap_us(t, PLACE(t, "%s.gap_s", place), json_get(node, "gap_s"), t->gap_us);

    read_ranges(t, PLACE(t, "%s.valid", place), json_get(node, "valid"), &entry->valid);
    read_collects(t, PLACE(t, "%s.collect", place), json_get(node, "collect"), entry);
    const struct json *aliases = json_get(node, "aliases");
    if (aliases == NULL || !expect(t, PLACE(t, "%s.aliases", place), aliases, JSON_OBJECT)) {
        return;
    }
    entry->aliases = take(t, aliases->count, sizeof *entry->aliases);
    for (const struct json *a = aliases->first; a != NULL && entry->aliases != NULL; a = a->next) {
        const char *at = PLACE(t, "%s.aliases.%.*s", place, (int)a->key.len, a->key.at);
        read_alias_list(t, at, a, &entry->aliases[entry->alias_count++]);
    }
}

static void read_types(struct record_types *t, const struct json *node)
{
    if (node == NULL || !expect(t, "types", node, JSON_OBJECT)) {
        return;
    }
    t->types = take(t, node->count, sizeof *t->types);
    for (const struct json *m = node->first; m != NULL && t->types != NULL; m = m->next) {
        read_type(t, m, &t->types[t->type_count++]);
    }
}

struct record_types *record_types_read_bytes(const char *name, struct slice bytes)
{
    static const char *const keys[] = {"gap_s", "mappings", "valid", "types", NULL};
    struct record_types *t = calloc(1, sizeof *t);
    if (t == NULL) {
        told_fault("%s: out of memory", name);
        return NULL;
    }
    t->file = name;
    t->arena = arena_new(MEMORY_BYTES);
    if (t->arena == NULL) {
        fault(t, "out of memory");
        goto end;
    }
    char error[256];
    const struct json *root = json_parse(t->arena, bytes, &file_limits, error, sizeof error);
    if (root == NULL) {
        fault(t, "%s", error);
    } else if (root->type != JSON_OBJECT) {
        fault(t, "expected an object, found %s", found(root));
    } else {
        check_keys(t, "the file", root, keys);
        t->gap_us =
            read_gap_us(t, "gap_s", json_get(root, "gap_s"), INT64_C(1000000) * GAP_DEFAULT_S);
        read_mappings(t, json_get(root, "mappings"));
        read_ranges(t, "valid", json_get(root, "valid"), &t->valid);
        read_types(t, json_get(root, "types"));
        if (t->faults == 0) {
            keep_grading(t, root);
        }
    }
end:
    if (t->faults > FAULTS_SHOWN) {
        told_fault("%s: and %" PRIu32 " more", name, t->faults - FAULTS_SHOWN);
    }
    t->file = NULL; /* the caller's; not needed any more */
    if (t->faults > 0) {
        record_types_free(&t);
    }
    return t;
}

struct record_types *record_types_read(const char *file)
{
    size_t size;
    char *bytes = file_read(file, FILE_BYTES, &size);
    if (bytes == NULL) {
        if (errno == EFBIG) {
            told_fault("%s: more than %d bytes", file, FILE_BYTES);
        } else {
            told_fault("%s: %s", file, strerror(errno));
        }
        return NULL;
    }
    struct record_types *t = record_types_read_bytes(file, (struct slice){bytes, size});
    free(bytes);
    return t;
}

struct record_types *record_types_of(const char *schemas_dir)
{
    char file[4096];
    int n = snprintf(file, sizeof file, "%s/record-types.json", schemas_dir);
    if (n < 0 || (size_t)n >= sizeof file) {
        told_fault("common.schemas_dir: expected a shorter path, found %zu bytes",
                   strlen(schemas_dir));
        return NULL;
    }
    return record_types_read(file);
}

void record_types_free(struct record_types **t)
{
    if (*t != NULL) {
        arena_free(&(*t)->arena);
        free(*t);
        *t = NULL;
    }
}
