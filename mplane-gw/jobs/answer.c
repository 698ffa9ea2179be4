/* SPDX-License-Identifier: Apache-2.0 */
/* Results and exceptions out of the answers of queryd and stored. Pure. */
#include "mplane-gw/jobs/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/capability_rows.h"
#include "common/mplane/exception_text.h"
#include "common/mplane/token.h"

#define TEXT_BYTES (64 * 1024)

struct mplane_message answer_exception(struct arena *a, struct slice token, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct slice kept = arena_copy(a, slice_of(text));
    return mplane_exception(token, kept.at == NULL ? slice_of("out of memory") : kept);
}

struct mplane_message answer_receipt(const struct mplane_message *specification, struct slice token,
                                     struct slice label)
{
    struct mplane_message m = mplane_message_answer(MPLANE_RECEIPT, specification);
    m.token = token;
    m.label = label;
    return m;
}

static struct mplane_message result_of(const struct mplane_message *specification,
                                       const struct gateway_question *q, struct slice token,
                                       struct slice label)
{
    struct mplane_message m = mplane_message_answer(MPLANE_RESULT, specification);
    m.token = token;
    m.label = label;
    m.when = q->when;
    m.has_when = true;
    return m;
}

/* What a status that is not OK means, for people. */
static const char *status_text(uint64_t status)
{
    switch (status) {
    case ANSWER_INVALID:
        return MPLANE_AT_FAULT;
    case ANSWER_TIMEOUT:
        return "the question took too long";
    case ANSWER_UNAVAILABLE:
        return "unavailable, ask again later";
    case ANSWER_TOO_LARGE:
        return "the answer is too large, ask for less";
    case ANSWER_CANCELLED:
        return "the question was cancelled";
    default:
        return "failed";
    }
}

static struct mplane_message refusal(struct arena *a, struct slice token, uint64_t status,
                                     struct slice text)
{
    return answer_exception(a, token, "%s%s%.*s", status_text(status), text.len > 0 ? ": " : "",
                            (int)text.len, text.len > 0 ? text.at : "");
}

/* What queryd calls a column. The first EZRepo had a name of its own for the grade of a record. */
static struct slice answer_column(struct slice column)
{
    return slice_is(column, "overall.grade") ? slice_of("grade.value") : column;
}

#define NOWHERE UINT32_MAX /* null: a queryd of before does not tell it */

/* Where each column of the reply stands in the answer; -1 when one is not there. */
static int map_columns(const struct mplane_message *reply, const struct answer_message *answer,
                       uint32_t *from)
{
    for (uint32_t i = 0; i < reply->column_count; i++) {
        struct slice name = answer_column(reply->columns[i]);
        uint32_t j = 0;
        while (j < answer->columns_count && !slice_equal(answer->columns[j], name)) {
            j++;
        }
        if (j == answer->columns_count && !capability_column_was_added(name)) {
            return -1;
        }
        from[i] = j == answer->columns_count ? NOWHERE : j;
    }
    return 0;
}

/* 0; 1 when the answer does not have the columns or is not rectangular; -1 when the arena is full.
 */
static int fill_rows(struct arena *a, const struct answer_message *answer,
                     struct mplane_message *reply)
{
    uint32_t width = answer->columns_count;
    uint32_t *from = arena_calloc(a, reply->column_count, sizeof *from);
    if (from == NULL) {
        return -1;
    }
    if (width == 0 || answer->cells_count % width != 0 || map_columns(reply, answer, from) == -1) {
        return 1;
    }
    reply->row_count = answer->cells_count / width;
    reply->cells =
        arena_calloc(a, (size_t)reply->row_count * reply->column_count + 1, sizeof *reply->cells);
    if (reply->cells == NULL) {
        return -1;
    }
    for (uint32_t row = 0; row < reply->row_count; row++) {
        for (uint32_t i = 0; i < reply->column_count; i++) {
            reply->cells[(size_t)row * reply->column_count + i] =
                from[i] == NOWHERE ? (struct slice){NULL, 0}
                                   : answer->cells[(size_t)row * width + from[i]];
        }
    }
    return 0;
}

static int query_reply(struct arena *a, const struct mplane_message *specification,
                       const struct gateway_question *q, struct slice bytes, struct slice token,
                       struct slice label, struct mplane_message *reply)
{
    struct answer_message answer;
    if (answer_decode_all(bytes, a, &answer) == -1) {
        return -1;
    }
    if (answer.status != ANSWER_OK) {
        *reply = refusal(a, token, answer.status, answer.message);
        return 0;
    }
    *reply = result_of(specification, q, token, label);
    int faulty = fill_rows(a, &answer, reply);
    if (faulty == 1) {
        *reply = answer_exception(a, token, "queryd's answer lacks a column that was asked for");
        return 0;
    }
    return faulty;
}

