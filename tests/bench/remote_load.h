/* SPDX-License-Identifier: Apache-2.0 */
/* Remote write for readload.c: a request as Prometheus sent it, and what reading it takes. */
#ifndef EZREPO_TESTS_REMOTE_LOAD_H
#define EZREPO_TESTS_REMOTE_LOAD_H

#include "ingest-gw/remote/assembly.h"

/*
 * One body with the samples of blackbox_exporter that are in what Prometheus sent
 * (tests/golden/remote_write), in the arena; .at NULL: it cannot be made.
 */
struct slice remote_load_body(const char *folder, struct arena *a);

/* Its bytes, uncompressed. */
size_t remote_load_size(struct slice body);

/*
 * Reads a body and puts its samples together by this rule, in new memory as a first request would;
 * hands out each document that is complete. -1: something is wrong with it.
 */
int remote_load_read(struct slice body, const struct assemble_rule *rule, struct arena *a,
                     void (*document)(void *context, struct slice text), void *context);

#endif
