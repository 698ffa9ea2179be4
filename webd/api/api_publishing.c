/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to stored, and who waits for what comes by it. */
#include "webd/api/api_publishing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/door/link.h"
#include "common/http/reply.h"
#include "common/json.h"
#include "common/log.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_body.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/grading_faults.h"

#define HIGH_WATER   64
#define PATIENCE_US  INT64_C(15000000)
#define UNDER_WAY    16 /* each has a document in memory */
#define OF_ONE       4  /* of them, those of one identity */
#define CHANGE_BYTES ((size_t)8 << 20)
#define ANSWER_BYTES ((size_t)1 << 20)
#define ERROR_BYTES  2048

/* In an arena of its own, with the texts of what is asked. */
struct api_publication {
    struct api_publication *next, *previous; /* utlist */
    struct web *web;
    struct arena *arena;
    struct evhttp_request *request; /* NULL: who asked has left */
    struct connection *connection;  /* likewise */
    uint64_t id;
    enum capability_kind kind;
    enum api_form form;
    struct gateway_question question;
    struct slice identity, token, peer;
    int64_t begun_us, deadline_us;
};

struct api_publishing {
    struct link link;
    struct api_publication *first; /* the oldest one */
    size_t count;
    uint64_t last_id;
};

size_t api_publishing_count(const struct api_publishing *p)
{
    return p->count;
}

/* ---- the end of one ---- */

static void audit(const struct api_publication *k, const char *outcome, uint64_t rows)
{
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", k->identity);
    audit_line_add(&line, "token", k->token);
    audit_line_add(&line, "peer", k->peer);
    audit_line_add(&line, "question", slice_of(capability_rows[k->kind].label));
    audit_line_add(&line, "outcome", slice_of(outcome));
    audit_log_write(k->web->audit, &line, k->begun_us, "rows", rows);
}

static void forget(struct api_publication *k)
{
    struct api_publishing *all = k->web->publishing;
    DL_DELETE2(all->first, k, previous, next);
    all->count--;
    struct arena *a = k->arena;
    arena_free(&a);
}

/* Whoever left is answered nothing, whatever became of it. */
static void count_end(const struct api_publication *k, enum web_counter counter)
{
    web_count(k->web, k->request == NULL ? COUNT_QUESTIONS_ABANDONED : counter);
}

/* Audits it and, where somebody waits, answers with this text, which is freed. */
static void end(struct api_publication *k, int status, const char *outcome, uint64_t rows,
                const char *type, char *text, size_t size)
{
    struct evhttp_request *request = k->request;
    struct connection *c = k->connection;
    audit(k, outcome, rows);
    forget(k);
    if (request != NULL) {
        connection_set_phase(c, CONNECTION_SENDING);
        api_headers(request);
        reply_send(request, status, type, (struct slice){text, size}, connection_is_last(c));
    }
    free(text);
}

/* With the document's faults, where stored or we found some. */
static void refuse(struct api_publication *k, int status, const char *reason, const char *message,
                   const struct published_message *m, enum web_counter counter)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    count_end(k, counter);
    if (f != NULL) {
        fprintf(f, "{\"error\":{\"reason\":\"%s\",\"message\":", reason);
        json_print_string(f, message);
        if (m != NULL && m->faults_count > 0) {
            fputs(",\"faults\":", f);
            grading_faults_write(f, k->question.publication.document, m->faults, m->faults_count);
        }
        fputs("}}\n", f);
    }
    if (f == NULL || fclose(f) == EOF) {
        free(text);
        text = NULL;
        size = 0;
    }
    end(k, status, reason, 0, "application/json", text, size);
}

static void refuse_by_status(struct api_publication *k, const struct published_message *m)
{
    char text[ERROR_BYTES];
    bool invalid = m->status == ANSWER_INVALID;
    snprintf(text, sizeof text, "%s%.*s",
             invalid ? "" : "unavailable, ask again later: ", SLICE_SHOWN(m->message, 1500));
    refuse(k, invalid ? HTTP_BADREQUEST : HTTP_SERVUNAVAIL, invalid ? "invalid" : "unavailable",
           text, m, invalid ? COUNT_QUESTIONS_INVALID : COUNT_QUESTIONS_BUSY);
}

/* As an answer of queryd, so that it is written as all answers are. */
static void answer(struct api_publication *k, const struct published_message *m)
{
    struct slice columns[] = {slice_of("grading.version"), slice_of("grading.blocks")};
    char version[24], blocks[24], *text = NULL;
    size_t size = 0;
    snprintf(version, sizeof version, "%" PRIu64, m->version);
    snprintf(blocks, sizeof blocks, "%" PRIu64, m->blocks);
    struct slice cells[] = {slice_of(version), slice_of(blocks)};
    const struct answer_message row = {
        .columns = columns, .columns_count = 2, .cells = cells, .cells_count = 2};
    FILE *f = open_memstream(&text, &size);
    int rc = f == NULL ? -1
                       : api_answer_write(f, k->form, k->kind, &k->question.query, &row,
                                          k->web->registry);
    if (f == NULL || fclose(f) == EOF || rc == -1) {
        free(text);
        refuse(k, HTTP_INTERNAL, "failed", "it was published, but memory is out", NULL,
               COUNT_QUESTIONS_BUSY);
        return;
    }
    count_end(k, COUNT_QUESTIONS_ANSWERED);
    end(k, HTTP_OK, "answered", 1, api_content_types[k->form], text, size);
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct web *w = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct published_message m;
    struct api_publication *k = NULL;
    if (a == NULL || published_decode_all(bytes, a, &m) == -1) {
        web_count(w, COUNT_ANSWERS_MALFORMED);
        arena_free(&a);
        return;
    }
    DL_FOREACH2(w->publishing->first, k, next)
    {
        if (k->id == m.id) {
            break;
        }
    }
    if (k == NULL) {
        web_count(w, COUNT_ANSWERS_LATE);
    } else if (m.status != ANSWER_OK) {
        refuse_by_status(k, &m);
    } else {
        answer(k, &m);
    }
    arena_free(&a);
}

