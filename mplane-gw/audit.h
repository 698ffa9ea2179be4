/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: who asked for what, and what became of it; one line for each mPlane message that
 * was posted and for each other request, in the form of the log, on standard output. Never holds
 * what was asked for or answered, nor a path that might be secret.
 */
#ifndef EZREPO_GW_AUDIT_H
#define EZREPO_GW_AUDIT_H

#include <stdint.h>

#include "common/slice.h"

struct gateway;

struct audit {
    const char *identity;
    const char *peer;          /* address and port */
    const char *door;          /* where the peer came in: "specification", "page", ... */
    struct slice verb;         /* "query"; the method of a request that is no message */
    struct slice capability;   /* its label; without bytes when none was found */
    struct slice label, token; /* of the message */
    const char *outcome;       /* docs/operations.md lists them */
    int64_t begun_us;          /* by daemon_clock_us() */
    uint64_t rows;             /* of a result */
};

/* Writes the line; beyond settings.audit_per_second it is only counted. */
void audit_write(struct gateway *g, const struct audit *a);

#endif
