/* SPDX-License-Identifier: Apache-2.0 */
/* From a specification's parameters and scope to a question. Pure: no clock, no sockets. */
#include "common/asking/specification.h"

#include <ctype.h>
#include <stdio.h>

#include "common/capability_rows.h"
#include "common/pattern.h"

/* A parameter's text for a message: cut, so that a peer's megabyte does not come back. */
#define SHOWN(s) SLICE_SHOWN(s, 100)

/*
 * A parameter's value, none where it is "*". Supervisors cannot relay that and send "**": any run
 * of asterisks says the same.
 */
static struct slice value_of(const struct mplane_message *s, const char *name)
{
    struct slice text = mplane_message_value(s, name);
    size_t asterisks = 0;
    while (asterisks < text.len && text.at[asterisks] == '*') {
        asterisks++;
    }
    return asterisks > 0 && asterisks == text.len ? (struct slice){NULL, 0} : text;
}

/* What is read: a parameter of a specification, to become a part of the question. */
struct reading {
    const struct mplane_message *s;
    enum capability_kind kind;
    struct gateway_question *q;
    char *error;
    size_t error_size;
};

struct parameter_reader {
    const char *element;
    int (*read)(const struct reading *r, const struct parameter_reader *self);
    size_t offset;  /* of a pattern or a text: where it goes in a query_message */
    bool addresses; /* it may be a prefix */
    size_t most;    /* of a text: bytes */
};

/* Without the parameter any. */
static int read_pattern(const struct reading *r, const struct parameter_reader *self)
{
    struct slice text = mplane_message_value(r->s, self->element);
    struct pattern pattern;
    if (text.at == NULL) {
        text = slice_of("*");
    }
    if (text.len > LIMIT_DIMENSION_BYTES) {
        snprintf(r->error, r->error_size, "parameters.%s: expected at most %d bytes, found %zu",
                 self->element, LIMIT_DIMENSION_BYTES, text.len);
        return -1;
    }
    if (pattern_compile(text, self->addresses, &pattern) == -1) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: malformed pattern \"%.*s\"; expected *, %sor a glob, in which \\ "
                 "stands only before *, ? and \\",
                 self->element, SHOWN(text), self->addresses ? "an address, a prefix " : "a text ");
        return -1;
    }
    *(struct slice *)((char *)&r->q->query + self->offset) = text;
    return 0;
}

/*
 * The first EZRepo told the types ping and ott apart; the second is OTT today. Any other type, and
 * a pattern, says what it means.
 */
static int read_original_type(const struct reading *r, const struct parameter_reader *self)
{
    struct query_message *q = &r->q->query;
    if (read_pattern(r, self) == -1) {
        return -1;
    }
    if (slice_is(q->type, "ott")) {
        q->type = slice_of("OTT");
    }
    q->limit = QUESTION_ORIGINAL_ROWS;
    return 0;
}

/* One digit 0..5 at the cursor. */
static int grade_digit(struct slice *s, uint64_t *grade)
{
    if (s->len == 0 || s->at[0] < '0' || s->at[0] > '5') {
        return -1;
    }
    *grade = (uint64_t)(s->at[0] - '0');
    s->at++;
    s->len--;
    return 0;
}

static void skip_blanks(struct slice *s)
{
    while (s->len > 0 && s->at[0] == ' ') {
        s->at++;
        s->len--;
    }
}

int grade_range_parse(struct slice text, uint64_t *low, uint64_t *high)
{
    *low = 1;
    *high = 5;
    if (text.at == NULL) {
        return 0;
    }
    skip_blanks(&text);
    if (grade_digit(&text, low) == -1) {
        return -1;
    }
    *high = *low;
    skip_blanks(&text);
    if (text.len == 0) {
        return 0;
    }
    size_t dots = slice_starts(text, "...") ? 3 : slice_starts(text, "..") ? 2 : 0;
    if (dots == 0) {
        return -1;
    }
    text.at += dots;
    text.len -= dots;
    skip_blanks(&text);
    if (grade_digit(&text, high) == -1) {
        return -1;
    }
    skip_blanks(&text);
    return text.len == 0 && *low <= *high ? 0 : -1;
}

