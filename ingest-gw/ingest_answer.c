/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as JSON. */
#include "ingest-gw/ingest_answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/http/connections.h"
#include "common/http/reply.h"
#include "common/json.h"

#define ARENA_BYTES ((size_t)32 * 1024)

struct members {
    struct json node[8];
    char numbers[4][24];
    uint32_t count;
};

static void add(struct members *m, const char *name, enum json_type type, struct slice text)
{
    struct json *one = &m->node[m->count++];
    *one = (struct json){.type = type, .key = slice_of(name), .text = text};
    if (m->count > 1) {
        m->node[m->count - 2].next = one;
    }
}

static void add_number(struct members *m, const char *name, uint64_t value)
{
    char *text = m->numbers[m->count];
    snprintf(text, sizeof m->numbers[0], "%" PRIu64, value);
    add(m, name, JSON_NUMBER, slice_of(text));
}

struct slice ingest_answer_text(struct arena *a, const struct ingest_answer *answer)
{
    struct members m = {.count = 0};
    add_number(&m, "records", answer->records);
    add_number(&m, "refused", answer->refused);
    if (answer->ignored > 0) {
        add_number(&m, "ignored", answer->ignored);
    }
    if (answer->undated > 0) {
        add_number(&m, "undated", answer->undated);
        add(&m, "time", JSON_STRING, answer->time);
        add(&m, "time_from", JSON_STRING, slice_of(answer->time_given ? "request" : "receipt"));
    }
    if (answer->reason.len > 0) {
        add(&m, "reason", JSON_STRING, answer->reason);
        add(&m, "detail", JSON_STRING, answer->detail);
    }
    const struct json object = {.type = JSON_OBJECT, .count = m.count, .first = m.node};
    struct slice text = json_text(a, &object);
    const char *line = text.at == NULL ? NULL : arena_printf(a, "%.*s\n", (int)text.len, text.at);
    return line == NULL ? (struct slice){NULL, 0} : slice_of(line);
}

void ingest_reply(struct evhttp_request *request, struct connection *c, int status,
                  const char *reason, const char *detail)
{
    struct arena *a = arena_new(ARENA_BYTES);
    const struct ingest_answer answer = {
        .refused = 1, .reason = slice_of(reason), .detail = slice_of(detail)};
    struct slice text = a == NULL ? (struct slice){NULL, 0} : ingest_answer_text(a, &answer);
    if (text.at == NULL) {
        reply_text(request, status, "out of memory\n", true);
    } else {
        reply_send(request, status, "application/json", text, connection_is_last(c));
    }
    arena_free(&a);
}
