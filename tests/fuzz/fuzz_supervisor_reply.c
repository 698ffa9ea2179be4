/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a supervisor says when it is polled: what is told lies where its place says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mplane/envelope.h"
#include "common/mplane/mplane_message.h"
#include "mplane-gw/supervisors/supervisor_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *context, const struct mplane_members *m, const char *place)
{
    size_t *told = context, depth = 0;
    for (const char *p = place; (p = strstr(p, "contents[")) != NULL; p++) {
        depth++;
    }
    if (m->message == NULL || depth > MPLANE_NESTING) {
        abort();
    }
    (void)mplane_members_text(m, MPLANE_KEY_TOKEN);
    (void)mplane_members_text(m, MPLANE_KEY_LINK);
    ++*told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t told = 0;
    struct supervisor_reply reply = {
        .now_us = INT64_C(1795000000000000), .take = take, .context = &told};
    struct arena *a = arena_new((size_t)64 << 20);
    struct slice body = {(const char *)data, size};
    if (a != NULL && supervisor_reply_read(a, body, &reply) == -1 &&
        (told > 0 || reply.has_callback || reply.error[0] == '\0')) {
        abort();
    }
    arena_free(&a);
    return 0;
}
