/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a message as JSON and those within it: envelopes hold messages, which may be
 * envelopes. Pure.
 */
#ifndef EZREPO_MPLANE_ENVELOPE_H
#define EZREPO_MPLANE_ENVELOPE_H

#include "common/arena.h"
#include "common/mplane/members.h"

/* Envelopes inside envelopes that gateway and ezrepoctl open, at most. */
#define MPLANE_NESTING 4

/* Where a message stands: in how many envelopes, and as which of the messages in each, from 0, the
 * outermost first. */
struct mplane_place {
    uint32_t depth;
    uint32_t number[JSON_DEPTH];
};

/* "contents[1].contents[0]", or "", as much of it as there is room for; its length. */
size_t mplane_place_text(const struct mplane_place *place, char *text, size_t size);

/* The same before what stands in the message: "contents[1].contents[0].", or "". In the arena; ""
 * also when that is full. */
const char *mplane_place_prefix(struct arena *a, const struct mplane_place *place);

/* What becomes of a message: nothing more, the messages in it are met, or the walk ends here. */
enum mplane_step { MPLANE_GO_ON, MPLANE_OPEN, MPLANE_STOP };

/* Whether there are messages in it to be met: an envelope, whatever else it says it is, whose
 * contents are a list. */
bool mplane_can_open(const struct mplane_members *m);

/* The same for who opens no more than MPLANE_NESTING envelopes inside each other. */
bool mplane_opens(const struct mplane_members *m, const struct mplane_place *place);

/*
 * Meets the message, then those within it in their order, as deep as meet() has envelopes opened;
 * it may say so of those that mplane_can_open() only. Members and place are good until it returns.
 * 0, or -1 when it ended the walk.
 */
int mplane_walk(const struct json *message,
                enum mplane_step (*meet)(void *context, const struct mplane_members *m,
                                         const struct mplane_place *place),
                void *context);

#endif
