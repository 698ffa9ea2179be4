/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that are posted: who may post which, and the reply once ingestd has them on disk. What is
 * in a body is ingestd's matter.
 */
#ifndef EZREPO_GW_COLLECT_H
#define EZREPO_GW_COLLECT_H

#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/http/connections.h"

struct gateway;

/* Connects to ingestd, on the gateway's loop. -1 after an error was logged. */
int collect_start(struct gateway *g);
void collect_stop(struct gateway *g);

/* Whether results can be posted to this path. */
bool collect_has(const char *path);

/* Takes the POST over. */
void collect_post(struct gateway *g, struct evhttp_request *request, struct connection *c,
                  const char *path);

/* How many wait for ingestd. */
size_t collect_open(const struct gateway *g);

/* Once a second. */
void collect_tick(struct gateway *g);

#endif
