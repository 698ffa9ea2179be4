/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods where a grading asks for steadiness (docs/semantics.md): leave, hold, flap. The records
 * of one series and one grade name are walked along once, in order; what is known between two of
 * them is the walk's state. Pure: no clock, no database, no globals.
 *
 * A row is a period and the event at its start. Those that may still change are in the state: the
 * last one, and those before it that a stretch of changes may yet take in.
 */
#ifndef EZREPO_STEADY_H
#define EZREPO_STEADY_H

#include "common/grading.h"
#include "common/pack.h"
#include "common/periods/periods.h"

struct steady_record {
    struct period_record record;
    uint8_t stands; /* bit g - 1: it lets grade g stand; its own need not be set */
    const struct steady_terms *terms; /* NULL: as all 0 */
};

struct steady_row {
    struct period period;
    uint8_t from; /* of the event at its start; 0: null */
    bool change;  /* its start is a change, of which stretches are made */
};

#define STEADY_ROWS (GRADING_FLAP_CHANGES + 1)

struct steady {
    uint8_t grade;      /* the state; 0: no record yet */
    int64_t latest_us;  /* the latest end since the last gap */
    int64_t reaches_us; /* the latest end since the state began */
    struct {
        int8_t side; /* -1: worse than the state, 1: better; 0: no run is open */
        uint8_t nearest;
        uint32_t records;
        struct period_key first;
        struct period_sum sum;    /* of its records */
        struct period_sum before; /* of the last row without them */
    } run;
    bool flaps;        /* the last row is a stretch: */
    int64_t flap_us;   /* which changes belong to it, */
    int64_t change_us; /* and when the last one was */
    uint32_t row_count;
    struct steady_row rows[STEADY_ROWS];
};

struct steady_rows {
    struct steady_row *at;
    uint32_t count, size;
};

/*
 * The next record in order. Rows that cannot change any more are appended to `settled`. 0, or -1:
 * memory is out, and the state is of no use.
 */
int steady_step(struct steady *s, const struct steady_record *record, int64_t gap_us,
                struct steady_rows *settled);

/*
 * The state at the end of the newest of these periods, which nothing but grades made: it, and those
 * before it since the last gap, at least one, the newest first; more than STEADY_ROWS + 1 of them
 * are not looked at. `latest_us`: the latest end of any of their records.
 */
void steady_of_periods(struct steady *s, const struct period *newest, uint32_t count,
                       int64_t latest_us);

/* The last row, which all that comes next may extend; grade 0: no record yet. */
const struct steady_row *steady_last(const struct steady *s);

/* The event at the start of a row. */
struct period_event steady_event(const struct steady_row *row);

/* How many records more one of two states has in its rows, by where these start, in order. */
struct steady_more {
    uint32_t count;
    struct {
        struct period_key start;
        uint64_t records; /* added modulo 2^64: it may stand for fewer */
    } at[STEADY_ROWS];
};

/* Whether whatever comes next makes the same of both, and nothing but numbers of records differs:
 * then `more` is what `a` has more than `b`, of no row where they are equal. */
bool steady_alike(const struct steady *a, const struct steady *b, struct steady_more *more);

/* To a state that came of `b` what `a` has more. False where all these rows were settled before:
 * then it is that of `a` as it is, and so are all later ones. */
bool steady_add(struct steady *s, const struct steady_more *more);

/* Of the rows of a state: what both say that these have more. What `earlier` says of rows that were
 * settled is left out. */
void steady_more_join(const struct steady *s, struct steady_more *more,
                      const struct steady_more *earlier);

/* The state as bytes, and back: -1 when they are none. Equal states are equal bytes. */
void steady_encode(struct pack *p, const struct steady *s);
int steady_decode(struct slice bytes, struct steady *s);

#endif