static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct api_publication *k = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(k->request);
        k->request = NULL;
        k->connection = NULL;
        evhttp_connection_free(c); /* and with it the request */
    }
}

/* ---- asking ---- */

static const char *why_full(const struct web *w, struct slice identity)
{
    const struct api_publication *k;
    size_t own = 0;
    DL_FOREACH2(w->publishing->first, k, next)
    {
        own += slice_equal(k->identity, identity);
    }
    return own >= OF_ONE                       ? "too many of your changes are under way"
           : w->publishing->count >= UNDER_WAY ? "too many changes are under way"
                                               : NULL;
}

static int send_change(struct api_publication *k)
{
    struct publish_message *m = &k->question.publication;
    struct pack p;
    m->id = k->id = ++k->web->publishing->last_id;
    m->author = k->identity;
    pack_init(&p);
    publish_encode(&p, m);
    k->deadline_us = daemon_clock_us() + PATIENCE_US;
    return link_send_packed(&k->web->publishing->link, &p);
}

static struct api_publication *publication_new(struct web *w, struct evhttp_request *request,
                                               struct connection *c, const struct visitor *v)
{
    struct arena *a = arena_new(CHANGE_BYTES);
    struct api_publication *k = a == NULL ? NULL : arena_calloc(a, 1, sizeof *k);
    if (k == NULL) {
        arena_free(&a);
        return NULL;
    }
    k->web = w;
    k->arena = a;
    k->request = request;
    k->connection = c;
    k->identity = arena_copy(a, slice_of(v->identity));
    k->token = arena_copy(a, slice_of(v->token));
    k->peer = arena_copy(a, slice_of(connection_peer(c)));
    k->begun_us = daemon_clock_us();
    DL_APPEND2(w->publishing->first, k, previous, next);
    w->publishing->count++;
    return k;
}

/* Whether it may be done, and reads it; else it is answered, and gone. */
static bool read_change(struct api_publication *k, const struct visitor *v, const char *full)
{
    char error[ERROR_BYTES];
    struct slice label = slice_of(capability_rows[k->kind].label);
    const char *denied = visitor_denied(k->web, v, k->kind, label);
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(k->request), "Accept");
    int form = api_form_of(accept);
    if (denied != NULL) {
        snprintf(error, sizeof error, "%.*s: you may not do this%s", (int)label.len, label.at,
                 denied);
        refuse(k, API_FORBIDDEN, "denied", error, NULL, COUNT_QUESTIONS_DENIED);
    } else if (form == -1) {
        refuse(k, API_NOT_ACCEPTABLE, "invalid",
               "Accept: expected application/json, application/x-ndjson or text/csv", NULL,
               COUNT_QUESTIONS_INVALID);
    } else if (!api_body_is_json(k->request)) {
        refuse(k, API_OTHER_TYPE, "invalid", "Content-Type: expected application/json", NULL,
               COUNT_QUESTIONS_INVALID);
    } else if (full != NULL) {
        refuse(k, API_TOO_MANY, "limited", full, NULL, COUNT_QUESTIONS_BUSY);
    } else if (api_change_read(k->arena, k->kind, api_body_of(k->request), daemon_now_us(),
                               &k->question, error, sizeof error) == -1) {
        refuse(k, HTTP_BADREQUEST, "invalid", error, NULL, COUNT_QUESTIONS_INVALID);
    } else {
        k->form = (enum api_form)form;
        return true;
    }
    return false;
}

void api_publish(struct web *w, struct evhttp_request *request, struct connection *c,
                 const struct visitor *v, enum capability_kind kind)
{
    const char *full = why_full(w, slice_of(v->identity));
    struct api_publication *k = publication_new(w, request, c, v);
    if (k == NULL) {
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return;
    }
    k->kind = kind;
    if (!read_change(k, v, full)) {
        return;
    }
    if (send_change(k) == -1) {
        refuse(k, HTTP_SERVUNAVAIL, "unavailable", "stored takes nothing, ask again later", NULL,
               COUNT_QUESTIONS_BUSY);
    } else {
        connection_answers_later(k->connection, on_gone, k);
    }
}

/* ---- around ---- */

void api_publishing_tick(struct web *w)
{
    struct api_publishing *all = w->publishing;
    link_drain(&all->link);
    while (all->first != NULL && daemon_clock_us() >= all->first->deadline_us) {
        refuse(all->first, API_TIMEOUT, "timeout",
               "stored did not answer in time; whether it was published is not known, "
               "QueryGradings tells",
               NULL, COUNT_QUESTIONS_BUSY);
    }
}

struct api_publishing *api_publishing_new(struct web *w)
{
    struct api_publishing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        log_error("publishing.start", "error=\"out of memory\"");
        return NULL;
    }
    p->link = (struct link){.base = w->base,
                            .context = w,
                            .endpoint = ENDPOINT_USERS,
                            .peer = "stored",
                            .take = take_answer,
                            .malformed = &w->counters[COUNT_ANSWERS_MALFORMED],
                            .high_water = HIGH_WATER,
                            .only_present = true};
    if (link_open(&p->link) == -1) {
        api_publishing_free(&p);
    }
    return p;
}

void api_publishing_free(struct api_publishing **p)
{
    struct api_publication *k, *next;
    if (*p == NULL) {
        return;
    }
    DL_FOREACH_SAFE2((*p)->first, k, next, next)
    {
        forget(k);
    }
    link_close(&(*p)->link);
    free(*p);
    *p = NULL;
}
