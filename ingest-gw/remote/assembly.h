/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of one scrape come in several requests; here they become groups again, of which each is
 * a document: samples of one format from one door that have the same time and the same values in
 * the labels that the mapping's `assemble` names. A group is closed when all is there that
 * `assemble` asks for, or its time is over. Groups that were closed are remembered for a while, so
 * that what is sent again is known, and what is late is too. Pure: the clock is an argument.
 */
#ifndef EZREPO_INGEST_GW_ASSEMBLY_H
#define EZREPO_INGEST_GW_ASSEMBLY_H

#include "common/formats/mapping.h"
#include "ingest-gw/remote/remote_read.h"

#define ASSEMBLY_KEY_BYTES 16

struct assembly_limits {
    uint32_t groups;        /* that are not done */
    size_t bytes;           /* of their texts */
    uint32_t group_samples; /* of one group */
    size_t closed_bytes;    /* of what is remembered of groups that are done; oldest go first */
    int64_t remember_us;    /* the longest that it is remembered */
};

/* By which way samples came. The texts are copied. */
struct assembly_door {
    struct slice format; /* the mapping's name */
    struct slice door;   /* whatever else keeps groups apart: who sends, with what context */
    const struct assemble_rule *rule; /* of the mapping; read during the call only */
    uint64_t rule_version; /* another one when rules may have changed: groups that are open are
                              closed by their time then */
};

/* What became of a request's samples. */
struct assembly_taken {
    uint32_t taken;
    uint32_t repeated;    /* the same was there already */
    uint32_t late;        /* of groups that are closed, or other values than those that are there */
    uint32_t passed_over; /* of metrics that `assemble` does not take */
    struct slice late_text; /* the late ones, as lines of text; in the arena */
    bool holds;             /* groups that are not done have samples of this row */
};

/* A request in the journal, until all groups with samples of it are done. */
struct assembly_row;

/* A sample that was taken. */
struct assembly_mark {
    uint64_t series, value; /* a digest of the labels; the value's bits */
};

/* A group that is ready: its document. */
struct assembly_group {
    uint8_t key[ASSEMBLY_KEY_BYTES]; /* the same for the same group, ever */
    struct slice format, door;
    struct slice text; /* exposition format, each sample with its time */
    const struct assembly_mark *marks;
    uint32_t count; /* samples */
    bool complete;  /* all was there that is asked for */
    int64_t time_ms;
};

struct assembly_counts {
    uint32_t open, ready, closed; /* groups now; closed: remembered */
    size_t bytes, closed_bytes;
};

/* NULL when memory is out; the limits are copied. The caller owns it. */
struct assembly *assembly_new(const struct assembly_limits *limits);
void assembly_free(struct assembly **a);
void assembly_set_limits(struct assembly *a, const struct assembly_limits *limits);

/* Whether a request of so many samples, so many bytes uncompressed, can be taken for certain. */
bool assembly_has_room(const struct assembly *a, uint32_t samples, size_t bytes);

/*
 * Takes a request's samples; `row` is its number in the journal. Groups that it completes are ready
 * when all of it was taken. The late ones' text comes from the arena. -1 when memory is out: a part
 * may be taken, and knows itself as repeated when all comes again.
 */
int assembly_take(struct assembly *a, const struct assembly_door *door,
                  const struct remote_request *request, uint64_t row, int64_t now_us,
                  struct arena *arena, struct assembly_taken *taken);

/* Closes groups whose time is over, and forgets what was closed long ago. */
void assembly_pass_time(struct assembly *a, int64_t now_us);

/* What is open stays so for longer by this time. */
void assembly_wait_longer(struct assembly *a, int64_t us);

/* When assembly_pass_time() has to be called next; INT64_MAX: no group is open. */
int64_t assembly_due_us(const struct assembly *a);

/* When the oldest request came that a group which is not done has samples of; INT64_MAX: none. */
int64_t assembly_oldest_us(const struct assembly *a);

/* Closes all that is open, whatever is missing. */
void assembly_close_all(struct assembly *a);

/* The next group that is ready, which is taken out of the queue; NULL when there is none. It stays
 * the assembly's, and goes back by one of the two below. */
const struct assembly_group *assembly_next(struct assembly *a);

/* It could not be delivered: it is ready again, before all others. */
void assembly_again(struct assembly *a, const struct assembly_group *g);

/*
 * It is delivered, or never will be: only its marks are remembered from now on, until they have
 * been for remember_us. Calls `over` for each row that no group needs any more.
 */
void assembly_done(struct assembly *a, const struct assembly_group *g, int64_t now_us,
                   void (*over)(void *context, uint64_t row), void *context);

/* What a journal tells at a start: a group that was done at that time. -1 when memory is out. */
int assembly_remember(struct assembly *a, const uint8_t key[ASSEMBLY_KEY_BYTES],
                      const struct assembly_mark *marks, uint32_t count, int64_t done_us);

struct assembly_counts assembly_counts(const struct assembly *a);

#endif
