/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups that are closed, and what came too late, on their way to ingestd: some at a time, each
 * again until it is answered.
 */
#ifndef EZREPO_INGEST_GW_REMOTE_OUTBOX_H
#define EZREPO_INGEST_GW_REMOTE_OUTBOX_H

#include <event2/event.h>

#include "common/message.h"
#include "ingest-gw/remote/assembly.h"

struct remote_outbox;

struct outbox_kind {
    void *context;
    /* The next group that is ready; NULL: none is. */
    const struct assembly_group *(*next)(void *context);
    /* What ingestd said of it: it is kept or refused. */
    void (*done)(void *context, const struct assembly_group *g, const struct delivered_message *m);
    /* It has to be delivered again, later. */
    void (*again)(void *context, const struct assembly_group *g);
    uint64_t *malformed;
};

/* NULL after an error was logged. The kind outlives it. The caller owns it. */
struct remote_outbox *outbox_new(struct event_base *base, const struct outbox_kind *kind);
void outbox_free(struct remote_outbox **o);

/* Sends what is ready, as far as ingestd takes it. */
void outbox_send(struct remote_outbox *o);

/* Once a second: what is not answered for long goes again. */
void outbox_tick(struct remote_outbox *o);

/*
 * Has what came too late kept as refused, for this reason; `door` as a group has it. -1: too much
 * of it waits already.
 */
int outbox_refuse(struct remote_outbox *o, struct slice door, struct slice text, const char *why);

#endif
