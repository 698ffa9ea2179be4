/* SPDX-License-Identifier: Apache-2.0 */
/* All that stored owns while it runs, and when things happen; for the files of the loop, nobody
 * else includes this. */
#ifndef EZREPO_STORED_LOOP_PARTS_H
#define EZREPO_STORED_LOOP_PARTS_H

#include "common/deadline.h"
#include "stored/announce.h"
#include "stored/flush/flush.h"
#include "stored/inbox.h"
#include "stored/store.h"

struct loop {
    zloop_t *loop;
    zsock_t *graded, *announce, *store_socket, *signs;
    struct store store;
    struct flush *flush;
    struct inbox inbox;
    struct acks acks;
    bool paused;            /* nothing is read from `graded` */
    struct deadline work;   /* for what loop_work() does */
    struct deadline moment; /* for what is done beside it, and while draining */
    struct deadline soon;   /* for what of that is answered soon */
    int64_t database_at_us; /* not before this is the database tried (again) */
    int64_t backoff_ms;
    int64_t tell_copies_at_us;
    int64_t flush_at_us;   /* when the next transaction may begin although it is not full */
    int64_t away_since_us; /* of day; 0: it is there */
    int64_t received_at_us, drain_until_us;
    bool waiting; /* in the midst of a statement */
    bool loading; /* not ready yet: perhaps in the midst of an upgrade, which has a note of its own
                   */
};

/* ---- loop_database.c ---- */

/* Tries to connect, unless it is too early; then the store is read. */
void loop_connect(struct loop *self);
bool loop_database_is_ready(const struct loop *self, int64_t clock_us);
/* A step with the database failed: when it may be tried again. */
void loop_back_off(struct loop *self);
void loop_note_connected(struct loop *self);
void loop_note_away(const struct loop *self);
/* PostgreSQL says nothing: meanwhile the status is written, and the version announced. False: an
 * upgrade is to be broken off, by a SIGTERM. */
bool loop_silent(struct loop *self, int64_t silence_us);

/* ---- loop_flush.c ---- */

/* Everything that can be done now is done; then the timer is set for what comes later. */
void loop_work(struct loop *self);
/* Reads batches: enough for a flush, or, while there is no database to write it to, all there is
 * room for. */
void loop_receive(struct loop *self);
/* Who holds questions, and who listens by SQL, is told of what is new. */
void loop_tell_arrived(struct loop *self);
int loop_on_graded(zloop_t *loop, zsock_t *reader, void *context);
void loop_on_work(void *context);

/* ---- loop_beside.c ---- */

/* What is done beside the flushes is looked after within a moment. While nothing is under way, and
 * nothing comes, that is so once a second (loop_tick()). */
void loop_look_in_a_moment(struct loop *self);
void loop_look_now(struct loop *self);
/* An answer that is to come soon is not left to the next moment. */
void loop_await_answer(struct loop *self);
/* Batches wait for partitions while these are made, as many as there can be with the others in the
 * database. Those that wait no more are ready. */
void loop_look_after_days(struct loop *self, int64_t clock_us);
void loop_on_moment(void *context);
void loop_on_soon(void *context);

/* ---- loop_drain.c ---- */

void loop_begin_draining(struct loop *self);
void loop_go_on_draining(struct loop *self);

#endif
