/* The table of capabilities, and finding the one that a specification means. Pure. */
#include "mplane-gw/capabilities.h"

#include <stdio.h>
#include <stdlib.h>

#define CAPABILITIES_BYTES (256 * 1024)

/* The six dimensions of a record. */
#define DIMENSIONS                                                                                 \
    "record.type", "record.content", "record.probe", "record.source", "record.dest", "record.path"

struct row {
    enum capability_kind kind;
    const char *label;
    const char *verb;
    const char *parameters[16];
    const char *columns[16];
};

static const struct row rows[] = {
    {CAPABILITY_COUNT,
     "QueryByCriteria",
     "query",
     {DIMENSIONS, "select.grade", "range.grade"},
     {"grade.name", "records.matched", "records.graded"}},
    {CAPABILITY_HISTOGRAM,
     "QueryHistogram",
     "query",
     {DIMENSIONS, "select.grade"},
     {"grade.name", "grade.value", "grade.severity", "records.count"}},
    {CAPABILITY_PERIODS,
     "QueryPeriods",
     "query",
     {DIMENSIONS, "select.grade", "range.grade", "list.limit", "list.after"},
     {DIMENSIONS, "grade.name", "grade.value", "period.start", "period.end", "period.ended",
      "records.count", "list.cursor"}},
    {CAPABILITY_EVENTS,
     "QueryEvents",
     "query",
     {DIMENSIONS, "select.grade", "range.grade", "list.limit", "list.after"},
     {"time", DIMENSIONS, "grade.name", "grade.from", "grade.to", "event.retracted",
      "list.cursor"}},
    {CAPABILITY_RECORDS,
     "QueryRecords",
     "query",
     {DIMENSIONS, "select.grade", "range.grade", "list.limit", "list.after"},
     {"time", DIMENSIONS, "grade.name", "grade.value", "grading.version", "results.repo",
      "list.cursor"}},
    {CAPABILITY_ORIGINAL,
     "ezrepo",
     "query",
     {"type.repo", "range.grade", "select.grade"},
     {"results.repo", "overall.grade"}},
    {CAPABILITY_GET_GRADING,
     "GetGrading",
     "query",
     {"grading.version"},
     {"grading.version", "time", "grading.author", "grading.document"}},
    {CAPABILITY_SET_GRADING,
     "SetGrading",
     "store",
     {"grading.document"},
     {"grading.version", "grading.blocks"}},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct capabilities {
    struct arena *arena;
    struct capability capability[ROWS];
};

void capabilities_free(struct capabilities **c)
{
    if (*c != NULL) {
        arena_free(&(*c)->arena);
        free(*c);
        *c = NULL;
    }
}

static uint32_t names_count(const char *const names[16])
{
    uint32_t n = 0;
    while (n < 16 && names[n] != NULL) {
        n++;
    }
    return n;
}

/*
 * Every constraint is "*": what a value must be is said by the exception that refuses it, and "*"
 * as a value has to be taken for any.
 */
static int fill_schema(struct arena *a, const struct row *row, struct mplane_message *m)
{
    m->parameter_count = names_count(row->parameters);
    m->column_count = names_count(row->columns);
    m->parameters = arena_calloc(a, m->parameter_count, sizeof *m->parameters);
    m->columns = arena_calloc(a, m->column_count, sizeof *m->columns);
    if (m->parameters == NULL || m->columns == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        struct mplane_parameter *p = &m->parameters[i];
        p->name = slice_of(row->parameters[i]);
        p->count = 1;
        p->values = arena_calloc(a, 1, sizeof *p->values);
        if (p->values == NULL) {
            return -1;
        }
        p->values[0] = slice_of("*");
    }
    for (uint32_t i = 0; i < m->column_count; i++) {
        m->columns[i] = slice_of(row->columns[i]);
    }
    return 0;
}

/* An element that the registry does not have would break every peer's reading of the message. */
static int check_elements(const struct mplane_message *m, const struct registry *r, char *error,
                          size_t error_size)
{
    for (uint32_t i = 0; i < m->parameter_count + m->column_count; i++) {
        struct slice name =
            i < m->parameter_count ? m->parameters[i].name : m->columns[i - m->parameter_count];
        if (registry_primitive(r, name) == PRIMITIVE_NONE) {
            snprintf(error, error_size, "%.*s: the registries have no element %.*s",
                     (int)m->label.len, m->label.at, (int)name.len, name.at);
            return -1;
        }
    }
    return 0;
}

static int build(struct arena *a, const struct row *row, struct slice registry_url,
                 struct slice link, const struct registry *r, struct capability *c, char *error,
                 size_t error_size)
{
    struct mplane_message *m = &c->message;
    char token[TOKEN_TEXT];
    c->kind = row->kind;
    m->kind = MPLANE_CAPABILITY;
    m->verb = slice_of(row->verb);
    m->label = slice_of(row->label);
    m->registry = registry_url;
    m->has_when = true;
    m->when.start = WHEN_AT_PAST;
    m->when.end = WHEN_AT_FUTURE;
    if (fill_schema(a, row, m) == -1 || token_of_capability(a, m, r, token) == -1) {
        snprintf(error, error_size, "%s: out of memory", row->label);
        return -1;
    }
    m->token = arena_copy(a, slice_of(token));
    m->link = link;
    c->label = m->label;
    c->token = m->token;
    return check_elements(m, r, error, error_size);
}

struct capabilities *capabilities_new(const char *registry_url, const char *link,
                                      const struct registry *r, char *error, size_t error_size)
{
    struct capabilities *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->arena = arena_new(CAPABILITIES_BYTES);
    }
    if (c == NULL || c->arena == NULL) {
        snprintf(error, error_size, "out of memory");
        capabilities_free(&c);
        return NULL;
    }
    struct slice url = arena_copy(c->arena, slice_of(registry_url));
    struct slice kept_link = arena_copy(c->arena, slice_of(link));
    for (size_t i = 0; i < ROWS; i++) {
        if (build(c->arena, &rows[i], url, kept_link, r, &c->capability[i], error, error_size) ==
            -1) {
            capabilities_free(&c);
            return NULL;
        }
    }
    return c;
}

