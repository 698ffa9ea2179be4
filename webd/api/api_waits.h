/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the API that wait for what somebody else finds out: queryd, stored, a thread. So many
 * may be under way, of one identity and of all; each ends once, is audited and counted then.
 */
#ifndef EZREPO_API_WAITS_H
#define EZREPO_API_WAITS_H

#include "common/asking/sight.h"
#include "common/asking/specification.h"
#include "webd/api/api_answer.h"
#include "webd/visitor.h"

#define API_WAIT_ERROR_BYTES 2048 /* of a message */

/* What waits. The first member of whatever its kind adds; in an arena of its own, with the texts of
 * what is asked. */
struct api_wait {
    struct api_wait *next, *previous; /* utlist */
    struct api_waits *of;
    struct web *web;
    struct arena *arena;
    struct evhttp_request *request; /* NULL: who asked has left */
    struct connection *connection;  /* likewise */
    const char *label;              /* what is asked, for the audit log and who reads refusals */
    const char *full;               /* why it is one too many; NULL: it is not */
    uint64_t id;                    /* among those of its kind, from 1 */
    enum capability_kind kind;      /* who may use it may ask this */
    enum api_form form;
    struct gateway_question question;
    struct slice identity, token, peer;
    uint64_t thousandths, records;    /* how far it is, where that is told */
    unsigned char sight[SIGHT_BYTES]; /* of a question that some see less of */
    int64_t begun_us, deadline_us;    /* of the daemon's clock */
};

/* All of one kind. All but what is under way is said at the beginning. */
struct api_waits {
    size_t bytes, arena_bytes; /* of one, and of all that is in its arena */
    const char *what;          /* "questions" */
    const char *verb;          /* "ask": what one may not who is denied */
    /* Who asked has left: `request` is NULL. NULL: it goes on, and is counted when it ends. */
    void (*gone)(struct api_wait *k);
    struct api_wait *first; /* the oldest one */
    size_t count;
    uint64_t last_id;
};

/* One more; `most` and `most_of_one` may be under way. NULL after the request was answered: memory
 * is out. */
struct api_wait *api_wait_new(struct api_waits *all, struct web *w, struct evhttp_request *request,
                              struct connection *c, const struct visitor *v,
                              enum capability_kind kind, size_t most, size_t most_of_one);

/* Whether its asker may ask it, in a form there is, and it is not one too many; else it is refused.
 */
bool api_wait_may(struct api_wait *k, const struct visitor *v);

/* From now on it is known whether its asker leaves. */
void api_wait_begin(struct api_wait *k);

/* The one of this number; NULL: it has ended. */
struct api_wait *api_waits_find(const struct api_waits *all, uint64_t id);

/* Ends it with this text, allocated, which is freed once it was sent; whoever left is sent nothing,
 * and counted so. `outcome` and `rows` are for the audit log. */
void api_wait_end(struct api_wait *k, int status, const char *outcome, uint64_t rows,
                  const char *type, char *text, size_t size, enum web_counter counter);

/* The same with a refusal. */
void api_wait_refuse(struct api_wait *k, int status, const char *reason, const char *message,
                     enum web_counter counter);

/* Ends one whose asker has left: it is counted and audited so. */
void api_wait_abandon(struct api_wait *k);

/* Forgets all: the process ends. */
void api_waits_forget(struct api_waits *all);

#endif
