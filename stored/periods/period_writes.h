/* SPDX-License-Identifier: Apache-2.0 */
/* What is to change about periods and events, gathered, then written in few statements. */
#ifndef EZREPO_STORED_PERIOD_WRITES_H
#define EZREPO_STORED_PERIOD_WRITES_H

#include "common/periods/periods.h"
#include "stored/periods/steady_path.h"
#include "stored/store.h"

/* One series and one grade name. */
struct period_pair {
    struct series *series;
    uint16_t grade_id;
};

struct period_put {
    struct period_pair pair;
    bool repaired; /* holds also when the open period was computed again */
    struct period period;
};

struct period_tell {
    struct period_pair pair;
    bool repaired;
    struct period_event event;
};

struct period_removal { /* of a period, of an event */
    struct period_pair pair;
    struct period_key key;
};

/* A record that neither is in order nor belongs to the open period. */
struct period_late {
    struct period_pair pair;
    struct period_record record;
};

/* A record of a pair that asks for steadiness. */
struct steady_item {
    struct period_pair pair;
    struct period_record record;
    uint16_t bits;    /* as in a grades message */
    uint64_t version; /* that graded it */
    bool in_order;
};

#define PERIOD_LIST(type)                                                                          \
    struct {                                                                                       \
        struct type *at;                                                                           \
        uint32_t count, size;                                                                      \
    }

struct period_counts {
    uint64_t opened, retracted; /* events written and taken back */
    uint64_t ended;             /* periods, in order */
    uint64_t repaired;          /* neighbourhoods of late records that were computed again */
    uint64_t walked;            /* records read for steadiness */
};

struct period_writes {
    bool fed; /* each event is an entry of the feed, too: a rebuild is one as a whole */
    PERIOD_LIST(period_put) put;
    PERIOD_LIST(period_tell) told;
    PERIOD_LIST(period_removal) removed;
    PERIOD_LIST(period_removal) retracted;
    PERIOD_LIST(period_pair) dirty; /* pairs whose open period is to be written */
    PERIOD_LIST(period_late) late;
    PERIOD_LIST(steady_item) steady;
    struct steady_marks marks;
    struct period_counts counts; /* since it was cleared */
};

/* The caller owns it. NULL when memory is out. */
struct period_writes *period_writes_new(void);
void period_writes_free(struct period_writes **w);

/* Each appends; -1 when memory is out. */
int period_writes_put(struct period_writes *w, struct period_pair pair, bool repaired,
                      const struct period *period);
int period_writes_tell(struct period_writes *w, struct period_pair pair, bool repaired,
                       const struct period_event *event);
int period_writes_remove(struct period_writes *w, struct period_pair pair,
                         const struct period_key *key);
int period_writes_retract(struct period_writes *w, struct period_pair pair,
                          const struct period_key *key);
int period_writes_dirty(struct period_writes *w, struct period_pair pair);
int period_writes_late(struct period_writes *w, struct period_pair pair,
                       const struct period_record *record);
int period_writes_steady(struct period_writes *w, const struct steady_item *item);

void period_writes_clear(struct period_writes *w);

/*
 * Whether the row of an open period that has so many records is written again. It need not count a
 * record behind the key through which it holds, since who reads it adds those: so once a record of
 * at or before that came (the first that came: `first`; NULL: before all), once it has more than
 * the period, and after every 1000.
 */
bool period_writes_due(const struct series_grade *g, uint64_t records,
                       const struct period_key *first);

/* Sends all of it; retractions and removals first, ended periods before open ones. 0, or -1. */
int period_writes_send(struct period_writes *w, struct store *store);

#endif
