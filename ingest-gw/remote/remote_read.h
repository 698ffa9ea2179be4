/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body of Prometheus remote write 1.0 (snappy's block format around protobuf), read into a list
 * of samples. How large it becomes is looked at before anything is made of it; all memory comes
 * from the caller's arena, whose limit therefore is the request's. Pure.
 */
#ifndef EZREPO_INGEST_GW_REMOTE_READ_H
#define EZREPO_INGEST_GW_REMOTE_READ_H

#include <stdint.h>

#include "common/arena.h"

/* What one request may be; what is beyond is refused as a whole. */
struct remote_limits {
    size_t bytes;         /* of the body when it is no longer compressed */
    uint32_t series;      /* as protobuf has them */
    uint32_t labels;      /* of a series, its name among them */
    uint32_t label_bytes; /* of one name or value */
    uint32_t samples;
};

struct remote_label {
    struct slice name, value; /* UTF-8 without NUL, neither of them empty */
};

struct remote_sample {
    struct slice metric;               /* the value of __name__, which is among the labels too */
    const struct remote_label *labels; /* by name, none twice; shared by the series' samples */
    uint32_t label_count;
    int64_t time_ms; /* since 1970 UTC, before the year 10000 */
    double value;    /* never the mark for staleness */
};

struct remote_request {
    const struct remote_sample *samples; /* in the request's order */
    uint32_t count;
    size_t bytes;     /* that it has uncompressed, as far as it could be */
    uint32_t stale;   /* marks for staleness, which are no values */
    uint32_t invalid; /* samples against the specification: not in the list */
    const char *why;  /* of the first of those, in the arena; "" without one */
};

enum remote_outcome {
    REMOTE_READ,
    REMOTE_MALFORMED, /* neither snappy nor protobuf: it never will be */
    REMOTE_TOO_LARGE, /* beyond a limit */
    REMOTE_NO_MEMORY  /* the arena has not enough */
};

/*
 * Reads a body. What comes of it is in the arena, `why` too, which tells in any case but
 * REMOTE_READ what is wrong. Of a series that is against the specification (labels that are not
 * sorted, stand twice, are empty or no UTF-8, no name) all samples are invalid; so are samples of
 * times that cannot be. Series without samples count for nothing.
 */
enum remote_outcome remote_read(struct slice body, const struct remote_limits *limits,
                                struct arena *a, struct remote_request *request);

/* Whether a value is the mark for staleness, not a NaN that was measured. */
bool remote_is_stale(double value);

#endif
