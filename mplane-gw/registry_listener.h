/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The element registries over plain HTTP, for programs that fetch them without a certificate.
 * Read-only: two documents, to anybody.
 */
#ifndef EZREPO_GW_REGISTRY_LISTENER_H
#define EZREPO_GW_REGISTRY_LISTENER_H

#include <stdbool.h>

#include "common/mplane/registry.h"

/* Opens the listening socket, when one is configured; -1 after an error was logged. */
int registry_prepare(void);

/*
 * Reads the registries in schemas_dir/mplane; *r is then what the gateway reads messages by. With
 * `publish`, once, they are what is served, ours under `url`. -1 after an error was logged. The
 * caller owns *r, also then.
 */
int registry_load(const char *schemas_dir, const char *url, bool publish, struct registry **r);

/* Serves on gateway.base. -1 after an error was logged. */
int registry_start(void);

/* Once a second: ends slow connections. */
void registry_tick(void);

void registry_stop(void);

#endif
