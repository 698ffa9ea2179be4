/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may fall silent: series, and probes as one series made of all their records. Of each is known
 * before when it cannot be told silent, however few that takes: a record moves that on, and only
 * who reaches it is looked at in the store, which knows exactly. So a series costs
 * some 170 bytes, and a record a look into a table. Pure.
 *
 *   told not before   L + 3 e       L: the latest end that was heard of
 *                                   e: as it was seen last, as long as no distance that makes it
 *                                      has left the last 32; else the least distance of all
 */
#ifndef EZREPO_STORED_SUBJECTS_H
#define EZREPO_STORED_SUBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "stored/cache/seeded_hash.h"

#define SUBJECT_NEVER UINT32_MAX /* an e: it is never silent */
#define SUBJECT_AHEAD_US                                                                           \
    INT64_C(300000000) /* a record that starts so much later than now is not heard: whose clock    \
                          is so wrong has not returned */
#define SUBJECT_LISTED 127 /* holds: whatever comes, e is what somebody said */

struct silence_subject {
    int64_t due_us;    /* it is looked at then; INT64_MAX: a record has to come first */
    int64_t queued_us; /* its place in the queue, that is not later; INT64_MAX: none */
    int64_t last_us;   /* the latest end known of its records; INT64_MIN: none is */
    int64_t told_us;   /* a record that starts by then may change what was told: the instant it was
                          told, or, where that has ended, its last one; INT64_MIN: nothing was */
    int64_t silence;   /* number of that which was told and has not ended; 0: none */
    int64_t series_id; /* 0: it is a probe */
    struct probe *probe; /* of a series; NULL: it has none. Of a probe: itself */
    int32_t minute;      /* in which the latest known record starts, since 1970 */
    uint32_t e_s, low_s; /* seconds, rounded down: see above */
    uint32_t noted;      /* its place in what a flush notes, from 1 on; 0: none */
    int8_t holds;        /* how many more distances e_s outlives; -1: low_s is what holds */
    uint8_t put_off;     /* so often since it was heard of, as its door was closed */
    bool waits;          /* for its probe */
    bool retired;        /* the silence that has not ended is */
    bool heard;          /* since the look that is under way began: a record came; */
    bool doubted;        /* nothing that was known of e held any more */
};

struct probe {
    struct silence_subject subject;
    UT_hash_handle hh;
    bool known;          /* no record came since it was looked at, so from_us is exact */
    int64_t from_us;     /* as of then it is silent from here on; INT64_MAX: never */
    int64_t returned_us; /* when its last silence that was told ended; INT64_MIN: none did */
    struct silence_subject *
        *waiting; /* its series that are told when it is heard of, or when due */
    uint32_t waiting_count, waiting_size;
    uint16_t name_bytes;
    char name[];
};

struct subject_page;

struct subject_place {
    int64_t us;
    struct silence_subject *subject;
};

struct subjects {
    struct subject_page *pages;
    struct probe *probes;
    struct subject_place *queue; /* a heap */
    uint32_t queued, queue_size;
    uint32_t series_count;
    uint32_t least_s; /* no e is less than this many seconds */
    bool failed;      /* memory was out: who is in the queue is not known any more */
};

/* Forgets all. */
void subjects_clear(struct subjects *all);

/* The subject of a series, made when it is not there: nothing was heard of it then. NULL: memory.
 */
struct silence_subject *subjects_series(struct subjects *all, int64_t series_id,
                                        struct slice probe);
struct silence_subject *subjects_find(struct subjects *all,
                                      int64_t series_id); /* NULL: it is not there */
/* A probe, made when it is not there; NULL: it is "", or memory. */
struct probe *subjects_probe(struct subjects *all, struct slice name);

static inline struct slice subject_probe_name(const struct silence_subject *s)
{
    return s->probe == NULL ? slice_of("") : (struct slice){s->probe->name, s->probe->name_bytes};
}

/* A record came. */
void subjects_heard(struct subjects *all, struct silence_subject *s, int64_t start_us,
                    int64_t end_us);

/* What the store says of it: e and least distance in seconds, how long e holds; the minute of its
 * latest start. */
void subject_seen(const struct subjects *all, struct silence_subject *s, uint32_t e_s,
                  uint32_t low_s, int8_t holds, int32_t minute);
/* It cannot be told before, by what is known of it; INT64_MAX: never. */
int64_t subject_not_before(const struct silence_subject *s);
/* What is known of e holds no more. */
void subject_doubted(const struct subjects *all, struct silence_subject *s);

/* When it is looked at (again). */
void subjects_schedule(struct subjects *all, struct silence_subject *s, int64_t due_us);
/* The same at once, before all others. */
void subjects_hurry(struct subjects *all, struct silence_subject *s);

/* Its door is closed as of then: it is looked at again some time later, twice as long each time. */
void subjects_put_off(struct subjects *all, struct silence_subject *s, int64_t as_of_us);
/* Doors may be open again: all that were put off are looked at. */
void subjects_hurry_put_off(struct subjects *all);

/* The next that is due by then, out of the queue, to be scheduled again; NULL: none is. */
struct silence_subject *subjects_due(struct subjects *all, int64_t until_us);

/* A series waits for its probe; it is due when that is heard of or lets it go. */
void subjects_wait(struct subjects *all, struct silence_subject *s);
void subjects_let_go(struct subjects *all, struct probe *p);

#endif
