/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to queryd, and who waits for what comes by it. */
#include "webd/api/api_asking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/answer_rows.h"
#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/log.h"
#include "webd/api/api_body.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/api_waits.h"

#define HIGH_WATER     1000
#define GRACE_US       INT64_C(2000000)  /* for an answer to arrive, after queryd's own limit */
#define QUESTION_BYTES ((size_t)8 << 20) /* of one with a document */
#define ANSWER_BYTES   ((size_t)LIMIT_ANSWER_CELLS * 32)

struct api_asking {
    struct link link;
    struct api_waits waits;
};

size_t api_asking_count(const struct api_asking *q)
{
    return q->waits.count;
}

/* ---- the end of a question ---- */

static void refuse_by_status(struct api_wait *k, const struct answer_message *m)
{
    static const struct {
        int status;
        const char *reason, *message;
        enum web_counter counter;
    } known[ANSWER_STATUSES] = {
        [ANSWER_INVALID] = {HTTP_BADREQUEST, "invalid", "at fault", COUNT_QUESTIONS_INVALID},
        [ANSWER_TIMEOUT] = {API_TIMEOUT, "timeout", "the question took too long",
                            COUNT_QUESTIONS_BUSY},
        [ANSWER_UNAVAILABLE] = {HTTP_SERVUNAVAIL, "unavailable", "unavailable, ask again later",
                                COUNT_QUESTIONS_BUSY},
        [ANSWER_TOO_LARGE] = {API_TOO_LARGE, "too large", "the answer is too large, ask for less",
                              COUNT_QUESTIONS_INVALID},
        [ANSWER_CANCELLED] = {HTTP_SERVUNAVAIL, "unavailable", "the question was cancelled",
                              COUNT_QUESTIONS_BUSY},
    };
    char text[API_WAIT_ERROR_BYTES];
    size_t i = m->status < ANSWER_STATUSES && known[m->status].status != 0 ? m->status
                                                                           : ANSWER_UNAVAILABLE;
    bool said = i == ANSWER_INVALID && m->message.len > 0; /* by itself it is enough */
    snprintf(text, sizeof text, "%s%s%.*s", said ? "" : known[i].message,
             said || m->message.len == 0 ? "" : ": ", SLICE_SHOWN(m->message, 1500));
    api_wait_refuse(k, known[i].status, known[i].reason, text, known[i].counter);
}

static void answer(struct api_wait *k, const struct answer_message *m)
{
    char *text = NULL;
    size_t size = 0;
    if (m->status != ANSWER_OK) {
        refuse_by_status(k, m);
        return;
    }
    FILE *f = open_memstream(&text, &size);
    int rc = f == NULL
                 ? -1
                 : api_answer_write(f, k->form, k->kind, &k->question.query, m, k->web->registry);
    if (f == NULL || fclose(f) == EOF || rc == -1) {
        free(text);
        api_wait_refuse(k, HTTP_INTERNAL, "failed",
                        "queryd's answer lacks a column, or memory is out", COUNT_QUESTIONS_BUSY);
    } else if (!connection_take_room(k->connection, size)) {
        free(text);
        api_wait_refuse(k, HTTP_SERVUNAVAIL, "busy", "too many bytes of answers are on their way",
                        COUNT_QUESTIONS_BUSY);
    } else {
        api_wait_end(k, HTTP_OK, "answered", answer_rows(m), api_content_types[k->form], text, size,
                     COUNT_QUESTIONS_ANSWERED);
    }
}

static void take_progress(struct web *w, struct slice bytes)
{
    struct progress_message m;
    struct api_wait *k =
        progress_decode_all(bytes, NULL, &m) == -1 ? NULL : api_waits_find(&w->asking->waits, m.id);
    if (k != NULL) {
        k->thousandths = m.thousandths;
        k->records = m.records;
    }
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct web *w = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct answer_message m;
    if (message_number(bytes) == MESSAGE_progress) {
        take_progress(w, bytes);
        arena_free(&a);
        return;
    }
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        web_count(w, COUNT_ANSWERS_MALFORMED);
    } else {
        struct api_wait *k = api_waits_find(&w->asking->waits, m.id);
        if (k == NULL) {
            web_count(w, COUNT_ANSWERS_LATE);
        } else {
            answer(k, &m);
        }
    }
    arena_free(&a);
}

static void on_gone(struct api_wait *k)
{
    query_link_cancel(&k->web->asking->link, k->id);
    api_wait_abandon(k);
}

/* ---- asking ---- */

/* -1: queryd takes nothing, or what the roles may see cannot be asked for; then message says so. */
static int send_question(struct api_wait *k, const char **message)
{
    struct web *w = k->web;
    struct query_message *q = &k->question.query;
    struct sight sight;
    if (sight_find(w->access, k->identity, slice_of(capability_rows[k->kind].label), &sight) ==
        -1) {
        *message = "what your roles may see cannot be asked for";
        return -1;
    }
    memcpy(k->sight, sight.mark, sizeof k->sight);
    q->id = k->id;
    q->asker = k->identity;
    q->timeout_ms =
        QUERY_TAKES_LONG(q) ? (uint64_t)LIMIT_TIMEOUT_MS : (uint64_t)w->settings.query_timeout_ms;
    q->sees = sight.patterns;
    q->sees_count = sight.count;
    int rc = query_link_ask(&w->asking->link, q);
    q->sees = NULL;
    q->sees_count = 0;
    *message = "queryd takes no questions, ask again later";
    k->deadline_us =
        daemon_clock_us() + ((int64_t)q->timeout_ms + (int64_t)q->wait_ms) * 1000 + GRACE_US;
    return rc;
}

