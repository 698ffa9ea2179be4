/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that goes from an envelope to its messages. */
#include "common/mplane/envelope.h"

#include <inttypes.h>
#include <stdio.h>

/* "contents[4294967295]." */
#define STEP_BYTES 21

size_t mplane_place_text(const struct mplane_place *place, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < place->depth && used + STEP_BYTES < size; i++) {
        int n = snprintf(text + used, size - used, "%scontents[%" PRIu32 "]", i == 0 ? "" : ".",
                         place->number[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return used;
}

const char *mplane_place_prefix(struct arena *a, const struct mplane_place *place)
{
    char text[JSON_DEPTH * STEP_BYTES + 1];
    if (mplane_place_text(place, text, sizeof text) == 0) {
        return "";
    }
    const char *prefix = arena_printf(a, "%s.", text);
    return prefix == NULL ? "" : prefix;
}

struct message_walk {
    enum mplane_step (*meet)(void *context, const struct mplane_members *m,
                             const struct mplane_place *place);
    void *context;
    struct mplane_place place;
};

bool mplane_can_open(const struct mplane_members *m)
{
    const struct json *contents = m->at[MPLANE_KEY_CONTENTS];
    return m->at[MPLANE_KEY_ENVELOPE] != NULL && contents != NULL && contents->type == JSON_ARRAY;
}

bool mplane_opens(const struct mplane_members *m, const struct mplane_place *place)
{
    return mplane_can_open(m) && place->depth < MPLANE_NESTING;
}

/* Recursion is as deep as the JSON, which json_parse() bounds. */
static int walk(struct message_walk *w, const struct json *message)
{
    struct mplane_members members;
    mplane_members_sort(message, &members);
    enum mplane_step step = w->meet(w->context, &members, &w->place);
    if (step != MPLANE_OPEN) {
        return step == MPLANE_STOP ? -1 : 0;
    }
    uint32_t *number = &w->place.number[w->place.depth++];
    *number = 0;
    for (const struct json *m = members.at[MPLANE_KEY_CONTENTS]->first; m != NULL; m = m->next) {
        if (walk(w, m) == -1) {
            return -1;
        }
        ++*number;
    }
    w->place.depth--;
    return 0;
}

int mplane_walk(const struct json *message,
                enum mplane_step (*meet)(void *context, const struct mplane_members *m,
                                         const struct mplane_place *place),
                void *context)
{
    struct message_walk w;
    w.meet = meet;
    w.context = context;
    w.place.depth = 0;
    return walk(&w, message);
}
