/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What doors that hand a body to ingestd have in common: who may deliver, the body, the lines of
 * the audit log, and what becomes of it as a status. How the answer is written is each door's.
 */
#ifndef EZREPO_DELIVERY_DOOR_H
#define EZREPO_DELIVERY_DOOR_H

#include "common/door/posts.h"
#include "ingest-gw/context_query.h"
#include "ingest-gw/doors.h"
#include "ingest-gw/ingest_answer.h"

/* How a door answers: with this status. The texts live in the post's arena; it is answered by
 * post_reply(). */
typedef void delivery_reply(struct post *p, int status, const struct ingest_answer *answer);

/* A body on its way, post.about. */
struct delivery_about {
    struct ingest *gateway;
    delivery_reply *reply;
    const char *door;   /* for the audit log */
    const char *format; /* the same */
    const char *token;  /* of the guest; or NULL */
    const char *outcome;
    const char *time; /* that was given for what has none; NULL: none was */
    uint64_t records;
    struct slice body; /* what the reply needs of it; or none */
    const void *more;  /* what else the door keeps of it, in the post's arena */
};

/*
 * Takes the request over. NULL after a reply: nobody may deliver anything that is this guest's, or
 * memory is out.
 */
struct post *delivery_begin(const struct door_request *r, const char *door, const char *format,
                            delivery_reply *reply);

/* Answers with this fault: nothing of it is taken, nor will be if it comes again. */
void delivery_refuse(struct post *p, int status, const char *reason, const char *detail);

/* Answers that it should come again later. */
void delivery_busy(struct post *p, const char *why);

/* Hands the body to ingestd in this format ("": mPlane's), for this guest, with what is known. */
void delivery_send(struct post *p, const struct door_guest *guest, struct slice format,
                   const struct context_query *context, struct slice body);

/* Answers with what became of it; it counts there, and is so called in the audit log. */
void delivery_answer(struct post *p, int status, enum ingest_counter counter, const char *outcome,
                     const struct ingest_answer *answer);

/* Answers as POST /ingest/FORMAT does. */
delivery_reply delivery_reply_json;

#endif
