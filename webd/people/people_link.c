/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to stored, and what is asked by it. */
#include "webd/people/people_link.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/door/link.h"
#include "common/log.h"

#define HIGH_WATER   1000
#define PATIENCE_US  INT64_C(3000000)
#define ANSWER_BYTES ((size_t)64 * 1024)

struct people_question {
    struct people_question *next, *prev; /* utlist */
    uint64_t id;
    int64_t deadline_us;
    void (*done)(void *context, const struct session_state_message *answer);
    void *context; /* NULL: nobody wants to know */
};

struct people_link {
    struct link link;
    struct people_question *first; /* the oldest one */
    uint64_t last_id;
};

static void end(struct people_link *l, struct people_question *q,
                const struct session_state_message *answer)
{
    DL_DELETE(l->first, q);
    if (q->context != NULL) {
        q->done(q->context, answer);
    }
    free(q);
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct people_link *l = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct session_state_message m;
    struct people_question *q;
    if (a == NULL || session_state_decode_all(bytes, a, &m) == -1) {
        ++*link->malformed;
    } else {
        DL_FOREACH(l->first, q)
        {
            if (q->id == m.id) {
                end(l, q, &m);
                break;
            }
        }
    }
    arena_free(&a);
}

int people_link_ask(struct people_link *l, const struct session_message *m,
                    void (*done)(void *context, const struct session_state_message *answer),
                    void *context)
{
    struct session_message asked = *m;
    struct people_question *q = calloc(1, sizeof *q);
    struct pack p;
    if (q == NULL) {
        return -1;
    }
    q->id = asked.id = ++l->last_id;
    q->deadline_us = daemon_clock_us() + PATIENCE_US;
    q->done = done;
    q->context = context;
    pack_init(&p);
    session_encode(&p, &asked);
    if (link_send_packed(&l->link, &p) == -1) {
        free(q);
        return -1;
    }
    DL_APPEND(l->first, q);
    return 0;
}

static void hear_nothing(void *context, const struct session_state_message *answer)
{
    (void)context, (void)answer;
}

void people_link_say(struct people_link *l, const struct session_message *m)
{
    (void)people_link_ask(l, m, hear_nothing, NULL);
}

void people_link_drop(struct people_link *l, const void *context)
{
    struct people_question *q;
    DL_FOREACH(l->first, q)
    {
        q->context = q->context == context ? NULL : q->context;
    }
}

void people_link_tick(struct people_link *l)
{
    static const struct session_state_message none = {.status = ANSWER_UNAVAILABLE};
    link_drain(&l->link);
    while (l->first != NULL && daemon_clock_us() >= l->first->deadline_us) {
        end(l, l->first, &none);
    }
}

struct people_link *people_link_new(struct web *w)
{
    struct people_link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("people.start", "error=\"out of memory\"");
        return NULL;
    }
    l->link = (struct link){.base = w->base,
                            .context = l,
                            .endpoint = ENDPOINT_USERS,
                            .peer = "stored",
                            .take = take_answer,
                            .malformed = &w->counters[COUNT_ANSWERS_MALFORMED],
                            .high_water = HIGH_WATER,
                            .only_present = true};
    if (link_open(&l->link) == -1) {
        people_link_free(&l);
    }
    return l;
}

void people_link_free(struct people_link **l)
{
    struct people_question *q, *next;
    if (*l == NULL) {
        return;
    }
    DL_FOREACH_SAFE((*l)->first, q, next)
    {
        DL_DELETE((*l)->first, q);
        free(q);
    }
    link_close(&(*l)->link);
    free(*l);
    *l = NULL;
}
