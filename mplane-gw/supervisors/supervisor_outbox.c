/* SPDX-License-Identifier: Apache-2.0 */
/* A queue with bounds. Knows neither sockets nor what the messages mean. */
#include "mplane-gw/supervisors/supervisor_outbox.h"

#include <stdlib.h>
#include <utlist.h>

#include "mplane-gw/supervisors/supervisor_state.h"

static void message_free(struct outbox_message *m)
{
    if (m != NULL) {
        free(m->url);
        free(m->identity);
        free(m->bytes);
        free(m);
    }
}

static struct outbox_message *message_new(const char *url, const char *identity, struct slice text)
{
    struct outbox_message *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->url = strdup(url);
    m->identity = identity == NULL ? NULL : strdup(identity);
    m->bytes = malloc(text.len + 1);
    if (m->url == NULL || m->bytes == NULL || (identity != NULL && m->identity == NULL)) {
        message_free(m);
        return NULL;
    }
    memcpy(m->bytes, text.at, text.len);
    m->size = text.len;
    return m;
}

static void take_out(struct supervisor_outbox *o, struct outbox_message *m)
{
    DL_DELETE2(o->first, m, previous, next);
    o->count--;
    o->bytes -= m->size;
    message_free(m);
}

static void drop(struct supervisor_outbox *o, struct outbox_message *m)
{
    take_out(o, m);
    o->dropped++;
}

void outbox_add(struct supervisor_outbox *o, const char *url, const char *identity,
                struct slice text, size_t max_bytes, bool being_sent, int64_t now_us)
{
    while (o->count > (being_sent ? 1U : 0U) &&
           (o->count >= OUTBOX_MESSAGES || o->bytes + text.len > max_bytes)) {
        drop(o, being_sent ? o->first->next : o->first);
    }
    /* One alone is always taken: what makes it bounds it. */
    bool room = o->count == 0 || (o->count < OUTBOX_MESSAGES && o->bytes + text.len <= max_bytes);
    struct outbox_message *m = room ? message_new(url, identity, text) : NULL;
    if (m == NULL) {
        o->dropped++;
        return;
    }
    m->since_us = now_us;
    DL_APPEND2(o->first, m, previous, next);
    o->count++;
    o->bytes += m->size;
}

struct outbox_message *outbox_next(struct supervisor_outbox *o, int64_t keep_us, int64_t now_us)
{
    while (o->first != NULL && now_us - o->first->since_us > keep_us) {
        drop(o, o->first);
    }
    return now_us < o->due_us ? NULL : o->first;
}

void outbox_did(struct supervisor_outbox *o, enum outbox_fate fate, int64_t now_us, uint32_t random)
{
    struct outbox_message *m = o->first;
    bool refused = fate == OUTBOX_REFUSED && ++m->refusals >= OUTBOX_REFUSALS;
    bool again = fate == OUTBOX_UNREACHED || (fate == OUTBOX_REFUSED && !refused);
    o->failures = again ? o->failures + 1 : 0;
    o->due_us = again ? now_us + supervisor_backoff_us(o->failures, random) : now_us;
    if (!again) {
        o->dropped += fate != OUTBOX_SENT;
        take_out(o, m);
    }
}

void outbox_clear(struct supervisor_outbox *o)
{
    while (o->first != NULL) {
        drop(o, o->first);
    }
}
