/* SPDX-License-Identifier: Apache-2.0 */
/* What each path and method of the gateway's server leads to. */
#ifndef EZREPO_GW_ROUTES_H
#define EZREPO_GW_ROUTES_H

#include "common/http/server.h"
#include "mplane-gw/settings.h"

/* What the files of these settings say. NULL after an error was logged. The caller owns it. */
SSL_CTX *routes_context(const struct gateway_settings *s);

/* Makes gateway.server, whose sockets are open; -1 after an error was logged. */
int routes_prepare(void);

/* Accepts connections on gateway.base. -1 after an error was logged. */
int routes_start(void);

/* Once a second: ends slow connections, takes over what the server counts. */
void routes_tick(void);

#endif
