/* SPDX-License-Identifier: Apache-2.0 */
/* Between who asks and reasonds. The number that a question has there is ours. */
#include "queryd/reasoners.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "queryd/answering.h"

#define GONE_US        INT64_C(5000000)  /* one that says nothing for so long is not there */
#define ALONE_US       INT64_C(10000000) /* without any, those that wait are told so after so long */
#define REASONERS_MOST 256
#define ANSWER_BYTES   ((size_t)LIMIT_ANSWER_CELLS * 32)
#define AT_ONE_TIME    1 /* of one asker */

static const char no_reasond[] = "no reasond is there, which does dry runs";

struct reasoner {
    struct reasoner *prev, *next;
    char identity[QUESTION_IDENTITY];
    size_t identity_length;
    uint64_t jobs, running;
    int64_t heard_us;
};

static struct slice identity_of(const struct reasoner *r)
{
    return (struct slice){r->identity, r->identity_length};
}

static struct reasoner *find_reasoner(const struct query_engine *e, struct slice identity)
{
    struct reasoner *r;
    DL_FOREACH(e->reasoners, r)
    {
        if (slice_equal(identity_of(r), identity)) {
            return r;
        }
    }
    return NULL;
}

static struct question *find_question(const struct query_engine *e, const struct reasoner *r,
                                      uint64_t number)
{
    struct question *q;
    DL_FOREACH(e->all, q)
    {
        if (q->reasoned && q->reasoner == r && q->number == number) {
            return q;
        }
    }
    return NULL;
}

/* 0, or -1: it takes nothing. */
static int send_to(const struct query_engine *e, const struct reasoner *r, struct pack *p)
{
    struct slice frames[] = {identity_of(r), pack_bytes(p)};
    int rc = pack_ok(p) && bus_send(e->reason_socket, frames, 2) == 0 ? 0 : -1;
    pack_release(p);
    return rc;
}

/* ---- who has which question ---- */

void reasoners_leave(struct question *q)
{
    struct reasoner *r = q->reasoner;
    struct pack p;
    if (r == NULL) {
        return;
    }
    const struct cancel_message m = {.id = q->number};
    pack_init(&p);
    cancel_encode(&p, &m);
    (void)send_to(q->engine, r, &p);
    r->running--;
    q->reasoner = NULL;
}

/* The one that has the most room; NULL: none has any. */
static struct reasoner *free_reasoner(const struct query_engine *e)
{
    struct reasoner *r, *best = NULL;
    DL_FOREACH(e->reasoners, r)
    {
        bool more = best == NULL || r->jobs - r->running > best->jobs - best->running;
        best = r->running < r->jobs && more ? r : best;
    }
    return best;
}

static void gone(struct query_engine *e, struct reasoner *r);

/* One that cannot be reached is not there any more: the question waits for another one. */
static void hand_on(struct question *q, struct reasoner *r)
{
    struct pack p;
    struct query_message m = q->handed_on;
    q->running = true;
    m.id = q->number = ++q->engine->last_number;
    pack_init(&p);
    query_encode(&p, &m);
    if (send_to(q->engine, r, &p) == -1) {
        q->running = false;
        turns_back(&q->engine->tries, &q->turn);
        gone(q->engine, r);
        return;
    }
    q->reasoner = r;
    r->running++;
}

void reasoners_dispatch(struct query_engine *e)
{
    struct reasoner *r;
    struct question *q;
    e->tries.running_most = AT_ONE_TIME;
    while ((r = free_reasoner(e)) != NULL &&
           (q = (struct question *)turns_next(&e->tries)) != NULL) {
        hand_on(q, r);
    }
}

/* Its texts are the message's, which is gone when the answer comes. */
static int keep(struct question *q, const struct query_message *m)
{
    struct pack p;
    pack_init(&p);
    query_encode(&p, m);
    struct slice kept =
        pack_ok(&p) ? arena_copy(q->arena, pack_bytes(&p)) : (struct slice){NULL, 0};
    pack_release(&p);
    return kept.at == NULL ? -1 : query_decode_all(kept, q->arena, &q->handed_on);
}

void reasoners_join(struct question *q, const struct query_message *m)
{
    struct query_engine *e = q->engine;
    e->tries.waiting_most = (uint32_t)e->settings->asker_waiting;
    q->reasoned = true;
    if (e->reasoners == NULL) {
        answer_question(q, ANSWER_UNAVAILABLE, no_reasond);
        return;
    }
    int joined = keep(q, m) == -1 ? -1
                 : e->tries.waiting_count >= (uint64_t)e->settings->waiting
                     ? 2
                     : turns_join(&e->tries, m->asker, &q->turn);
    if (joined != 0) {
        answer_question(q, ANSWER_UNAVAILABLE,
                        joined == -1 ? "out of memory"
                                     : "too many dry runs at once: ask again later");
        return;
    }
    DL_APPEND(e->all, q);
    deadline_by(&e->deadline, q->deadline_us);
    reasoners_dispatch(e);
}

