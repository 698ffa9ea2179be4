/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What probes send, read into records: an mPlane result or an envelope of results, or several of
 * them in an array or one behind the other. Pure: bytes, limits and the present come from the
 * caller, so that UDP, HTTPS, a test and the fuzzer all call the same. docs/semantics says what a
 * record is; ingestd/README.md what is refused and under which name.
 */
#ifndef EZREPO_INGESTD_RESULT_H
#define EZREPO_INGESTD_RESULT_H

#include "common/access/series_bound.h"
#include "common/arena.h"
#include "common/formats/format.h"
#include "common/identity.h"
#include "common/json.h"
#include "common/message.h"
#include "common/pattern.h"
#include "common/record_types.h"
#include "common/zone.h"

/*
 * Why input is refused: REASON(constant, name, help). reject messages and accounts have the name; a
 * counter of it is made in ingestd.h. The budgets are more than a sender may have, which reading
 * does not know of: see budgets.h; nor of envelopes: see signed/signed_door.h.
 */
#define RESULT_REASONS(REASON)                                                                     \
    REASON(JSON, "json", "not JSON, not UTF-8, or beyond the limits of JSON")                      \
    REASON(MESSAGE, "message", "JSON, but no mPlane message")                                      \
    REASON(KIND, "kind", "an mPlane message that is no result")                                    \
    REASON(VERSION, "version", "of a later mPlane")                                                \
    REASON(FORM, "form", "a section of another JSON type than it must have")                       \
    REASON(COLUMNS, "columns", "too many columns, a name too long, empty or twice")                \
    REASON(ROW, "row", "a row with more values than there are columns")                            \
    REASON(ROWS, "rows", "more rows or documents than max_rows")                                   \
    REASON(TIME, "time", "no time, or none that is absolute and can be")                           \
    REASON(PAST, "time.past", "a start before past_limit_s")                                       \
    REASON(FUTURE, "time.future", "an end after future_limit_s")                                   \
    REASON(LONG, "time.long", "from start to end longer than longest_s")                           \
    REASON(TYPE, "type", "neither columns nor label tell the record type")                         \
    REASON(FORMAT, "format", "what the mapping of a format cannot read, or no rule of it takes")   \
    REASON(FAULTS, "faults", "the rest of a message of another tool's with too many faults")       \
    REASON(LATE, "late", "a part of what was complete before, or taken as it was")                 \
    REASON(DENIED, "denied", "who delivers may not deliver this record type")                      \
    REASON(DENIED_SERIES, "denied.series", "who delivers may not deliver records of this series")  \
    REASON(LENGTH, "length", "a dimension, a label or a value longer than allowed")                \
    REASON(NUL, "nul", "U+0000 in a string that would be stored")                                  \
    REASON(ENVELOPE_FORM, "envelope.form",                                                         \
           "no envelope of a signed datagram, or of a later version")                              \
    REASON(ENVELOPE_KEY, "envelope.key",                                                           \
           "a key that is unknown, has ended, or is another's place")                              \
    REASON(ENVELOPE_MAC, "envelope.mac", "a code that is not the key's: forged, or changed")       \
    REASON(ENVELOPE_REPLAY, "envelope.replay", "a signed datagram that came before, or may have")  \
    REASON(ENVELOPE_TIME, "envelope.time",                                                         \
           "signed farther than envelope_window_s from its receipt")                               \
    REASON(MEMORY, "memory", "more than one message may take")                                     \
    REASON(BUDGET_RECORDS, "budget.records", "more records than a sender may have in a second")    \
    REASON(BUDGET_SERIES, "budget.series", "more series than a sender may have in a day")          \
    REASON(BUDGET_DAYS, "budget.days", "records of more days than a sender may have in a day")

#define RESULT_REASON_CONSTANT(constant, name, help) RESULT_##constant,
enum result_reason { RESULT_REASONS(RESULT_REASON_CONSTANT) RESULT_REASON_COUNT };
#undef RESULT_REASON_CONSTANT

/* "time.past" for RESULT_PAST. */
const char *result_reason_name(enum result_reason reason);

/* What reading takes; made once, for one thread at a time. */
struct result_means {
    const struct record_types *types;
    struct identity *identity;
};

