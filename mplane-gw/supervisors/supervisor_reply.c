/* SPDX-License-Identifier: Apache-2.0 */
/* The reply to a poll, taken apart. */
#include "mplane-gw/supervisors/supervisor_reply.h"

#include <stdio.h>

#include "common/mplane/envelope.h"
#include "common/mplane/mplane_message.h"
#include "common/mplane/when.h"

/* "Poll again then": by its verb as the specification has it, by its label as programs do. */
static bool is_callback(const struct mplane_members *m)
{
    return m->at[MPLANE_KEY_SPECIFICATION] != NULL &&
           (slice_is(mplane_members_text(m, MPLANE_KEY_SPECIFICATION), "callback") ||
            slice_is(mplane_members_text(m, MPLANE_KEY_LABEL), "callback"));
}

/* Its scope's end is the time, or where it has none its single point. */
static void take_callback(const struct mplane_members *m, struct supervisor_reply *reply)
{
    struct when w;
    int64_t start_us, end_us;
    bool instant;
    char error[sizeof reply->error] = "without a time";
    struct slice when = mplane_members_text(m, MPLANE_KEY_WHEN);
    if (when.at == NULL || when_parse(when, &w, error, sizeof error) == -1 ||
        when_range(&w, reply->now_us, &start_us, &end_us, &instant) == -1) {
        reply->bad_callbacks++;
        snprintf(reply->error, sizeof reply->error, "%s", error);
        return;
    }
    if (end_us != WHEN_FUTURE && start_us != WHEN_PAST) {
        reply->has_callback = true;
        reply->callback_us = instant ? start_us : end_us;
    }
}

/* A reply being taken apart. */
struct reply_walk {
    struct arena *arena;
    struct supervisor_reply *reply;
};

static enum mplane_step take_message(void *context, const struct mplane_members *m,
                                     const struct mplane_place *place)
{
    struct reply_walk *w = context;
    if (mplane_opens(m, place)) {
        return MPLANE_OPEN;
    }
    if (is_callback(m)) {
        take_callback(m, w->reply);
    } else {
        w->reply->take(w->reply->context, m, mplane_place_prefix(w->arena, place));
    }
    return MPLANE_GO_ON;
}

/* What is neither an envelope nor something that asks is somebody else's page. */
static bool makes_sense(const struct json *tree)
{
    struct mplane_members m;
    mplane_members_sort(tree, &m);
    return m.at[MPLANE_KEY_ENVELOPE] != NULL
               ? mplane_can_open(&m)
               : m.at[MPLANE_KEY_SPECIFICATION] != NULL || m.at[MPLANE_KEY_INTERRUPT] != NULL ||
                     m.at[MPLANE_KEY_REDEMPTION] != NULL;
}

int supervisor_reply_read(struct arena *a, struct slice body, struct supervisor_reply *reply)
{
    reply->has_callback = false;
    reply->bad_callbacks = 0;
    snprintf(reply->error, sizeof reply->error, "the reply is no envelope of mPlane messages");
    const struct json *tree =
        json_parse(a, body, &mplane_limits, reply->error, sizeof reply->error);
    if (tree == NULL || !makes_sense(tree)) {
        return -1;
    }
    struct reply_walk w = {a, reply};
    return mplane_walk(tree, take_message, &w);
}