static int read_grade_name(const struct reading *r, const struct parameter_reader *self)
{
    struct query_message *q = &r->q->query;
    q->grade_name = value_of(r->s, self->element);
    if (q->grade_name.at == NULL) {
        q->grade_name = slice_of("all");
    }
    if (q->grade_name.len == 0 || q->grade_name.len > LIMIT_NAME_BYTES) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected \"all\" or the name of a grade of at most %d bytes",
                 self->element, LIMIT_NAME_BYTES);
        return -1;
    }
    return 0;
}

/* Without a range: all grades, of records and series also those that have none; of a grid and of
 * what is bad now the two worst. */
static int read_grade_range(const struct reading *r, const struct parameter_reader *self)
{
    struct query_message *q = &r->q->query;
    struct slice range = value_of(r->s, self->element);
    if (grade_range_parse(range, &q->grade_low, &q->grade_high) == -1) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected a range within 0 ... 5, such as \"3 ... 5\" or \"3\", "
                 "found \"%.*s\"",
                 self->element, SHOWN(range));
        return -1;
    }
    if (range.at == NULL && (r->kind == CAPABILITY_RECORDS || r->kind == CAPABILITY_SERIES ||
                             r->kind == CAPABILITY_ARRIVALS)) {
        q->grade_low = 0;
    } else if (range.at == NULL && (r->kind == CAPABILITY_GRID || r->kind == CAPABILITY_FACETS ||
                                    r->kind == CAPABILITY_NOW)) {
        q->grade_high = 2;
    }
    return 0;
}

/* 0 in a spelling that no program takes for nothing and drops. */
#define ALSO_ZERO ((uint64_t)UINT32_MAX + 1)

/* A natural up to max; absent, null or, where that is less, ALSO_ZERO is 0. */
static int read_natural(const struct reading *r, const char *name, uint64_t max, uint64_t *value)
{
    struct slice text = mplane_message_value(r->s, name);
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *value > INT64_MAX / 10) {
            *value = UINT64_MAX;
            break;
        }
        *value = *value * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (*value == ALSO_ZERO && max < ALSO_ZERO) {
        *value = 0;
    }
    if (*value > max) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected a number 0 ... %llu, found \"%.*s\"", name,
                 (unsigned long long)max, SHOWN(text));
        return -1;
    }
    return 0;
}

static int read_range_columns(const struct reading *r, const struct parameter_reader *self)
{
    return read_natural(r, self->element, LIMIT_RANGE_COLUMNS, &r->q->query.range_columns);
}

static int read_limit(const struct reading *r, const struct parameter_reader *self)
{
    return read_natural(r, self->element, LIMIT_ANSWER_ROWS, &r->q->query.limit);
}

static int read_wait(const struct reading *r, const struct parameter_reader *self)
{
    return read_natural(r, self->element, LIMIT_WAIT_MS, &r->q->query.wait_ms);
}

static int read_changed(const struct reading *r, const struct parameter_reader *self)
{
    return read_natural(r, self->element, LIMIT_CHANGED_S, &r->q->query.changed_s);
}

static int read_reject(const struct reading *r, const struct parameter_reader *self)
{
    return read_natural(r, self->element, INT64_MAX, &r->q->query.reject);
}

/* Which one is asked for, or has to be in force. */
static int read_grading_version(const struct reading *r, const struct parameter_reader *self)
{
    int rc = read_natural(r, self->element, UINT32_MAX, &r->q->query.grading_version);
    r->q->publication.over = r->q->query.grading_version;
    return rc;
}

static int read_after(const struct reading *r, const struct parameter_reader *self)
{
    struct slice after = value_of(r->s, self->element);
    if (after.len > LIMIT_TEXT_BYTES) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected the list.cursor of a row or \"\", found %zu bytes",
                 self->element, after.len);
        return -1;
    }
    r->q->query.after = after.at == NULL ? slice_of("") : after;
    return 0;
}

/* A text that is compared. An empty one is none, too. */
static int read_text(const struct reading *r, const struct parameter_reader *self)
{
    struct slice text = value_of(r->s, self->element);
    if (text.len > self->most) {
        snprintf(r->error, r->error_size, "parameters.%s: expected at most %zu bytes, found %zu",
                 self->element, self->most, text.len);
        return -1;
    }
    *(struct slice *)((char *)&r->q->query + self->offset) = text.at == NULL ? slice_of("") : text;
    return 0;
}

