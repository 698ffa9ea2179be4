/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The element registries over plain HTTP, for programs that fetch them without a certificate.
 * Read-only: two documents, to anybody.
 */
#ifndef EZREPO_GW_REGISTRY_LISTENER_H
#define EZREPO_GW_REGISTRY_LISTENER_H

#include <stdbool.h>

#include "common/mplane/registry.h"
#include "common/record_types.h"

struct gateway;
struct registry_listener;

/* One that serves nothing yet. NULL after an error was logged; registry_stop() frees it. */
struct registry_listener *registry_listener_new(void);

/* Opens the listening socket, when one is configured; -1 after an error was logged. */
int registry_prepare(struct gateway *g);

/*
 * Reads the registries in schemas_dir/mplane, ours with the elements that record types bring along;
 * *r is then what the gateway reads messages by. They are what `server` serves from then on, ours
 * under `url`; NULL: nobody does. -1 after an error was logged, also where a type has another
 * primitive type for an element that is known, or types is NULL, as they could not be read; then
 * the server serves what it did. The caller owns *r, also then.
 */
int registry_load(const char *schemas_dir, const char *url, const struct record_types *types,
                  struct registry_listener *server, struct registry **r);

/* Serves on the gateway's loop. -1 after an error was logged. */
int registry_start(struct gateway *g);

/* Once a second: ends slow connections. */
void registry_tick(const struct gateway *g);

void registry_stop(struct gateway *g);

#endif
