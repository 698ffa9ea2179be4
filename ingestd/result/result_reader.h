/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a result share: how far it is read, and how it is refused. */
#ifndef EZREPO_INGESTD_RESULT_READER_H
#define EZREPO_INGESTD_RESULT_READER_H

#include "common/mplane/envelope.h"
#include "ingestd/result/result.h"

/* A message being read. */
struct result_reader {
    struct arena *arena;
    const struct result_means *means;
    const struct result_limits *limits;
    const struct result_origin *origin;
    struct result_set *set;
    struct result **results_end;
    struct refusal **refusals_end;
    uint64_t document;                /* which of several in the bytes, from 1; 0: there is one */
    uint32_t rows;                    /* taken so far */
    size_t expansion;                 /* bytes they take */
    const struct mplane_place *place; /* where in the envelopes; NULL between messages */
    bool nuls;                        /* there may be U+0000 in strings */
};

/* One that has read nothing yet; the set is emptied. */
static inline struct result_reader result_reader_of(struct arena *a,
                                                    const struct result_means *means,
                                                    const struct result_limits *limits,
                                                    const struct result_origin *origin,
                                                    struct result_set *set)
{
    *set = (struct result_set){0};
    return (struct result_reader){.arena = a,
                                  .means = means,
                                  .limits = limits,
                                  .origin = origin,
                                  .set = set,
                                  .results_end = &set->results,
                                  .refusals_end = &set->refusals};
}

/* A result being read. */
struct result_reading {
    const struct mplane_members *members;
    struct schema_message schema;
    struct record_message common; /* what all its records have alike */
    struct slice *tail;           /* values of parameters, then of metadata */
    uint32_t tail_count;
    uint8_t *kinds;  /* enum identity_kind of each cell, row by row, "time" left out */
    int64_t time_at; /* index of the column "time", or -1 */
    bool when_read;
    int64_t when_start_us, when_end_us;
};

/* What was sent, as a refusal shows it: for "%.*s". */
#define RESULT_EXCERPT_BYTES 60
#define EXCERPT(s)           (int)((s).len < RESULT_EXCERPT_BYTES ? (s).len : RESULT_EXCERPT_BYTES), (s).at

/* Notes a refusal, its place before the detail. Returns -1, so that a reader can end with it. */
int result_refuse(struct result_reader *r, enum result_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int result_refuse_memory(struct result_reader *r);

#define RESULT_TAKES_LESS_MEMORY "expected a message that takes less memory"

/* A message, with those within it. */
void result_read_message(struct result_reader *r, const struct json *message);

/* A traceroute's hops, in order; one that did not answer has no value. */
struct result_hops {
    struct slice *hop;
    uint32_t count;
};

/* Whether a column or a parameter of this name may hold all hops. */
bool result_may_hold_hops(struct slice name);

/*
 * The hops that a value holds: a list of addresses and nulls, or two and more of them in a text.
 * What is something else leaves *hops alone. 0, or -1 after a refusal.
 */
int result_read_hops(struct result_reader *r, struct slice value, struct result_hops *hops);

/* The hops of a row, in a column of it; else those it has already, of all rows. 0 or -1. */
int result_read_row_hops(struct result_reader *r, const struct result_reading *g,
                         struct record_message *m);

/*
 * Whether the record's times and its dimensions may be, and its series may come from there. 0, or
 * -1 after a refusal.
 */
int result_check_times(struct result_reader *r, const struct record_message *m);
int result_check_lengths(struct result_reader *r, const struct record_message *c);
int result_check_allowed(struct result_reader *r, const struct record_message *c);

/* Digests of a result's records, and their order. 0, or -1 after a refusal. */
int result_identify(struct result_reader *r, const struct result_reading *g, struct result *result);

/* Type, content, probe, source, dest and path of g->common, by what was read of the result. 0, or
 * -1 after a refusal. */
int result_read_dimensions(struct result_reader *r, struct result_reading *g);

#endif
