/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of Prometheus remote write, made by tests as protobuf and snappy would. */
#ifndef EZREPO_TESTS_REMOTE_BOX_H
#define EZREPO_TESTS_REMOTE_BOX_H

#include "common/arena.h"
#include "ingest-gw/remote/remote_read.h"

/* A message that grows, byte by byte as the protocol has it. */
struct remote_box {
    char bytes[1 << 20];
    size_t used;
};

void box_begin(struct remote_box *b);

/*
 * A series of one sample: "NAME{LABEL=VALUE,...}" with its labels in that order, __name__ first
 * where NAME is not empty. Nothing is escaped.
 */
void box_sample(struct remote_box *b, const char *series, double value, int64_t time_ms);

/* A series without samples; one with so many of them, a millisecond apart. */
void box_series(struct remote_box *b, const char *series, uint32_t samples, int64_t time_ms);

/* A field of this number with these bytes, which nobody knows. */
void box_unknown(struct remote_box *b, uint32_t number, struct slice bytes);

/* The message compressed, in the arena. */
struct slice box_body(const struct remote_box *b, struct arena *a);
struct slice box_compressed(struct slice bytes, struct arena *a);

/* The mark for staleness. */
double box_stale(void);

#endif
