/* SPDX-License-Identifier: Apache-2.0 */
/* What each path and method of the gateway's server leads to. */
#ifndef EZREPO_GW_ROUTES_H
#define EZREPO_GW_ROUTES_H

#include "common/http/server.h"
#include "mplane-gw/settings.h"

/* What the files of these settings say. NULL after an error was logged. The caller owns it. */
SSL_CTX *routes_context(const struct gateway_settings *s);

struct gateway;

/* Makes the gateway's server, whose sockets are open; -1 after an error was logged. */
int routes_prepare(struct gateway *g);

/* Accepts connections on the gateway's loop. -1 after an error was logged. */
int routes_start(struct gateway *g);

/* Once a second: ends slow connections, takes over what the server counts. */
void routes_tick(struct gateway *g);

/* Frees the server. */
void routes_stop(struct gateway *g);

#endif
