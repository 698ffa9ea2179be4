/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what queryd or stored answered to an mPlane result or exception. Pure: no clock, no sockets.
 */
#ifndef EZREPO_GW_ANSWER_H
#define EZREPO_GW_ANSWER_H

#include "common/asking/specification.h"
#include "mplane-gw/jobs/repeat.h"

/* What a peer is told whose answer has no room in ours. */
#define ANSWER_OVERSIZED "the answer is too large for the gateway, ask for less"

/*
 * The message that answers the specification, given the bytes of an answer (or, when the question
 * was a publication, of a published) message: a result with the specification's sections, the
 * question's absolute scope and the columns in the specification's order, or an exception that says
 * what queryd or stored said. `token` and `label` are the reply's. Everything lives in the arena or
 * in the bytes. 0, or -1 when the arena is full.
 */
int answer_message_of(struct arena *a, const struct mplane_message *specification,
                      const struct gateway_question *q, struct slice bytes, struct slice token,
                      struct slice label, struct mplane_message *reply);

/*
 * The runs of a repeated specification so far in an envelope with their absolute scope: each the
 * message that answers it, with a token of its own, the digest of the specification with that run's
 * scope. In the arena or in the runs. 0, or -1 when the arena is full.
 */
int answer_envelope_of(struct arena *a, const struct mplane_message *specification,
                       const struct repeat *r, int64_t now_us, struct slice token,
                       struct slice label, struct mplane_message *reply);

/*
 * What a specification of a capability is answered with that its sender could use before: names it
 * by its token, without parameters and results, whose constraints peers cannot read.
 */
struct mplane_message answer_withdrawal(const struct mplane_message *capability);

/* An exception with printf's text, in the arena; without text when that is full. */
struct mplane_message answer_exception(struct arena *a, struct slice token, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A receipt for the specification, in the arena: its sections, this token and label. */
struct mplane_message answer_receipt(const struct mplane_message *specification, struct slice token,
                                     struct slice label);

#endif