size_t capabilities_count(const struct capabilities *c)
{
    (void)c;
    return ROWS;
}

const struct capability *capabilities_at(const struct capabilities *c, size_t i)
{
    return &c->capability[i];
}

const struct capability *capabilities_by_token(const struct capabilities *c, struct slice token)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (slice_equal(c->capability[i].token, token)) {
            return &c->capability[i];
        }
    }
    return NULL;
}

static bool has_parameter(const struct mplane_message *m, struct slice name)
{
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        if (slice_equal(m->parameters[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool has_column(const struct mplane_message *m, struct slice name)
{
    for (uint32_t i = 0; i < m->column_count; i++) {
        if (slice_equal(m->columns[i], name)) {
            return true;
        }
    }
    return false;
}

/* How a specification's names differ from a capability's. */
struct difference {
    uint32_t count;
    const char *what; /* the first difference */
    struct slice name;
};

static void differ(struct difference *d, const char *what, struct slice name)
{
    if (d->count++ == 0) {
        d->what = what;
        d->name = name;
    }
}

static struct difference compare(const struct mplane_message *s, const struct mplane_message *c)
{
    struct difference d = {0, "", {"", 0}};
    for (uint32_t i = 0; i < c->parameter_count; i++) {
        if (!has_parameter(s, c->parameters[i].name)) {
            differ(&d, "the parameter is missing:", c->parameters[i].name);
        }
    }
    for (uint32_t i = 0; i < s->parameter_count; i++) {
        if (!has_parameter(c, s->parameters[i].name)) {
            differ(&d, "it has no parameter", s->parameters[i].name);
        }
    }
    for (uint32_t i = 0; i < c->column_count; i++) {
        if (!has_column(s, c->columns[i])) {
            differ(&d, "the result column is missing:", c->columns[i]);
        }
    }
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (!has_column(c, s->columns[i])) {
            differ(&d, "it has no result column", s->columns[i]);
        }
    }
    if (d.count == 0 &&
        (s->parameter_count != c->parameter_count || s->column_count != c->column_count)) {
        differ(&d, "a name stands twice in", c->label);
    }
    return d;
}

/* Whether a specification's label is the capability's, alone or with "-SERIAL" as programs add it.
 */
static bool labelled(const struct mplane_message *s, struct slice label)
{
    return s->label.len >= label.len && memcmp(s->label.at, label.at, label.len) == 0 &&
           (s->label.len == label.len || s->label.at[label.len] == '-');
}

const struct capability *capabilities_match(const struct capabilities *c,
                                            const struct mplane_message *specification, char *error,
                                            size_t error_size)
{
    const struct capability *nearest = NULL;
    struct difference least = {UINT32_MAX, "", {"", 0}};
    for (size_t i = 0; i < ROWS; i++) {
        const struct capability *candidate = &c->capability[i];
        struct difference d = compare(specification, &candidate->message);
        if (d.count == 0) {
            return candidate;
        }
        if (labelled(specification, candidate->label)) {
            d.count = 0; /* it says which one it means */
        }
        if (d.count < least.count) {
            least = d;
            nearest = candidate;
        }
    }
    snprintf(error, error_size,
             "unknown capability: none has these parameters and results; nearest is %.*s, but %s "
             "%.*s",
             (int)nearest->label.len, nearest->label.at, least.what,
             (int)(least.name.len < 100 ? least.name.len : 100), least.name.at);
    return NULL;
}