/* Whether the text is 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(struct slice text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool same = text.len == sizeof form - 1;
    for (size_t i = 0; same && i < text.len; i++) {
        same = form[i] == 'x' ? isxdigit((unsigned char)text.at[i]) != 0 : text.at[i] == form[i];
    }
    return same;
}

static int read_instance(const struct reading *r, const struct parameter_reader *self)
{
    struct slice text = value_of(r->s, self->element);
    if (text.len > 0 && !is_uuid(text)) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected the UUID of an ingestd, found \"%.*s\"", self->element,
                 SHOWN(text));
        return -1;
    }
    r->q->query.instance = text.at == NULL ? slice_of("") : text;
    return 0;
}

/* Without a value false. */
static int read_boolean(const struct reading *r, const char *name, uint64_t *value)
{
    struct slice text = value_of(r->s, name);
    bool yes = slice_is(text, "True") || slice_is(text, "true") || slice_is(text, "1");
    bool no = slice_is(text, "False") || slice_is(text, "false") || slice_is(text, "0");
    if (text.at != NULL && !yes && !no) {
        snprintf(r->error, r->error_size, "parameters.%s: expected True or False, found \"%.*s\"",
                 name, SHOWN(text));
        return -1;
    }
    *value = yes;
    return 0;
}

static int read_recount(const struct reading *r, const struct parameter_reader *self)
{
    return read_boolean(r, self->element, &r->q->query.recount);
}

static int read_each(const struct reading *r, const struct parameter_reader *self)
{
    return read_boolean(r, self->element, &r->q->query.each);
}

static int read_retired(const struct reading *r, const struct parameter_reader *self)
{
    return read_boolean(r, self->element, &r->q->query.retired);
}

static int read_ended(const struct reading *r, const struct parameter_reader *self)
{
    return read_boolean(r, self->element, &r->q->query.ended);
}

static int read_document(const struct reading *r, const struct parameter_reader *self)
{
    struct slice document = mplane_message_value(r->s, self->element);
    r->q->publish = r->kind == CAPABILITY_SET_GRADING;
    r->q->publication.document = document;
    r->q->query.document = document;
    if (document.len == 0 || document.len > LIMIT_DOCUMENT_BYTES) {
        snprintf(r->error, r->error_size,
                 "parameters.%s: expected a grading document (JSON text) of 1 to %d bytes, found "
                 "%zu",
                 self->element, LIMIT_DOCUMENT_BYTES, document.len);
        return -1;
    }
    return 0;
}

/* What else is wrong with it stored says. */
static int read_comment(const struct reading *r, const struct parameter_reader *self)
{
    struct slice text = value_of(r->s, self->element);
    if (text.len > LIMIT_TEXT_BYTES) {
        snprintf(r->error, r->error_size, "parameters.%s: expected at most %d bytes, found %zu",
                 self->element, LIMIT_TEXT_BYTES, text.len);
        return -1;
    }
    r->q->publication.comment = text.at == NULL ? slice_of("") : text;
    return 0;
}

