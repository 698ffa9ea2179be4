/* SPDX-License-Identifier: Apache-2.0 */
/* The reply to a poll, taken apart. */
#include "mplane-gw/supervisor_reply.h"

#include <stdio.h>

#include "common/mplane/mplane_message.h"
#include "common/mplane/when.h"

/* "Poll again then": by its verb as the specification has it, by its label as programs do. */
static bool is_callback(const struct json *tree)
{
    return json_get(tree, "specification") != NULL &&
           (json_is(json_get(tree, "specification"), "callback") ||
            json_is(json_get(tree, "label"), "callback"));
}

/* Its scope's end is the time, or where it has none its single point. */
static void take_callback(const struct json *tree, struct supervisor_reply *reply)
{
    struct when w;
    int64_t start_us, end_us;
    bool instant;
    char error[sizeof reply->error] = "without a time";
    struct slice when = mplane_message_section(tree, "when");
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

static void take_tree(struct arena *a, const struct json *tree, const char *place, int nesting,
                      struct supervisor_reply *reply)
{
    const struct json *contents = json_get(tree, "contents");
    if (json_get(tree, "envelope") != NULL && nesting > 0 && contents != NULL &&
        contents->type == JSON_ARRAY) {
        unsigned number = 0;
        for (const struct json *m = contents->first; m != NULL; m = m->next) {
            const char *inner = arena_printf(a, "%scontents[%u].", place, number++);
            take_tree(a, m, inner == NULL ? "" : inner, nesting - 1, reply);
        }
    } else if (is_callback(tree)) {
        take_callback(tree, reply);
    } else {
        reply->take(reply->context, tree, place);
    }
}

/* What is neither an envelope nor something that asks is somebody else's page. */
static bool makes_sense(const struct json *tree)
{
    static const char *const kinds[] = {"specification", "interrupt", "redemption"};
    const struct json *contents = json_get(tree, "contents");
    if (json_get(tree, "envelope") != NULL) {
        return contents != NULL && contents->type == JSON_ARRAY;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (json_get(tree, kinds[i]) != NULL) {
            return true;
        }
    }
    return false;
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
    take_tree(a, tree, "", MPLANE_NESTING, reply);
    return 0;
}
