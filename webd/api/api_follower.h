/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A follower is a question to the feed with its cursor, asked again and again, and whom its answers
 * are told. Who begins elsewhere has a follower of its own until that has come to where another one
 * of the same question is.
 */
#ifndef EZREPO_API_FOLLOWER_H
#define EZREPO_API_FOLLOWER_H

#include "common/asking/sight.h"
#include "common/asking/specification.h"
#include "common/door/link.h"
#include "webd/api/api_listener.h"

#define API_FOLLOWER_LABEL  "QueryChanges"
#define API_FOLLOWER_CURSOR 256 /* bytes, with a NUL */

struct api_follower {
    struct api_follower *next, *previous; /* utlist */
    struct web *web;
    struct arena *arena;
    struct gateway_question question; /* of all that ask for the same */
    struct slice key, identity;       /* what is asked, as bytes */
    unsigned char sight[SIGHT_BYTES];
    char cursor[API_FOLLOWER_CURSOR]; /* where to go on; "": now */
    bool answered;
    uint64_t id; /* of the question under way; 0: none is */
    int64_t until_us;
    struct event *timer; /* the next question */
    struct api_listener *listeners;
};

/* All of them, and the way to queryd. */
struct api_changes {
    struct link link;
    struct api_follower *first;
    uint64_t last_id;
};

/* Whether both ask for the same series, and may see the same, from wherever. */
bool api_follower_asks_the_same(const struct api_follower *a, const struct api_follower *b);

/* One more of all. Its timer is NULL when memory is out. */
void api_follower_add(struct api_follower *f);

/* Asks, unless nobody listens any more or another one does it: then it is freed, and whoever
 * listens is the other's. */
void api_follower_ask(struct api_follower *f);

/* What queryd says: it is told to who listens, and asked for the next; or it ends with a refusal,
 * and is freed. */
void api_follower_answer(struct api_follower *f, const struct answer_message *m);

/* Breaks off the question that is under way, if one is. */
void api_follower_cancel(struct api_follower *f);

/* Nobody listens to it any more. */
void api_follower_free(struct api_follower *f);

#endif
