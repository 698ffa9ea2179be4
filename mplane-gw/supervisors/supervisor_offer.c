/* SPDX-License-Identifier: Apache-2.0 */
/* What a supervisor may ask for, as it was told. No clock, no sockets. */
#include "mplane-gw/supervisors/supervisor_offer.h"

#include <stdlib.h>

#define OFFER_BYTES (256 * 1024)

struct offer {
    struct arena *arena;
    size_t count;
    struct mplane_message withdrawal[OFFER_MAX]; /* of each capability */
};

void offer_free(struct offer **o)
{
    if (*o != NULL) {
        arena_free(&(*o)->arena);
        free(*o);
        *o = NULL;
    }
}

static int add(struct offer *o, const struct mplane_message *capability)
{
    struct mplane_message *m = &o->withdrawal[o->count];
    *m = (struct mplane_message){.kind = MPLANE_WITHDRAWAL,
                                 .verb = arena_copy(o->arena, capability->verb),
                                 .registry = arena_copy(o->arena, capability->registry),
                                 .label = arena_copy(o->arena, capability->label),
                                 .token = arena_copy(o->arena, capability->token),
                                 .has_when = true,
                                 .when = capability->when};
    if (m->verb.at == NULL || m->registry.at == NULL || m->label.at == NULL ||
        m->token.at == NULL) {
        return -1;
    }
    o->count++;
    return 0;
}

struct offer *offer_new(const struct capabilities *c, const struct access *a, struct slice identity)
{
    struct offer *o = calloc(1, sizeof *o);
    if (o == NULL || (o->arena = arena_new(OFFER_BYTES)) == NULL) {
        free(o);
        return NULL;
    }
    for (size_t i = 0; i < capabilities_count(c) && o->count < OFFER_MAX; i++) {
        const struct capability *k = capabilities_at(c, i);
        if (k->kind != CAPABILITY_COLLECT && capability_denied(k, a, identity) == NULL &&
            add(o, &k->message) == -1) {
            offer_free(&o);
            return NULL;
        }
    }
    return o;
}

size_t offer_count(const struct offer *o)
{
    return o == NULL ? 0 : o->count;
}

static bool has(const struct offer *o, struct slice token)
{
    for (size_t i = 0; i < offer_count(o); i++) {
        if (slice_equal(o->withdrawal[i].token, token)) {
            return true;
        }
    }
    return false;
}

bool offer_same(const struct offer *a, const struct offer *b)
{
    bool same = offer_count(a) == offer_count(b);
    for (size_t i = 0; same && i < offer_count(a); i++) {
        same = has(b, a->withdrawal[i].token);
    }
    return same;
}

struct slice offer_envelope(struct arena *a, const struct offer *from, const struct offer *to,
                            const struct capabilities *c, const struct registry *r)
{
    struct mplane_message e = {.kind = MPLANE_ENVELOPE, .verb = slice_of("message")};
    e.contents = arena_calloc(a, offer_count(from) + offer_count(to) + 1, sizeof *e.contents);
    if (e.contents == NULL) {
        return (struct slice){NULL, 0};
    }
    for (size_t i = 0; i < offer_count(from); i++) {
        if (!has(to, from->withdrawal[i].token)) {
            e.contents[e.content_count++] = from->withdrawal[i];
        }
    }
    for (size_t i = 0; i < offer_count(to); i++) {
        const struct capability *k = capabilities_by_token(c, to->withdrawal[i].token);
        if (k != NULL && !has(from, k->token)) {
            struct mplane_message *m = &e.contents[e.content_count++];
            *m = k->message;
            m->link = m->export = (struct slice){NULL, 0};
        }
    }
    return mplane_message_write(a, &e, r);
}
