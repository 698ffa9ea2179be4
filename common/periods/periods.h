/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods of steady quality and the events at their starts, for one series and one grade name: a
 * function of the set of its records with grade > 0, in the order (t_start, t_end, digest). Pure:
 * no clock, no database, no globals.
 *
 * Records in order move an open period (period_step). A record that comes late either belongs into
 * the open period (period_takes_late, then period_step), is absorbed by one that ended
 * (period_absorbs), or makes its neighbourhood be computed again (periods_repair).
 */
#ifndef EZREPO_PERIODS_H
#define EZREPO_PERIODS_H

#include "common/periods/period_records.h"

enum period_ended { PERIOD_OPEN, PERIOD_GAP, PERIOD_GRADE, PERIOD_STEADY };

struct period {
    struct period_key start;
    struct period_sum sum; /* of its records */
    uint8_t grade;         /* 0: no period at all */
    uint8_t ended;         /* enum period_ended */
    bool flap;             /* a stretch of changes: see steady.h */
};

/* Whether they, which begin at the same record, are the same. */
static inline bool period_same(const struct period *a, const struct period *b)
{
    return a->grade == b->grade && a->ended == b->ended && a->flap == b->flap &&
           period_sum_equal(&a->sum, &b->sum);
}

struct period_event {
    struct period_key at;
    uint8_t from; /* 0: null */
    uint8_t to;
    bool flap; /* of a stretch of changes */
};

/*
 * The next record in order: extends *open, or ends it and begins a new one. True when it began one;
 * then *before is what ended (grade 0 when there was none).
 */
bool period_step(struct period *open, const struct period_record *record, int64_t gap_us,
                 struct period *before);

/* The event at the start of a period, given the one before it (NULL or grade 0: none). */
struct period_event period_event(const struct period *before, const struct period *period);

/*
 * Whether period_step() on the open period is right for a record although later ones of its series
 * are there already.
 */
bool period_takes_late(const struct period *open, const struct period_record *record);

/*
 * Adds a late record to an ended period when nothing else changes by it; `next` is the start of the
 * period after. False, and nothing is changed, when it has to be repaired.
 */
bool period_absorbs(struct period *ended, const struct period_key *next,
                    const struct period_record *record, int64_t gap_us);

/* What is known of a period's first records, which are not read: they may not be there any more. */
struct period_head {
    struct period_sum sum; /* of no records: nothing is known, all are to be read */
    int64_t until_us;      /* they start before it, and all others not */
};

/* What is stored about one series and one grade name. Each returns -1 on an error. */
struct periods_source {
    void *context;
    /* The last stored period that starts before the key: 1, or 0 when there is none. All of *head
     * are its own, also by now, and lie before the key. */
    int (*before)(void *context, const struct period_key *key, struct period *period,
                  struct period_head *head);
    /* The first stored period that starts after the key: 1, or 0. */
    int (*after)(void *context, const struct period_key *key, struct period *period);
    /* Up to `size` graded records that come after the key, in order; their number, 0 at the end. */
    int (*records)(void *context, const struct period_key *key, struct period_record *page,
                   uint32_t size);
};

/* What has to be written so that what is stored holds again. All lists are in order of time. */
struct periods_change {
    struct period *put; /* new, or to replace the one with the same start */
    struct period_key *removed;
    struct period_event *told;
    struct period_key *retracted; /* events */
    uint32_t put_count, removed_count, told_count, retracted_count;
    uint32_t put_size, removed_size, told_size, retracted_size;
    /* From here, the start of a stored period, all is as it was; at the end: behind everything. */
    struct period_key until;
    bool to_the_end;    /* the last period was computed again and is `open` */
    struct period open; /* grade 0 when no record is left */
};

/* The key behind which periods_repair() asks for records first when there is a period before. */
struct period_key periods_repair_from(const struct period *before, const struct period_head *head);

/*
 * Computes the neighbourhood of the first of these late records again: from the last stored period
 * before it, or else from the beginning, to the first stored one behind it that still begins where
 * it did. The late ones of the pair from that one on, at least one, in order; those before
 * change->until are dealt with then. `open`: what records in order, this flush's as well, have made
 * of the open period, without the late ones (grade 0: there is none). The source's records hold all
 * late ones already, its periods do not yet. 0, or -1 when the source failed or memory is out; the
 * caller releases *change either way.
 */
int periods_repair(const struct periods_source *source, int64_t gap_us,
                   const struct period_key *late, uint32_t late_count, const struct period *open,
                   struct periods_change *change);

void periods_change_release(struct periods_change *change);

#endif