/* ---- what reasonds say ---- */

static void gone(struct query_engine *e, struct reasoner *r)
{
    struct question *q, *next;
    DL_DELETE(e->reasoners, r);
    e->reasoner_count--;
    e->alone_us = daemon_clock_us();
    DL_FOREACH_SAFE(e->all, q, next)
    {
        if (q->reasoned && q->reasoner == r) {
            q->reasoner = NULL;
            engine_conclude(q, ANSWER_UNAVAILABLE,
                            "the reasond that worked at it is gone: ask again");
        }
    }
    free(r);
}

static void on_presence(struct query_engine *e, struct slice identity, struct slice bytes)
{
    struct reasoner_message m;
    struct reasoner *r = find_reasoner(e, identity);
    if (reasoner_decode_all(bytes, NULL, &m) == -1) {
        counters[COUNT_MALFORMED]++;
        return;
    }
    if (r == NULL && m.jobs > 0 && e->reasoner_count < REASONERS_MOST) {
        r = calloc(1, sizeof *r);
        if (r != NULL) {
            memcpy(r->identity, identity.at, identity.len);
            r->identity_length = identity.len;
            DL_APPEND(e->reasoners, r);
            e->reasoner_count++;
        }
    }
    if (r != NULL) {
        r->jobs = m.jobs;
        r->heard_us = daemon_clock_us();
    }
}

static void on_progress(struct query_engine *e, struct slice identity, struct slice bytes)
{
    struct progress_message m;
    const struct reasoner *r = find_reasoner(e, identity);
    if (r == NULL || progress_decode_all(bytes, NULL, &m) == -1) {
        counters[COUNT_MALFORMED]++;
        return;
    }
    const struct question *q = find_question(e, r, m.id);
    if (q != NULL) {
        m.id = q->id;
        answer_progress(q, &m);
    }
}

static void on_answer(struct query_engine *e, struct slice identity, struct slice bytes)
{
    struct answer_message m;
    struct reasoner *r = find_reasoner(e, identity);
    struct arena *a = arena_new(ANSWER_BYTES);
    if (r == NULL || a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        counters[COUNT_MALFORMED]++;
        arena_free(&a);
        return;
    }
    struct question *q = find_question(e, r, m.id);
    if (q != NULL) { /* else it was given up */
        r->running--;
        q->reasoner = NULL;
        engine_leave(q);
        answer_as_told(q, &m);
    }
    arena_free(&a);
}

static int on_socket(zloop_t *loop, zsock_t *socket, void *context)
{
    struct query_engine *e = context;
    struct bus_message m;
    int received;
    (void)loop;
    while ((received = bus_receive(socket, &m)) != 1) {
        if (received == -1) {
            counters[COUNT_MALFORMED]++;
            continue;
        }
        bool good = m.count == 2 && m.frames[0].len <= QUESTION_IDENTITY;
        int number = good ? message_number(m.frames[1]) : -1;
        if (number == MESSAGE_reasoner) {
            on_presence(e, m.frames[0], m.frames[1]);
        } else if (number == MESSAGE_progress) {
            on_progress(e, m.frames[0], m.frames[1]);
        } else if (number == MESSAGE_answer) {
            on_answer(e, m.frames[0], m.frames[1]);
        } else {
            counters[COUNT_MALFORMED]++;
        }
        bus_release(&m);
    }
    reasoners_dispatch(e);
    return 0;
}

/* ---- around ---- */

void reasoners_look(struct query_engine *e)
{
    struct reasoner *r, *next;
    DL_FOREACH_SAFE(e->reasoners, r, next)
    {
        if (daemon_clock_us() - r->heard_us > GONE_US) {
            gone(e, r);
        }
    }
    bool alone = e->reasoners == NULL && daemon_clock_us() - e->alone_us > ALONE_US;
    while (alone && e->tries.waiting != NULL) {
        engine_conclude((struct question *)e->tries.waiting, ANSWER_UNAVAILABLE, no_reasond);
    }
    counters[COUNT_REASONERS] = e->reasoner_count;
    counters[COUNT_TRIES] = e->tries.waiting_count;
    reasoners_dispatch(e);
}

int reasoners_start(struct query_engine *e, zloop_t *loop, zsock_t *socket)
{
    e->reason_socket = socket;
    if (zloop_reader(loop, socket, on_socket, e) == -1) {
        return -1;
    }
    zloop_reader_set_tolerant(loop, socket);
    return 0;
}

void reasoners_stop(struct query_engine *e)
{
    struct reasoner *r, *next;
    DL_FOREACH_SAFE(e->reasoners, r, next)
    {
        DL_DELETE(e->reasoners, r);
        free(r);
    }
    e->reasoner_count = 0;
}
