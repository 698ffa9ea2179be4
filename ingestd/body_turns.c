/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies by turns of their senders. */
#include "ingestd/body_turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"

#define BODIES_MOST   512
#define BODIES_OF_ONE 384 /* of them, of one sender */
#define BODIES_BYTES  ((size_t)64 << 20)
#define ARENAS_KEPT   4

/* A tree of the most values a body may have, its strings, its records. */
#define BODY_ARENA_BYTES ((size_t)160 << 20)

/* When all that is read takes as much, only the one begun first goes on. */
#define READING_BYTES BODY_ARENA_BYTES

struct body_turns {
    struct intake *intake;
    struct turns turns;
    struct delivered_body *reading; /* in the order in which they were begun */
    uint64_t mark;                  /* how often they were marked */
    size_t marked;                  /* that are not done */
    size_t bytes;                   /* of all bodies */
    size_t reading_bytes;           /* of what is read of them */
    struct arena *spare[ARENAS_KEPT];
    size_t spare_count;
};

struct body_turns *body_turns_new(struct intake *intake)
{
    struct body_turns *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->intake = intake;
        t->turns = (struct turns){.waiting_most = BODIES_OF_ONE, .running_most = 1};
    }
    return t;
}

void body_turns_free(struct body_turns **t)
{
    struct delivered_body *b;
    if (*t == NULL) {
        return;
    }
    while ((b = body_turns_next(*t)) != NULL) {
        body_turns_done(*t, &b);
    }
    while ((*t)->spare_count > 0) {
        arena_free(&(*t)->spare[--(*t)->spare_count]);
    }
    free(*t);
    *t = NULL;
}

bool body_turns_have_room(const struct body_turns *t)
{
    return t->turns.waiting_count < BODIES_MOST && t->bytes < BODIES_BYTES;
}

size_t body_turns_count(const struct body_turns *t)
{
    return t->turns.waiting_count;
}

void body_turns_mark(struct body_turns *t)
{
    t->mark++;
    t->marked = body_turns_count(t);
}

size_t body_turns_marked(const struct body_turns *t)
{
    return t->marked;
}

/* ---- waiting ---- */

static struct slice bytes_of(const struct delivered_body *b)
{
    return b->message.frames[2];
}

const char *body_turns_add(struct body_turns *t, struct bus_message *m,
                           const struct deliver_message *about, int64_t now_us)
{
    char name[INTAKE_NAME_BYTES];
    struct delivered_body *b = calloc(1, sizeof *b);
    int rc = b == NULL ? -1 : turns_join(&t->turns, intake_name(about, name), &b->turn);
    if (rc != 0) {
        free(b);
        return rc == 1 ? "too many deliveries of this sender wait" : "out of memory";
    }
    bus_move(&b->message, m);
    b->id = about->id;
    b->stored_within_ms = about->stored_within_ms;
    b->came_us = now_us;
    b->mark = t->mark;
    t->bytes += bytes_of(b).len;
    return NULL;
}

struct delivered_body *body_turns_next(struct body_turns *t)
{
    return (struct delivered_body *)turns_next(&t->turns);
}

/* ---- reading ---- */

static int begin(struct body_turns *t, struct delivered_body *b)
{
    b->arena = t->spare_count > 0 ? t->spare[--t->spare_count] : arena_new(BODY_ARENA_BYTES);
    if (b->arena == NULL) {
        return -1;
    }
    DL_APPEND(t->reading, b);
    /* It was read before, to know whose it is. */
    b->reading = deliver_decode_all(b->message.frames[1], b->arena, &b->about) == -1
                     ? NULL
                     : intake_body_begin(t->intake, &b->about, bytes_of(b), b->arena);
    return b->reading == NULL ? -1 : 0;
}

static void count(struct body_turns *t, struct delivered_body *b, size_t bytes)
{
    t->reading_bytes = t->reading_bytes - b->counted + bytes;
    b->counted = bytes;
}

/* What is read of it is forgotten. */
static void leave(struct body_turns *t, struct delivered_body *b)
{
    if (b->reading != NULL) {
        intake_body_end(b->reading);
        b->reading = NULL;
    }
    if (b->arena == NULL) {
        return;
    }
    count(t, b, 0);
    DL_DELETE(t->reading, b);
    if (t->spare_count < ARENAS_KEPT) {
        arena_reset(b->arena);
        t->spare[t->spare_count++] = b->arena;
        b->arena = NULL;
    }
    arena_free(&b->arena);
}

int body_turns_read(struct body_turns *t, struct delivered_body *b, int64_t until_us)
{
    bool first = t->reading == NULL || t->reading == b;
    int rc = 0;
    if (first || t->reading_bytes < READING_BYTES) {
        if (b->arena == NULL && begin(t, b) == -1) {
            return -1;
        }
        bool more;
        while ((more = intake_body_go_on(b->reading)) && daemon_clock_us() < until_us) {
        }
        count(t, b, arena_used(b->arena));
        rc = more ? 0 : 1;
    }
    if (rc == 0) {
        turns_again(&t->turns, &b->turn);
    }
    return rc;
}

void body_turns_done(struct body_turns *t, struct delivered_body **done)
{
    struct delivered_body *b = *done;
    turns_done(&t->turns, &b->turn);
    t->marked -= b->mark < t->mark ? 1 : 0;
    t->bytes -= bytes_of(b).len;
    leave(t, b);
    bus_release(&b->message);
    free(b);
    *done = NULL;
}

void body_turns_restart(struct body_turns *t)
{
    while (t->reading != NULL) {
        leave(t, t->reading);
    }
}
