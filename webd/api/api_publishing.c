/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to stored, and who waits for what comes by it. */
#include "webd/api/api_publishing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/door/link.h"
#include "common/json.h"
#include "common/log.h"
#include "webd/api/api_body.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/api_waits.h"
#include "webd/api/grading_faults.h"

#define HIGH_WATER   64
#define PATIENCE_US  INT64_C(15000000)
#define UNDER_WAY    16 /* each has a document in memory */
#define OF_ONE       4  /* of them, those of one identity */
#define CHANGE_BYTES ((size_t)8 << 20)
#define ANSWER_BYTES ((size_t)1 << 20)

struct api_publishing {
    struct link link;
    struct api_waits waits;
};

size_t api_publishing_count(const struct api_publishing *p)
{
    return p->waits.count;
}

/* ---- the end of one ---- */

/* With the document's faults, where stored found some. */
static void refuse(struct api_wait *k, int status, const char *reason, const char *message,
                   const struct published_message *m, enum web_counter counter)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f != NULL) {
        fprintf(f, "{\"error\":{\"reason\":\"%s\",\"message\":", reason);
        json_print_string(f, message);
        if (m->faults_count > 0) {
            fputs(",\"faults\":", f);
            grading_faults_write(f, k->question.publication.document, m->faults, m->faults_count);
        }
        fputs("}}\n", f);
    }
    if (f == NULL || fclose(f) == EOF) {
        free(text);
        text = NULL;
    }
    api_wait_end(k, status, reason, 0, "application/json", text, size, counter);
}

static void refuse_by_status(struct api_wait *k, const struct published_message *m)
{
    char text[API_WAIT_ERROR_BYTES];
    bool invalid = m->status == ANSWER_INVALID;
    snprintf(text, sizeof text, "%s%.*s",
             invalid ? "" : "unavailable, ask again later: ", SLICE_SHOWN(m->message, 1500));
    refuse(k, invalid ? HTTP_BADREQUEST : HTTP_SERVUNAVAIL, invalid ? "invalid" : "unavailable",
           text, m, invalid ? COUNT_QUESTIONS_INVALID : COUNT_QUESTIONS_BUSY);
}

/* As an answer of queryd, so that it is written as all answers are. */
static void answer(struct api_wait *k, const struct published_message *m)
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
        api_wait_refuse(k, HTTP_INTERNAL, "failed", "it was published, but memory is out",
                        COUNT_QUESTIONS_BUSY);
        return;
    }
    api_wait_end(k, HTTP_OK, "answered", 1, api_content_types[k->form], text, size,
                 COUNT_QUESTIONS_ANSWERED);
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct web *w = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct published_message m;
    if (a == NULL || published_decode_all(bytes, a, &m) == -1) {
        web_count(w, COUNT_ANSWERS_MALFORMED);
        arena_free(&a);
        return;
    }
    struct api_wait *k = api_waits_find(&w->publishing->waits, m.id);
    if (k == NULL) {
        web_count(w, COUNT_ANSWERS_LATE);
    } else if (m.status != ANSWER_OK) {
        refuse_by_status(k, &m);
    } else {
        answer(k, &m);
    }
    arena_free(&a);
}

/* ---- asking ---- */

static int send_change(struct api_wait *k)
{
    struct publish_message *m = &k->question.publication;
    struct pack p;
    m->id = k->id;
    m->author = k->identity;
    pack_init(&p);
    publish_encode(&p, m);
    k->deadline_us = daemon_clock_us() + PATIENCE_US;
    return link_send_packed(&k->web->publishing->link, &p);
}

void api_publish(struct web *w, struct evhttp_request *request, struct connection *c,
                 const struct visitor *v, enum capability_kind kind)
{
    char error[API_WAIT_ERROR_BYTES];
    struct api_wait *k =
        api_wait_new(&w->publishing->waits, w, request, c, v, kind, UNDER_WAY, OF_ONE);
    if (k == NULL || !api_wait_may(k, v)) {
        return;
    }
    if (!api_body_is_json(k->request)) {
        api_wait_refuse(k, API_OTHER_TYPE, "invalid", "Content-Type: expected application/json",
                        COUNT_QUESTIONS_INVALID);
    } else if (api_change_read(k->arena, k->kind, api_body_of(k->request), daemon_now_us(),
                               &k->question, error, sizeof error) == -1) {
        api_wait_refuse(k, HTTP_BADREQUEST, "invalid", error, COUNT_QUESTIONS_INVALID);
    } else if (send_change(k) == -1) {
        api_wait_refuse(k, HTTP_SERVUNAVAIL, "unavailable", "stored takes nothing, ask again later",
                        COUNT_QUESTIONS_BUSY);
    } else {
        api_wait_begin(k);
    }
}

/* ---- around ---- */

void api_publishing_tick(struct web *w)
{
    struct api_publishing *all = w->publishing;
    link_drain(&all->link);
    while (all->waits.first != NULL && daemon_clock_us() >= all->waits.first->deadline_us) {
        api_wait_refuse(all->waits.first, API_TIMEOUT, "timeout",
                        "stored did not answer in time; whether it was published is not known, "
                        "QueryGradings tells",
                        COUNT_QUESTIONS_BUSY);
    }
}

struct api_publishing *api_publishing_new(struct web *w)
{
    struct api_publishing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        log_error("publishing.start", "error=\"out of memory\"");
        return NULL;
    }
    p->waits = (struct api_waits){.bytes = sizeof(struct api_wait),
                                  .arena_bytes = CHANGE_BYTES,
                                  .what = "changes",
                                  .verb = "do"};
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
    if (*p == NULL) {
        return;
    }
    api_waits_forget(&(*p)->waits);
    link_close(&(*p)->link);
    free(*p);
    *p = NULL;
}
