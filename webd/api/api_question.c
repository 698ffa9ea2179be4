/* SPDX-License-Identifier: Apache-2.0 */
/* From a URL's query, or a body, to a specification as mPlane has it, and by that to a question. */
#include "webd/api/api_question.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>

#include "common/capability_rows.h"
#include "common/json.h"
#include "common/quote.h"

struct url_reading {
    struct arena *a;
    const struct capability_row *row;
    struct mplane_message s; /* what is asked, as a specification */
    struct slice from, to, at;
    bool changes; /* it has no scope */
    char *error;
    size_t error_size;
};

static bool changes(enum capability_kind kind)
{
    return strcmp(capability_rows[kind].verb, "store") == 0;
}

enum capability_kind api_question_kind(struct slice label)
{
    enum capability_kind kind = 0;
    while (kind < CAPABILITY_COLLECT &&
           (!slice_is(label, capability_rows[kind].label) || kind == CAPABILITY_ORIGINAL ||
            kind == CAPABILITY_TRY || changes(kind))) {
        kind++;
    }
    return kind;
}

/* One whose document no URL has room for. */
enum capability_kind api_posted_kind(struct slice label)
{
    bool is_one = slice_is(label, capability_rows[CAPABILITY_TRY].label);
    return is_one ? CAPABILITY_TRY : CAPABILITY_COLLECT;
}

enum capability_kind api_change_kind(struct slice label)
{
    enum capability_kind kind = 0;
    while (kind < CAPABILITY_COLLECT &&
           (!slice_is(label, capability_rows[kind].label) || !changes(kind))) {
        kind++;
    }
    return kind;
}

static struct slice *scope_part(struct url_reading *r, const char *name)
{
    return r->changes                  ? NULL
           : strcmp(name, "from") == 0 ? &r->from
           : strcmp(name, "to") == 0   ? &r->to
           : strcmp(name, "at") == 0   ? &r->at
                                       : NULL;
}

/* "a, b and c". */
static void say_unknown(const struct url_reading *r, const char *name)
{
    size_t used =
        (size_t)snprintf(r->error, r->error_size, "%s: there is no such parameter; expected %s",
                         QUOTED(slice_of(name)), r->changes ? "" : "from, to, at");
    for (const char *const *p = r->row->parameters; *p != NULL && used < r->error_size; p++) {
        bool first = r->changes && p == r->row->parameters;
        used += (size_t)snprintf(r->error + used, r->error_size - used, "%s%s",
                                 first          ? ""
                                 : p[1] == NULL ? " or "
                                                : ", ",
                                 *p);
    }
}

static int take(struct url_reading *r, const char *name, struct slice value)
{
    struct slice *part = scope_part(r, name);
    struct slice text = arena_copy(r->a, value);
    if (text.at == NULL) {
        snprintf(r->error, r->error_size, "out of memory");
        return -1;
    }
    if (part == NULL && !capability_row_asks(r->row, name)) {
        say_unknown(r, name);
        return -1;
    }
    if (part != NULL ? part->at != NULL : mplane_message_parameter(&r->s, slice_of(name)) != NULL) {
        snprintf(r->error, r->error_size, "%s: it is there twice", name);
        return -1;
    }
    if (part != NULL) {
        *part = text;
        return 0;
    }
    struct mplane_parameter *p = &r->s.parameters[r->s.parameter_count];
    *p = (struct mplane_parameter){.name = arena_copy(r->a, slice_of(name)),
                                   .count = 1,
                                   .values = arena_calloc(r->a, 1, sizeof *p->values)};
    if (p->name.at == NULL || p->values == NULL) {
        snprintf(r->error, r->error_size, "out of memory");
        return -1;
    }
    p->values[0] = text;
    r->s.parameter_count++;
    return 0;
}

static int read_point(const struct url_reading *r, const char *name, struct slice text,
                      enum when_point *point, int64_t *us)
{
    *point = slice_is(text, "past")     ? WHEN_AT_PAST
             : slice_is(text, "now")    ? WHEN_AT_NOW
             : slice_is(text, "future") ? WHEN_AT_FUTURE
                                        : WHEN_AT;
    if (*point == WHEN_AT && when_time_parse(text, us) == -1) {
        snprintf(r->error, r->error_size,
                 "%s: expected a time such as 2026-11-30T08:00:00Z, past, now or future, found %s",
                 name, QUOTED(text));
        return -1;
    }
    return 0;
}

