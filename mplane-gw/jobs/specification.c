/* SPDX-License-Identifier: Apache-2.0 */
/* From a specification's parameters and scope to a question. Pure: no clock, no sockets. */
#include "mplane-gw/jobs/specification.h"

#include <stdio.h>

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

/* A pattern out of the parameter of this name; without it any. */
static int read_pattern(const struct mplane_message *s, const char *name, bool addresses,
                        struct slice *to, char *error, size_t error_size)
{
    struct slice text = mplane_message_value(s, name);
    struct pattern pattern;
    if (text.at == NULL) {
        text = slice_of("*");
    }
    if (text.len > LIMIT_DIMENSION_BYTES) {
        snprintf(error, error_size, "parameters.%s: expected at most %d bytes, found %zu", name,
                 LIMIT_DIMENSION_BYTES, text.len);
        return -1;
    }
    if (pattern_compile(text, addresses, &pattern) == -1) {
        snprintf(error, error_size,
                 "parameters.%s: malformed pattern \"%.*s\"; expected *, %sor a glob, in which \\ "
                 "stands only before *, ? and \\",
                 name, SHOWN(text), addresses ? "an address, a prefix " : "a text ");
        return -1;
    }
    *to = text;
    return 0;
}

static int read_dimensions(const struct mplane_message *s, struct query_message *q, char *error,
                           size_t error_size)
{
#define READ(x, name, Name, addresses, help)                                                       \
    || read_pattern(s, "record." #name, addresses, &q->name, error, error_size) == -1
    return false DIMENSIONS(READ, ) ? -1 : 0;
#undef READ
}

/*
 * The first EZRepo told the types ping and ott apart; the second is OTT today. Any other type, and
 * a pattern, says what it means.
 */
static int read_original(const struct mplane_message *s, struct query_message *q, char *error,
                         size_t error_size)
{
    if (read_pattern(s, "type.repo", false, &q->type, error, error_size) == -1) {
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

/* Without a range: all grades, and of records also those that have none. */
static int read_grades(const struct mplane_message *s, enum capability_kind kind,
                       struct query_message *q, char *error, size_t error_size)
{
    struct slice range = value_of(s, "range.grade");
    q->grade_name = value_of(s, "select.grade");
    if (q->grade_name.at == NULL) {
        q->grade_name = slice_of("all");
    }
    if (q->grade_name.len == 0 || q->grade_name.len > LIMIT_NAME_BYTES) {
        snprintf(error, error_size,
                 "parameters.select.grade: expected \"all\" or the name of a grade of at most %d "
                 "bytes",
                 LIMIT_NAME_BYTES);
        return -1;
    }
    if (grade_range_parse(range, &q->grade_low, &q->grade_high) == -1) {
        snprintf(error, error_size,
                 "parameters.range.grade: expected a range within 0 ... 5, such as \"3 ... 5\" or "
                 "\"3\", found \"%.*s\"",
                 SHOWN(range));
        return -1;
    }
    if (range.at == NULL && kind == CAPABILITY_RECORDS) {
        q->grade_low = 0;
    }
    return 0;
}

/* 0 in a spelling that no program takes for nothing and drops. */
#define ALSO_ZERO ((uint64_t)UINT32_MAX + 1)

/* A natural up to max; absent, null or ALSO_ZERO is 0. */
static int read_natural(const struct mplane_message *s, const char *name, uint64_t max,
                        uint64_t *value, char *error, size_t error_size)
{
    struct slice text = mplane_message_value(s, name);
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *value > UINT32_MAX) {
            *value = UINT64_MAX;
            break;
        }
        *value = *value * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (*value == ALSO_ZERO) {
        *value = 0;
    }
    if (*value > max) {
        snprintf(error, error_size, "parameters.%s: expected a number 0 ... %llu, found \"%.*s\"",
                 name, (unsigned long long)max, SHOWN(text));
        return -1;
    }
    return 0;
}

static int read_paging(const struct mplane_message *s, struct query_message *q, char *error,
                       size_t error_size)
{
    if (read_natural(s, "list.limit", LIMIT_ANSWER_ROWS, &q->limit, error, error_size) == -1) {
        return -1;
    }
    struct slice after = value_of(s, "list.after");
    if (after.len > LIMIT_TEXT_BYTES) {
        snprintf(
            error, error_size,
            "parameters.list.after: expected the list.cursor of a row or \"\", found %zu bytes",
            after.len);
        return -1;
    }
    q->after = after.at == NULL ? slice_of("") : after;
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

static int read_publication(const struct mplane_message *s, struct gateway_question *q, char *error,
                            size_t error_size)
{
    q->publish = true;
    q->publication.document = mplane_message_value(s, "grading.document");
    if (q->publication.document.len == 0 || q->publication.document.len > LIMIT_DOCUMENT_BYTES) {
        snprintf(error, error_size,
                 "parameters.grading.document: expected a grading document (JSON text) of 1 to %d "
                 "bytes, found %zu",
                 LIMIT_DOCUMENT_BYTES, q->publication.document.len);
        return -1;
    }
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
    q->after = slice_of("");
}

int question_of(const struct mplane_message *specification, enum capability_kind kind,
                int64_t now_us, struct gateway_question *q, char *error, size_t error_size)
{
    static const uint64_t query_kinds[] = {
        [CAPABILITY_COUNT] = QUERY_COUNT,         [CAPABILITY_HISTOGRAM] = QUERY_HISTOGRAM,
        [CAPABILITY_PERIODS] = QUERY_PERIODS,     [CAPABILITY_EVENTS] = QUERY_EVENTS,
        [CAPABILITY_RECORDS] = QUERY_RECORDS,     [CAPABILITY_ORIGINAL] = QUERY_RECORDS,
        [CAPABILITY_GET_GRADING] = QUERY_GRADING, [CAPABILITY_SET_GRADING] = QUERY_GRADING,
    };
    struct query_message *query = &q->query;
    memset(q, 0, sizeof *q);
    preset(query);
    query->kind = query_kinds[kind];
    if (read_scope(specification, now_us, q, error, error_size) == -1) {
        return -1;
    }
    if (kind == CAPABILITY_SET_GRADING) {
        return read_publication(specification, q, error, error_size);
    }
    if (kind == CAPABILITY_GET_GRADING) {
        return read_natural(specification, "grading.version", UINT32_MAX, &query->grading_version,
                            error, error_size);
    }
    if (read_grades(specification, kind, query, error, error_size) == -1) {
        return -1;
    }
    if (kind == CAPABILITY_ORIGINAL) {
        return read_original(specification, query, error, error_size);
    }
    if (read_dimensions(specification, query, error, error_size) == -1) {
        return -1;
    }
    if (kind == CAPABILITY_COUNT || kind == CAPABILITY_HISTOGRAM) {
        return 0;
    }
    return read_paging(specification, query, error, error_size);
}