/* From its URL, or from its body. */
static int read_question(struct api_wait *k, char *error, size_t size)
{
    if (k->kind != CAPABILITY_TRY) {
        return api_question_read(k->arena, k->kind,
                                 evhttp_uri_get_query(evhttp_request_get_evhttp_uri(k->request)),
                                 daemon_now_us(), &k->question, error, size);
    }
    if (!api_body_is_json(k->request)) {
        snprintf(error, size, "Content-Type: expected application/json");
        return -1;
    }
    return api_change_read(k->arena, k->kind, api_body_of(k->request), daemon_now_us(),
                           &k->question, error, size);
}

/* Reads, judges and sends it; what cannot be asked is answered. */
static void begin(struct api_wait *k, const struct visitor *v)
{
    char error[API_WAIT_ERROR_BYTES];
    const char *message = NULL;
    if (!api_wait_may(k, v)) {
        return;
    }
    if (read_question(k, error, sizeof error) == -1) {
        api_wait_refuse(k, HTTP_BADREQUEST, "invalid", error, COUNT_QUESTIONS_INVALID);
    } else if (send_question(k, &message) == -1) {
        api_wait_refuse(k, HTTP_SERVUNAVAIL, "unavailable", message, COUNT_QUESTIONS_BUSY);
    } else {
        api_wait_begin(k);
    }
}

void api_ask(struct web *w, struct evhttp_request *request, struct connection *c,
             const struct visitor *v, const char *label)
{
    enum capability_kind posted = api_posted_kind(slice_of(label));
    enum capability_kind kind =
        posted != CAPABILITY_COLLECT ? posted : api_question_kind(slice_of(label));
    if (kind == CAPABILITY_COLLECT) {
        web_count(w, COUNT_NOT_FOUND);
        api_refuse(request, c, HTTP_NOTFOUND, "path",
                   "there is no such question; /api/v1/openapi.json has all there are");
        return;
    }
    struct api_wait *k =
        api_wait_new(&w->asking->waits, w, request, c, v, kind, (size_t)w->settings.questions_max,
                     (size_t)w->settings.questions_max_per_identity);
    if (k != NULL) {
        begin(k, v);
    }
}

/* ---- how far what takes long is ---- */

static void write_under_way(FILE *f, const struct web *w, const struct visitor *v)
{
    const char *between = "";
    const struct api_wait *k;
    fputs("{\"dry_runs\":[", f);
    DL_FOREACH2(w->asking->waits.first, k, next)
    {
        if (k->kind == CAPABILITY_TRY && slice_is(k->identity, v->identity)) {
            fprintf(
                f,
                "%s{\"thousandths\":%" PRIu64 ",\"records\":%" PRIu64 ",\"seconds\":%" PRId64 "}",
                between, k->thousandths, k->records, (daemon_clock_us() - k->begun_us) / 1000000);
            between = ",";
        }
    }
    fputs("]}\n", f);
}

void api_under_way_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                        const struct visitor *v)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f != NULL) {
        write_under_way(f, w, v);
    }
    if (f == NULL || fclose(f) == EOF) {
        web_count(w, COUNT_FAILED);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
    } else {
        api_reply(request, c, "application/json", (struct slice){text, size});
    }
    free(text);
}

/* ---- around ---- */

void api_asking_follow_access(struct web *w)
{
    struct api_wait *k, *next;
    DL_FOREACH_SAFE2(w->asking->waits.first, k, next, next)
    {
        if (!sight_is(w->access, k->identity, slice_of(capability_rows[k->kind].label), k->sight)) {
            query_link_cancel(&k->web->asking->link, k->id);
            api_wait_refuse(k, HTTP_SERVUNAVAIL, "unavailable",
                            "what you may see was changed meanwhile, ask again",
                            COUNT_QUESTIONS_BUSY);
        }
    }
}

void api_asking_tick(struct web *w)
{
    struct api_asking *all = w->asking;
    struct api_wait *k, *next;
    link_drain(&all->link);
    DL_FOREACH_SAFE2(all->waits.first, k, next, next)
    {
        if (daemon_clock_us() >= k->deadline_us) {
            query_link_cancel(&k->web->asking->link, k->id);
            api_wait_refuse(k, API_TIMEOUT, "timeout",
                            "queryd did not answer in time, ask again later", COUNT_QUESTIONS_BUSY);
        }
    }
    w->counters[COUNT_QUESTIONS_UNDER_WAY] = all->waits.count;
}

struct api_asking *api_asking_new(struct web *w)
{
    struct api_asking *q = calloc(1, sizeof *q);
    if (q == NULL) {
        log_error("questions.start", "error=\"out of memory\"");
        return NULL;
    }
    q->waits = (struct api_waits){.bytes = sizeof(struct api_wait),
                                  .arena_bytes = QUESTION_BYTES,
                                  .what = "questions",
                                  .verb = "ask",
                                  .gone = on_gone};
    if (query_link_open(&q->link, w->base, w, take_answer, &w->counters[COUNT_ANSWERS_MALFORMED],
                        HIGH_WATER) == -1) {
        api_asking_free(&q);
    }
    return q;
}

void api_asking_free(struct api_asking **q)
{
    if (*q == NULL) {
        return;
    }
    api_waits_forget(&(*q)->waits);
    link_close(&(*q)->link);
    free(*q);
    *q = NULL;
}
