/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor says when it is polled: an envelope of messages that may be nested, or one
 * message; among them when to poll again. Pure: nothing is done about them here.
 */
#ifndef EZREPO_GW_SUPERVISOR_REPLY_H
#define EZREPO_GW_SUPERVISOR_REPLY_H

#include "common/mplane/members.h"

struct supervisor_reply {
    int64_t now_us; /* given: what "now" in a callback is, since 1970 */
    /* Given: told of each message that asks something, in order; `place` is where it stands within
     * the body, with a dot behind it, or "". The members are good until it returns, what they point
     * at and the place live in the arena. */
    void (*take)(void *context, const struct mplane_members *m, const char *place);
    void *context;
    bool has_callback;
    int64_t callback_us;  /* since 1970; of the last callback */
    size_t bad_callbacks; /* without a time, or with none that can be read */
    char error[256];      /* why the body is nonsense, or the last callback bad */
};

/* -1 when it is nonsense: then nothing was told. Its trees live in the arena. */
int supervisor_reply_read(struct arena *a, struct slice body, struct supervisor_reply *reply);

#endif