/* All parameters that capabilities have, in the order in which they are read. */
#define FIELD(name) offsetof(struct query_message, name)
#define DIMENSION_READER(x, name, Name, addresses, help)                                           \
    {"record." #name, read_pattern, FIELD(name), addresses, 0},
static const struct parameter_reader readers[] = {
    {"select.grade", read_grade_name, 0, false, 0},
    {"range.grade", read_grade_range, 0, false, 0},
    {"type.repo", read_original_type, FIELD(type), false, 0},
    DIMENSIONS(DIMENSION_READER, ){"list.limit", read_limit, 0, false, 0},
    {"list.after", read_after, 0, false, 0},
    {"grading.version", read_grading_version, 0, false, 0},
    {"ingestd.instance", read_instance, 0, false, 0},
    {"input.sender", read_text, FIELD(sender), false, LIMIT_SENDER_BYTES},
    {"ledger.recount", read_recount, 0, false, 0},
    {"rejected.reason", read_text, FIELD(reason), false, LIMIT_REJECT_REASON},
    {"rejected.number", read_reject, 0, false, 0},
    {"feed.kinds", read_text, FIELD(kinds), false, LIMIT_KINDS_BYTES},
    {"feed.wait", read_wait, 0, false, 0},
    {"range.columns", read_range_columns, 0, false, 0},
    {"grid.rows", read_text, FIELD(grid_rows), false, LIMIT_DIMENSION_NAME},
    {"grid.columns", read_text, FIELD(grid_columns), false, LIMIT_DIMENSION_NAME},
    {"metric.name", read_text, FIELD(metric), false, LIMIT_NAME_BYTES},
    {"facet.dimension", read_text, FIELD(facet), false, LIMIT_DIMENSION_NAME},
    {"now.changed", read_changed, 0, false, 0},
    {"now.each", read_each, 0, false, 0},
    {"facet.begins", read_text, FIELD(begins), false, LIMIT_DIMENSION_BYTES},
    {"silence.retired", read_retired, 0, false, 0},
    {"alert.ended", read_ended, 0, false, 0},
    {"grading.document", read_document, 0, false, 0},
    {"try.sample", read_text, FIELD(sample), false, LIMIT_SAMPLE_BYTES},
    {COLUMN_COMMENT, read_comment, 0, false, 0},
};
#define READERS (sizeof readers / sizeof readers[0])

/* One that nobody reads would be a criterion that is passed over. */
static int read_parameters(const struct reading *r, const struct capability_row *row)
{
    size_t declared = 0, found = 0;
    for (size_t i = 0; i < READERS; i++) {
        if (capability_row_asks(row, readers[i].element)) {
            found++;
            if (readers[i].read(r, &readers[i]) == -1) {
                return -1;
            }
        }
    }
    while (row->parameters[declared] != NULL) {
        declared++;
    }
    if (found != declared) {
        snprintf(r->error, r->error_size, "%s: has parameters that cannot be read", row->label);
        return -1;
    }
    return 0;
}

/* The range that was asked for, with its open ends closed. */
static struct when absolute(int64_t from_us, int64_t to_us, bool instant, int64_t now_us)
{
    struct when w = {.start = WHEN_AT, .end = WHEN_AT};
    w.end_us = to_us == WHEN_FUTURE ? now_us : to_us;
    if (from_us == WHEN_PAST) {
        w.start_us = QUESTION_EARLIEST_US;
    } else {
        w.start_us = from_us == WHEN_FUTURE ? now_us : from_us;
    }
    if (instant) {
        w.end = WHEN_ABSENT;
        w.end_us = 0;
    } else if (from_us == WHEN_PAST && w.end_us < w.start_us) {
        w.start_us = w.end_us;
    } else if (w.end_us < w.start_us) {
        w.end_us = w.start_us;
    }
    return w;
}

static int read_scope(const struct mplane_message *s, int64_t now_us, struct gateway_question *q,
                      char *error, size_t error_size)
{
    bool instant = false;
    if (!s->has_when) {
        snprintf(error, error_size, "when: missing; expected a scope such as \"past ... now\"");
        return -1;
    }
    if (s->when.repeat) {
        snprintf(error, error_size, "when: only queries can be repeated");
        return -1;
    }
    if (s->when.has_period) {
        snprintf(error, error_size,
                 "when: the capability has no period, so a specification of it has none; \"repeat "
                 "now ... future / 1h { now + 1h }\" asks for a result each hour");
        return -1;
    }
    if (when_range(&s->when, now_us, &q->query.from_us, &q->query.to_us, &instant) == -1) {
        snprintf(error, error_size, "when: the range ends before it starts");
        return -1;
    }
    if (instant && (q->query.from_us == WHEN_PAST || q->query.from_us == WHEN_FUTURE)) {
        snprintf(error, error_size, "when: expected a range or a single time");
        return -1;
    }
    q->query.instant = instant;
    q->when = absolute(q->query.from_us, q->query.to_us, instant, now_us);
    return 0;
}

/* Every field of a query has a value, also those that its kind does not look at. */
static void preset(struct query_message *q)
{
#define ANY(x, name, Name, addresses, help) q->name = slice_of("*");
    DIMENSIONS(ANY, )
#undef ANY
    q->grade_name = slice_of("all");
    q->grade_low = 1;
    q->grade_high = 5;
    q->grid_rows = q->grid_columns = q->metric = slice_of("");
    q->after = q->instance = q->sender = q->reason = q->kinds = q->begins = q->facet = slice_of("");
    q->document = q->sample = slice_of("");
}

int question_of(const struct mplane_message *specification, enum capability_kind kind,
                int64_t now_us, struct gateway_question *q, char *error, size_t error_size)
{
    const struct capability_row *row = &capability_rows[kind];
    const struct reading reading = {specification, kind, q, error, error_size};
    memset(q, 0, sizeof *q);
    preset(&q->query);
    q->query.kind = row->query;
    if (read_scope(specification, now_us, q, error, error_size) == -1) {
        return -1;
    }
    return read_parameters(&reading, row);
}