/* stored's text, then every fault in its own line. */
static struct mplane_message faults(struct arena *a, struct slice token,
                                    const struct published_message *p)
{
    struct mplane_message m = refusal(a, token, p->status, p->message);
    char *text = p->faults_count == 0 ? NULL : arena_alloc(a, TEXT_BYTES);
    if (text == NULL) {
        return m;
    }
    size_t used = (size_t)snprintf(text, TEXT_BYTES, "%.*s", (int)m.text.len, m.text.at);
    for (uint32_t i = 0; i < p->faults_count && used < TEXT_BYTES; i++) {
        int n = snprintf(text + used, TEXT_BYTES - used, "%s%.*s", i == 0 ? ": " : "; ",
                         (int)p->faults[i].len, p->faults[i].at == NULL ? "" : p->faults[i].at);
        used += n > 0 ? (size_t)n : 0;
    }
    m.text = (struct slice){text, used < TEXT_BYTES ? used : TEXT_BYTES - 1};
    return m;
}

static int publish_reply(struct arena *a, const struct mplane_message *specification,
                         const struct gateway_question *q, struct slice bytes, struct slice token,
                         struct slice label, struct mplane_message *reply)
{
    struct published_message p;
    if (published_decode_all(bytes, a, &p) == -1) {
        return -1;
    }
    if (p.status != ANSWER_OK) {
        *reply = faults(a, token, &p);
        return 0;
    }
    *reply = result_of(specification, q, token, label);
    reply->row_count = 1;
    reply->cells = arena_calloc(a, reply->column_count + 1, sizeof *reply->cells);
    const char *version = arena_printf(a, "%llu", (unsigned long long)p.version);
    const char *blocks = arena_printf(a, "%llu", (unsigned long long)p.blocks);
    if (reply->cells == NULL || version == NULL || blocks == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < reply->column_count; i++) {
        bool is_version = slice_is(reply->columns[i], "grading.version");
        reply->cells[i] = slice_of(is_version ? version : blocks);
    }
    return 0;
}

int answer_message_of(struct arena *a, const struct mplane_message *specification,
                      const struct gateway_question *q, struct slice bytes, struct slice token,
                      struct slice label, struct mplane_message *reply)
{
    return q->publish ? publish_reply(a, specification, q, bytes, token, label, reply)
                      : query_reply(a, specification, q, bytes, token, label, reply);
}

/* What one run is answered with. */
static int run_reply(struct arena *a, const struct mplane_message *specification,
                     const struct run *run, struct slice label, struct mplane_message *reply)
{
    char text[TOKEN_TEXT];
    const struct gateway_question question = {.when = run->when};
    struct mplane_message single = *specification;
    single.when = run->when;
    if (token_of_specification(a, &single, text) == -1) {
        return -1;
    }
    struct slice token = arena_copy(a, slice_of(text));
    if (run->bytes == NULL) {
        *reply = answer_exception(a, token, "%s", run->failure);
        return token.at == NULL ? -1 : 0;
    }
    struct slice bytes = {run->bytes, run->size};
    return answer_message_of(a, &single, &question, bytes, token, label, reply);
}

int answer_envelope_of(struct arena *a, const struct mplane_message *specification,
                       const struct repeat *r, int64_t now_us, struct slice token,
                       struct slice label, struct mplane_message *reply)
{
    *reply = (struct mplane_message){.kind = MPLANE_ENVELOPE, .verb = slice_of("message")};
    reply->token = token;
    reply->label = label;
    reply->has_when = true;
    reply->when = repeat_span(r, now_us);
    reply->contents = arena_calloc(a, r->count + 1, sizeof *reply->contents);
    if (reply->contents == NULL) {
        return -1;
    }
    for (const struct run *run = r->runs; run != NULL; run = run->next) {
        if (run_reply(a, specification, run, label, &reply->contents[reply->content_count++]) ==
            -1) {
            return -1;
        }
    }
    return 0;
}

struct mplane_message answer_withdrawal(const struct mplane_message *capability)
{
    struct mplane_message m = mplane_message_answer(MPLANE_WITHDRAWAL, capability);
    m.parameter_count = m.column_count = m.metadata_count = 0;
    return m;
}
