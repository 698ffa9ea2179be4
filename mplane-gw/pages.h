/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway answers to GET: a page for people, and its capabilities for programs. */
#ifndef EZREPO_GW_PAGES_H
#define EZREPO_GW_PAGES_H

#include <event2/http.h>
#include <stdbool.h>

#include "common/http/connections.h"
#include "mplane-gw/audit.h"

/* Whether GET of this path means something. */
bool pages_has(const char *path);

/* Answers a GET of such a path, and says in the line of the audit log what became of it. */
void pages_get(struct gateway *g, struct evhttp_request *request, const struct connection *c,
               const char *path, struct audit *line);

#endif
