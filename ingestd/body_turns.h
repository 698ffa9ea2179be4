/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that were delivered and wait to be read: by turns of who sent them, each for a slice of
 * time, so that nobody's many or large ones keep others waiting for more than that. Nothing of a
 * body is taken before all of it is read, so it can be begun anew at any time. Bounded by number
 * and bytes, and in what is read of them by memory. No sockets.
 */
#ifndef EZREPO_INGESTD_BODY_TURNS_H
#define EZREPO_INGESTD_BODY_TURNS_H

#include "common/bus.h"
#include "common/turns.h"
#include "ingestd/intake.h"

struct body_turns;

/* One of them. */
struct delivered_body {
    struct turn turn;
    struct delivered_body *prev, *next; /* of those that are being read */
    struct bus_message message;         /* the peer, what is told of the body, the body */
    struct deliver_message about;       /* once it is being read */
    uint64_t id, stored_within_ms;      /* of what is told */
    int64_t came_us;                    /* of the clock that never steps */
    uint64_t mark;                      /* how often they had been marked when it came */
    struct arena *arena;                /* once it is being read; what comes of it is there */
    struct intake_body *reading;        /* NULL: not begun */
    size_t counted;                     /* of the arena */
};

/* The intake outlives it. NULL when memory is out. The caller owns it. */
struct body_turns *body_turns_new(struct intake *intake);
void body_turns_free(struct body_turns **t);

/* Whether one more may be added, and how many there are. */
bool body_turns_have_room(const struct body_turns *t);
size_t body_turns_count(const struct body_turns *t);

/* Those that are there now are marked; how many of these are not done. */
void body_turns_mark(struct body_turns *t);
size_t body_turns_marked(const struct body_turns *t);

/* The end of its sender's queue. The message is owned from then on. NULL, or why it cannot be. */
const char *body_turns_add(struct body_turns *t, struct bus_message *m,
                           const struct deliver_message *about, int64_t now_us);

/* Whose turn it is; NULL: there is none. Then one of the three that follow is called. */
struct delivered_body *body_turns_next(struct body_turns *t);

/*
 * Reads on, until it is done or this time has come, but for one step at least. 1: all of it is
 * read, and may be taken; 0: it is not, and waits for its sender's next turn; -1: memory is out.
 */
int body_turns_read(struct body_turns *t, struct delivered_body *b, int64_t until_us);

/* It is done with; what came of it is gone. */
void body_turns_done(struct body_turns *t, struct delivered_body **b);

/* What bodies are read by becomes another: those under way are begun anew, with their next turn. */
void body_turns_restart(struct body_turns *t);

#endif
