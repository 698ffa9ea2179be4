/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway does with one mPlane message of a peer: whether it may, which job it means, what
 * the reply is. Knows no HTTP and waits for nothing.
 */
#ifndef EZREPO_GW_DESK_H
#define EZREPO_GW_DESK_H

#include "mplane-gw/desk_reply.h"
#include "mplane-gw/jobs/repeats_file.h"

void desk_handle(const struct desk_request *r, struct desk_reply *reply);

/*
 * Fills the reply with what its job has to say now: reply->rendered with its result, exception or,
 * when a repeated specification's (job->repeat) times are over, its envelope, which to a redemption
 * it also is before, with the runs so far. Or reply->message with a receipt while it is under way;
 * then the job is kept for who redeems it. Lives in the arena and as long as the job is held.
 */
void desk_render(struct gateway *g, struct arena *a, struct desk_reply *reply);

/*
 * Puts a receipt in place of what desk_render() made of its job: the answer is kept to be redeemed.
 */
void desk_postpone(struct desk_reply *reply);

/* Lets go of job and text. */
void desk_release(struct desk_reply *reply);

/* Takes a repeated specification up again after a restart; for repeats_start(). */
int desk_restore(struct gateway *g, const struct repeats_entry *e, char *error, size_t error_size);

/*
 * For reading a body and judging its messages: as large as all of that may become.
 * Results are not written in it. NULL when memory is out; the caller owns it.
 */
struct arena *desk_arena(void);

/* What reading a body takes at most, about. */
size_t desk_tree_bytes(size_t body_bytes);

/*
 * Whether the identity may use the capability; when not, that is counted and logged, and the reply
 * an exception. Of the reply only door and token need be set.
 */
bool desk_may_use(const struct desk_request *r, struct desk_reply *reply,
                  const struct capability *k);

#endif