struct result_limits {
    struct json_limits json;
    uint32_t rows;      /* of all results in the bytes; also the most documents there may be */
    int64_t past_us;    /* how far before now a record may lie */
    int64_t future_us;  /* how far after it, its end included */
    int64_t longest_us; /* from start to end; 0: any */
    /* Where these are set, and what else a sender can do, in words; NULL: nothing to say. */
    const char *past_of, *longest_of, *advice;
};

struct result_origin {
    struct slice sender; /* the probe of results that name none */
    int64_t now_us;
    const struct zone *zone; /* of times without an offset; NULL: UTC */
    /* Globs, one of which LABEL_COLLECT + the record type must match; NULL: any type. */
    const struct pattern *allowed;
    uint32_t allowed_count;
    const struct series_bound *bound; /* what the record must fit besides; NULL: any series */
};

/*
 * A result whose rows became records, in the order of a series' records: t_start, t_end, digest.
 * `schema` in each record is left to the batch writer.
 */
struct result {
    struct schema_message schema;
    struct record_message *records;
    uint32_t count; /* may be 0: a result without rows */
    struct result *next;
};

/* Something refused: the whole message, or one result of an envelope. */
struct refusal {
    enum result_reason reason;
    const char
        *detail; /* UTF-8 without control characters: where, what was expected, what was found */
    struct refusal *next;
};

/* What a message held, in its order; all of it lives in the arena and the message's bytes. */
struct result_set {
    struct result *results;
    struct refusal *refusals;
    uint32_t exceptions;  /* mPlane exceptions: nothing to store, nothing wrong */
    uint32_t undated;     /* records that have no time but the one the mapping knows as #received */
    struct refusal spare; /* for when the arena has no room left for one */
};

/*
 * Reads a message, or several: common/split.h tells how they may stand. A result is taken whole or
 * refused whole; one that is refused does not keep the others from being taken. Never fails:
 * whatever is wrong with the bytes stands in set->refusals. What one message may take is bounded by
 * the arena's limit and RESULT_EXPANSION_BYTES.
 */
void result_read(struct arena *a, struct slice bytes, const struct result_means *means,
                 const struct result_limits *limits, const struct result_origin *origin,
                 struct result_set *set);

/* By what a format's documents are read. */
struct result_mapping {
    struct slice name; /* the format's, as records' schemas have it */
    const struct format *format;
    const struct format_context *context; /* what the door knows beside the bytes; `sender`, and
                                             `received` where it is not there, are added */
};

/*
 * The same of what another tool wrote. What the mapping cannot follow is refused, each element for
 * itself; documents that it says to ignore count as exceptions do: nothing to store, nothing wrong.
 * After FORMAT_FAULTS of these the next ends the reading (RESULT_FAULTS), as do too many records
 * and memory that is out: it is told from which line on nothing is taken, and how many bytes.
 */
void result_read_mapped(struct arena *a, struct slice bytes, const struct result_mapping *mapping,
                        const struct result_means *means, const struct result_limits *limits,
                        const struct result_origin *origin, struct result_set *set);

/*
 * The same step by step, for who has others to serve meanwhile: a step is a document of it at most,
 * or some kilobytes. The reading lives in the arena; all that it is given must outlive it, and the
 * set must stay where it is. NULL: memory is out, which stands in the set.
 */
struct result_mapped;
struct result_mapped *
result_mapped_begin(struct arena *a, struct slice bytes, const struct result_mapping *mapping,
                    const struct result_means *means, const struct result_limits *limits,
                    const struct result_origin *origin, struct result_set *set);
/* A step. False: the set is complete, and the reading has ended. */
bool result_mapped_go_on(struct result_mapped *m);
/* Ends one that is not to go on; what it gave stays. */
void result_mapped_end(struct result_mapped *m);

/*
 * Each row carries its result's parameters and metadata: what they come to, all rows of a message
 * together, is bounded, or a datagram of 64 KiB could become gigabytes.
 */
#define RESULT_EXPANSION_BYTES ((size_t)8 * 1024 * 1024)

/* An arena of this limit suits a message of up to 64 KiB. */
#define RESULT_ARENA_BYTES ((size_t)32 * 1024 * 1024)

#endif
