/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question under way: what was asked, where it stands, and the cells of its answer. It holds
 * one arena, which bounds its answer; a row beyond it ends the statement.
 */
#ifndef EZREPO_QUERYD_QUESTION_H
#define EZREPO_QUERYD_QUESTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/message.h"
#include "common/turns.h"
#include "queryd/criteria.h"
#include "queryd/cursor.h"
#include "queryd/why/explainer.h"

#define QUESTION_IDENTITY 255 /* ZeroMQ's routing ids are not longer */

struct query_engine;
struct reasoner;

/* Which statement of a question is under way, or is next. */
enum question_step {
    STEP_ASK,
    STEP_NAMES,   /* all grade names */
    STEP_VERSIONS /* of the grading, by which records are graded again */
};

struct question {
    struct turn turn; /* comes first: a turn is its question's beginning */
    struct question *prev, *next;
    struct query_engine *engine; /* whose question it is; outlives it */
    bool running;
    char identity[QUESTION_IDENTITY];
    size_t identity_length;
    uint64_t id;
    int64_t arrived_us, deadline_us; /* daemon_clock_us() */
    struct arena *arena;
    struct criteria criteria;
    struct slice *cells; /* texts in the arena */
    uint32_t cell_count, cell_room;
    int64_t held_until_us; /* may wait so long for something to answer; 0: is answered at once */
    bool held;      /* waits for it, and has no turn: its cells say that there is nothing yet */
    bool due;       /* there may be something by now */
    uint32_t looks; /* how often it was held */
    uint64_t news_known; /* that there were when its statement began */
    struct slice asker;
    char moved[CURSOR_KEYS][24]; /* how far it has come meanwhile */
    bool cancelled;              /* nobody waits for the answer any more */
    bool too_large;
    enum question_step step;
    void *explained;           /* of one that explains: its explainer's, what was read so far */
    const char *versions;      /* of the grading, that are to be read */
    bool reasoned;             /* reasonds work at it; turn is one of the engine's `tries` then */
    struct reasoner *reasoner; /* which has it; NULL: none yet */
    uint64_t number;           /* as which that one knows it */
    struct query_message handed_on;
    bool name_found;
    char names[LIMIT_TEXT_BYTES / 2];
};

/* Of a message from this routing id, at this time; its arena has room for so long an answer. NULL
 * when memory is out. */
struct question *question_new(struct query_engine *engine, struct slice identity,
                              int64_t answer_bytes, int64_t now_us);
void question_free(struct question *q);

/* One more cell of what is read, or of the answer; the text is not copied. -1: there is no room. */
int question_add_cell(struct question *q, struct slice text);

/* A row of the statement under way; pool.h has the contract. */
int question_row(void *owner, const PGresult *result);

#endif
