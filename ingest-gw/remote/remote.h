/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus remote write, the whole of it: requests are read, kept in the journal, and answered
 * once they are on disk; groups that are closed go to ingestd. On libevent's loop.
 */
#ifndef EZREPO_INGEST_GW_REMOTE_H
#define EZREPO_INGEST_GW_REMOTE_H

#include <event2/event.h>

#include "common/config.h"
#include "common/message.h"
#include "ingest-gw/remote/assembly.h"
#include "ingest-gw/remote/remote_journal.h"

struct remote_settings {
    const char *remote_dir; /* of the journal; "": there is no remote write */
    int64_t remote_bytes;
    int64_t remote_groups;
    int64_t remote_samples;
};

/* The options that set them. */
#define REMOTE_OPTIONS(TEXT, NUMBER)                                                               \
    TEXT(remote_dir, "\"\"", false,                                                                \
         "folder of what came by Prometheus remote write and is not delivered yet; \"\" none: "    \
         "there is no such door")                                                                  \
    NUMBER(remote_bytes, "67108864", 1048576, 8589934592, true,                                    \
           "bytes of samples that wait for the rest of their groups; beyond it remote write is "   \
           "answered with 503")                                                                    \
    NUMBER(remote_groups, "50000", 1, 10000000, true, "groups of them, likewise")                  \
    NUMBER(remote_samples, "10000", 1, 1000000, true, "samples in a request of remote write")

#define REMOTE_COUNTERS(COUNTER, GAUGE)                                                            \
    COUNTER(REMOTE_REQUESTS, "remote.requests", "", "requests of remote write that were read")     \
    COUNTER(REMOTE_SAMPLES, "remote.samples", "", "samples that became a part of a group")         \
    COUNTER(REMOTE_REPEATED, "remote.repeated", "", "samples that were there already")             \
    COUNTER(REMOTE_LATE, "remote.late", "",                                                        \
            "samples of groups that were closed, or of another value than before")                 \
    COUNTER(REMOTE_PASSED_OVER, "remote.passed_over", "",                                          \
            "samples of metrics that the format does not take")                                    \
    COUNTER(REMOTE_STALE, "remote.stale", "", "marks for staleness: no values")                    \
    COUNTER(REMOTE_INVALID, "remote.invalid", "", "samples against the specification")             \
    COUNTER(REMOTE_COMPLETE, "remote.groups.complete", "",                                         \
            "groups that were delivered with all that the format asks for")                        \
    COUNTER(REMOTE_INCOMPLETE, "remote.groups.incomplete", "",                                     \
            "groups that were delivered with less, since their time was over")                     \
    COUNTER(REMOTE_RECORDS, "remote.records", "", "records that were made of them")                \
    COUNTER(REMOTE_REFUSED, "remote.refused", "", "refusals of ingestd among them")                \
    COUNTER(REMOTE_AGAIN, "remote.again", "", "deliveries that had to be made again")              \
    COUNTER(REMOTE_NOT_KEPT, "remote.not_kept", "",                                                \
            "late samples that could not be handed on to be kept as refused")                      \
    GAUGE(REMOTE_GROUPS, "remote.groups", "", "groups that are not delivered, now")                \
    GAUGE(REMOTE_BYTES, "remote.bytes", "bytes", "memory of them, now")                            \
    COUNTER(REMOTE_COMMITS, "remote.commits", "", "transactions of the journal, each synced")      \
    COUNTER(REMOTE_COMMIT_FAILURES, "remote.commits.failed", "",                                   \
            "transactions of the journal that could not be written")

#define REMOTE_COUNTER_CONSTANT(constant, ...) AT_##constant,
/* Which of a process's counters is which, from the first of them on. */
enum remote_counter {
    REMOTE_COUNTERS(REMOTE_COUNTER_CONSTANT, REMOTE_COUNTER_CONSTANT) REMOTE_COUNTER_COUNT
};

struct remote;
struct format_files;

/* Whom a request waits for: told once, also when it is dropped (`kept` false). */
typedef void remote_told(void *context, uint64_t id, bool kept);

/*
 * Opens the journal and takes up what is in it. `counters` has REMOTE_COUNTER_COUNT of them.
 * Settings, formats and base outlive it. NULL after an error was logged. The caller owns it.
 */
struct remote *remote_new(struct event_base *base, const struct remote_settings *settings,
                          const struct format_files *formats, uint64_t *counters, remote_told *told,
                          void *context);
/* What is open stays in the journal, for the next start. */
void remote_free(struct remote **r);

/* Other formats, from now on; the old ones may go. */
void remote_take_formats(struct remote *r, const struct format_files *formats);

/* Once a second. */
void remote_tick(struct remote *r);

/* All that came until then (microseconds since 1970; INT64_MAX: until now) was handed on: no group
 * waits that has a sample of it. */
int64_t remote_until_us(const struct remote *r);

/* What is assembled of this format; NULL: nothing is. */
const struct assemble_rule *remote_rule(const struct remote *r, struct slice format);

/* What became of a request at once. */
enum remote_answer {
    REMOTE_WAITS,     /* told when it is on disk */
    REMOTE_DONE,      /* there is nothing to wait for */
    REMOTE_BUSY,      /* to be sent again later */
    REMOTE_REFUSED,   /* it never will be read */
    REMOTE_OVERSIZED, /* the same, since it is too large */
};

struct remote_reply {
    uint32_t invalid; /* samples that are not kept: they would be refused again */
    const char *why;  /* in the arena: of all but WAITS and DONE, and of what is invalid */
    uint32_t samples; /* taken */
    size_t bytes;     /* of the body, uncompressed */
};

/*
 * Takes a body of remote write. `head` says for whom and with what context its groups are delivered
 * (format, sender, allowed, delivers, context), and by its id who sent it is told. Memory for
 * reading it comes from the arena.
 */
enum remote_answer remote_take(struct remote *r, const struct deliver_message *head,
                               struct slice body, size_t most_bytes, struct arena *a,
                               struct remote_reply *reply);

#endif
