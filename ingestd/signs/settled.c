/* SPDX-License-Identifier: Apache-2.0 */
/* One moment at a time: reading, then storing. */
#include "ingestd/signs/settled.h"

bool settled_begin(struct settled *s, int64_t mark_us)
{
    if (s->phase != SETTLED_IDLE) {
        return false;
    }
    *s = (struct settled){.until_us = s->until_us, .mark_us = mark_us, .phase = SETTLED_READING};
    return true;
}

void settled_unread(struct settled *s, size_t socket)
{
    s->unread[socket] = true;
}

void settled_emptied(struct settled *s, size_t socket)
{
    s->unread[socket] = false;
}

bool settled_is_read(const struct settled *s)
{
    for (size_t i = 0; i < SETTLED_SOCKETS; i++) {
        if (s->unread[i]) {
            return false;
        }
    }
    return s->phase == SETTLED_READING;
}

void settled_in_batches(struct settled *s, uint64_t before)
{
    s->before = before;
    s->phase = SETTLED_STORING;
}

void settled_acknowledged(struct settled *s, uint64_t oldest)
{
    if (s->phase == SETTLED_STORING && oldest >= s->before) {
        s->until_us = s->mark_us;
        s->phase = SETTLED_IDLE;
    }
}
