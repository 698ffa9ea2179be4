/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POST of mPlane messages and its reply: reads them, judges what the peer may do, asks, waits
 * for a short while, and answers with results, receipts or exceptions. Identities take turns, a
 * message or an answer at a time.
 */
#ifndef EZREPO_GW_EXCHANGE_H
#define EZREPO_GW_EXCHANGE_H

#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/http/connections.h"

struct gateway;

/*
 * Takes the request over. With wait_us (see connection_charge) it is refused: after that time the
 * peer may come again.
 */
void exchange_start(struct gateway *g, struct evhttp_request *request, struct connection *c,
                    int64_t wait_us);

/* Whether a Content-Type (NULL: none), its parameters left out, is the wanted one. */
bool exchange_type_is(const char *type, const char *wanted);

/* Whether a body of this Content-Type (NULL: none) can be an mPlane message. */
bool exchange_accepts(const char *type);

/* On the gateway's loop. -1 after an error was logged. */
int exchanges_start(struct gateway *g);
void exchanges_stop(struct gateway *g);

/* How many are being judged or wait for an answer. */
size_t exchanges_open(const struct gateway *g);

#endif