static int read_scope(struct url_reading *r)
{
    struct when *w = &r->s.when;
    r->s.has_when = true;
    if (r->at.at != NULL) {
        if (r->from.at != NULL || r->to.at != NULL) {
            snprintf(r->error, r->error_size, "at: expected it alone, or from and to");
            return -1;
        }
        return read_point(r, "at", r->at, &w->start, &w->start_us);
    }
    w->start = WHEN_AT_PAST;
    w->end = WHEN_AT_FUTURE;
    return (r->from.at == NULL || read_point(r, "from", r->from, &w->start, &w->start_us) == 0) &&
                   (r->to.at == NULL || read_point(r, "to", r->to, &w->end, &w->end_us) == 0)
               ? 0
               : -1;
}

static int take_all(struct url_reading *r, const struct evkeyvalq *pairs)
{
    for (const struct evkeyval *p = pairs->tqh_first; p != NULL; p = p->next.tqe_next) {
        if (take(r, p->key, slice_of(p->value)) == -1) {
            return -1;
        }
    }
    return read_scope(r);
}

int api_question_read(struct arena *a, enum capability_kind kind, const char *query, int64_t now_us,
                      struct gateway_question *q, char *error, size_t error_size)
{
    struct evkeyvalq pairs;
    struct url_reading r = {.a = a,
                            .row = &capability_rows[kind],
                            .s = {.kind = MPLANE_SPECIFICATION},
                            .error = error,
                            .error_size = error_size};
    query = query == NULL ? "" : query;
    r.s.parameters = arena_calloc(a, CAPABILITY_NAMES, sizeof *r.s.parameters);
    if (r.s.parameters == NULL) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    /* What is behind a NUL would be passed over. */
    if (strstr(query, "%00") != NULL || evhttp_parse_query_str(query, &pairs) == -1) {
        snprintf(error, error_size,
                 "expected a query NAME=VALUE&NAME=VALUE, percent-encoded, without NUL");
        return -1;
    }
    int rc = take_all(&r, &pairs);
    evhttp_clear_headers(&pairs);
    return rc == -1 ? -1 : question_of(&r.s, kind, now_us, q, error, error_size);
}

/* ---- what a body has ---- */

#define COMMENT "grading.comment"

static bool is_asterisks(struct slice text)
{
    size_t i = 0;
    while (i < text.len && text.at[i] == '*') {
        i++;
    }
    return i > 0 && i == text.len;
}

/* A member as the text that a specification has for it; null is as if it was not there. */
static int take_member(struct url_reading *r, const struct json *member)
{
    char name[LIMIT_NAME_BYTES + 1];
    struct slice text = member->type == JSON_TRUE    ? slice_of("true")
                        : member->type == JSON_FALSE ? slice_of("false")
                                                     : member->text;
    snprintf(name, sizeof name, "%.*s", SLICE_SHOWN(member->key, sizeof name - 1));
    if (member->type == JSON_ARRAY || member->type == JSON_OBJECT) {
        snprintf(r->error, r->error_size,
                 "%s: expected a text, a number, true, false or null, found %s",
                 QUOTED(slice_of(name)), json_type_name(member->type));
        return -1;
    }
    if (strcmp(name, COMMENT) == 0 && is_asterisks(text)) {
        snprintf(r->error, r->error_size,
                 COMMENT ": expected a text; asterisks alone stand for none, as null does");
        return -1;
    }
    return member->type == JSON_NULL && capability_row_asks(r->row, name) ? 0 : take(r, name, text);
}

int api_change_read(struct arena *a, enum capability_kind kind, struct slice body, int64_t now_us,
                    struct gateway_question *q, char *error, size_t error_size)
{
    static const struct json_limits limits = {
        .depth = 4, .nodes = 64, .string_bytes = LIMIT_DOCUMENT_BYTES};
    char why[256];
    struct url_reading r = {.a = a,
                            .row = &capability_rows[kind],
                            .s = {.kind = MPLANE_SPECIFICATION},
                            .changes = changes(kind),
                            .error = error,
                            .error_size = error_size};
    const struct json *tree = json_parse(a, body, &limits, why, sizeof why);
    r.s.parameters = arena_calloc(a, CAPABILITY_NAMES, sizeof *r.s.parameters);
    if (tree == NULL || tree->type != JSON_OBJECT || r.s.parameters == NULL) {
        snprintf(error, error_size, "expected a JSON object of parameters%s%s",
                 tree == NULL ? ": " : "", tree == NULL ? why : "");
        return -1;
    }
    for (const struct json *m = tree->first; m != NULL; m = m->next) {
        if (take_member(&r, m) == -1) {
            return -1;
        }
    }
    return read_scope(&r) == -1 ? -1 : question_of(&r.s, kind, now_us, q, error, error_size);
}
