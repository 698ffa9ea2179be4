/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever posts is told, as JSON. Pure but for ingest_reply(). */
#ifndef EZREPO_INGEST_ANSWER_H
#define EZREPO_INGEST_ANSWER_H

#include <event2/http.h>

#include "common/arena.h"

struct connection;

struct ingest_answer {
    uint64_t records;            /* kept */
    uint64_t refused;            /* parts of the body, or all of it */
    uint64_t ignored;            /* parts that hold nothing to keep */
    uint64_t undated;            /* records without a time of their own: they have this one */
    struct slice time;           /* by RFC 3339 */
    bool time_given;             /* by who posts; else it is when the body came */
    struct slice reason, detail; /* of the first that was refused; without bytes: none */
};

/*
 * {"records": N, "refused": M, "ignored": K, "undated": U, "time": ..., "time_from": ...,
 * "reason": ..., "detail": ...}, of which all but the first two are only there when there is
 * something; a line. In the arena; without bytes: memory is out.
 */
struct slice ingest_answer_text(struct arena *a, const struct ingest_answer *answer);

/* Such an answer to what came to no door: nothing is kept, for this reason. */
void ingest_reply(struct evhttp_request *request, struct connection *c, int status,
                  const char *reason, const char *detail);

#endif
