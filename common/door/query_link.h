/* SPDX-License-Identifier: Apache-2.0 */
/* A link to queryd: opened, asked by, and told that nobody waits any more. */
#ifndef EZREPO_DOOR_QUERY_LINK_H
#define EZREPO_DOOR_QUERY_LINK_H

#include "common/door/link.h"
#include "common/message.h"

/*
 * Sets the link up and connects it to queryd on this loop. What comes by it is for take(), of whose
 * link `context` is; *malformed counts what is no answer. Nothing is queued while queryd is away:
 * then asking fails at once. -1 after an error was logged.
 */
int query_link_open(struct link *link, struct event_base *base, void *context,
                    void (*take)(const struct link *link, struct slice bytes), uint64_t *malformed,
                    int high_water);

/* Sends a question, which has its id. 0, or -1: queryd is away, or takes nothing more. */
int query_link_ask(struct link *link, const struct query_message *q);

/* Nobody waits for the answer to this question any more: queryd breaks it off. A cancel that cannot
 * be sent is left out: its question ends by its own limit. */
void query_link_cancel(struct link *link, uint64_t id);

#endif
