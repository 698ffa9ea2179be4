/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: made, counted and sent. */
#include "queryd/answering.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/utf8.h"

struct slice answer_text(const char *text)
{
    struct slice s = slice_of(text);
    if (s.len > LIMIT_TEXT_BYTES) {
        s.len = utf8_cut(s.at, LIMIT_TEXT_BYTES);
    }
    return s;
}

static void count_status(enum answer_status status)
{
    static const enum counter by_status[ANSWER_STATUSES] = {
        [ANSWER_OK] = COUNT_ANSWERED,         [ANSWER_INVALID] = COUNT_INVALID,
        [ANSWER_TIMEOUT] = COUNT_TIMEOUTS,    [ANSWER_UNAVAILABLE] = COUNT_UNAVAILABLE,
        [ANSWER_TOO_LARGE] = COUNT_TOO_LARGE, [ANSWER_CANCELLED] = COUNT_CANCELLED,
    };
    counters[by_status[status]]++;
}

const char *answer_too_large(const struct query_engine *engine, char text[200])
{
    snprintf(text, 200,
             "the answer exceeds %" PRId64 " bytes: lower list.limit and go on with list.after",
             engine->settings->answer_bytes);
    return text;
}

/* Sends the bytes; an asker that is gone or takes nothing loses its answer. */
static void send_bytes(const struct question *q, struct slice bytes)
{
    struct slice frames[] = {{q->identity, q->identity_length}, bytes};
    if (bus_send(q->engine->socket, frames, 2) != 0) {
        counters[COUNT_UNDELIVERABLE]++;
        if (log_allowed(&q->engine->said, 5)) {
            log_warn("answer.undeliverable", "id=%" PRIu64 " bytes=%zu", q->id, bytes.len);
        }
    }
}

/* Encodes and sends; what turns out too large becomes an answer that says so. */
static void send_answer(const struct question *q, struct answer_message *a)
{
    char text[200];
    struct pack p;
    pack_init(&p);
    answer_encode(&p, a);
    if (!pack_ok(&p) || pack_bytes(&p).len > (size_t)q->engine->settings->answer_bytes) {
        struct answer_message smaller = {.id = a->id,
                                         .status = ANSWER_TOO_LARGE,
                                         .message = slice_of(answer_too_large(q->engine, text))};
        *a = smaller;
        pack_reset(&p);
        answer_encode(&p, a);
    }
    count_status((enum answer_status)a->status);
    if (pack_ok(&p)) {
        send_bytes(q, pack_bytes(&p));
    }
    pack_release(&p);
}

void answer_progress(const struct question *q, const struct progress_message *m)
{
    struct pack p;
    pack_init(&p);
    progress_encode(&p, m);
    if (pack_ok(&p)) {
        send_bytes(q, pack_bytes(&p));
    }
    pack_release(&p);
}

void answer_as_told(struct question *q, const struct answer_message *told)
{
    struct answer_message a = *told;
    a.id = q->id;
    counters[COUNT_ROWS] += a.columns_count == 0 ? 0 : a.cells_count / a.columns_count;
    send_answer(q, &a);
    question_free(q);
}

void answer_question(struct question *q, enum answer_status status, const char *message)
{
    struct slice columns[64];
    struct answer_message a = {.id = q->id, .status = status, .message = answer_text(message)};
    if (status == ANSWER_OK) {
        for (uint32_t i = 0; i < q->criteria.column_count; i++) {
            columns[i] = slice_of(q->criteria.columns[i]);
        }
        a.columns = columns;
        a.columns_count = q->criteria.column_count;
        a.cells = q->cells;
        a.cells_count = q->cell_count;
        counters[COUNT_ROWS] += q->cell_count / q->criteria.column_count;
    }
    int64_t us = daemon_clock_us() - q->arrived_us, ms = us / 1000;
    counters[COUNT_MS_LAST] = (uint64_t)ms;
    if ((uint64_t)ms > counters[COUNT_MS_MAX]) {
        counters[COUNT_MS_MAX] = (uint64_t)ms;
    }
    if (q->held_until_us == 0) {
        histogram_add(&durations[DURATION_ANSWER], us);
    }
    log_debug("query.answered", "id=%" PRIu64 " status=%d ms=%" PRId64, q->id, (int)status, ms);
    send_answer(q, &a);
    question_free(q);
}
