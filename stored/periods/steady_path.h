/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk (steady.h) of one pair through what the database holds: where it can begin, the records
 * from there on, and the rows that are stored of it.
 */
#ifndef EZREPO_STORED_STEADY_PATH_H
#define EZREPO_STORED_STEADY_PATH_H

#include "common/periods/steady.h"
#include "common/pg/pg.h"
#include "stored/store.h"

#define STEADY_LAST_US INT64_C(253402300800000000) /* the year 10000: no record starts as late */

/* States that are kept in the database. */
struct steady_mark {
    int64_t series_id;
    uint16_t grade_id;
    struct period_key key; /* of the last record before */
    struct pack state;
};

struct steady_marks {
    struct steady_mark *at;
    uint32_t count, size;
};

void steady_marks_release(struct steady_marks *m);
struct steady_path;
/* Adds a state of the path's pair. 0; -1: memory. */
int steady_marks_put(struct steady_marks *m, const struct steady_path *p,
                     const struct period_key *key, const struct steady *state);
/* Writes and forgets them. 0; -1: the database. */
int steady_marks_send(struct steady_marks *m, struct store *store);

/* States that were kept behind where a path began: where one of them is what the path comes to, it
 * need not be gone on with. */
struct steady_behind {
    const struct period_key *late; /* what came, in order: NULL: the path goes to its end */
    uint32_t late_count, late_at;  /* the first of them that it did not pass yet */
    PGresult *page;                /* the next states */
    struct period_key page_from;   /* which are those behind this one */
    int at;
    bool last_page;
    struct steady_more more; /* that the path has where it stopped */
};

struct steady_path {
    struct store *store;
    int64_t series_id;
    uint16_t grade_id;
    int64_t gap_us;
    int64_t last_us; /* no record of the series starts later */
    struct steady state;
    struct period_key began;   /* `through` where it began */
    struct period_key through; /* all graded records up to it were gone over */
    uint32_t unmarked;         /* records since a state was kept */
    bool marked;               /* one is kept of the pair */
    struct steady_rows settled;
    struct steady_marks *marks; /* NULL: none are kept */
    struct steady_behind behind;
    uint64_t read; /* records from the database */
};

/*
 * Puts the path to the last kept state before `key`. Where there is none: to what the stored
 * periods say, which nothing but grades made so far; `plain_open` (NULL: it is looked for) is the
 * open period when no record lies behind it but what comes from `key` on. 0; -1.
 */
int steady_path_begin(struct steady_path *p, struct series *series, const struct period_key *key,
                      const struct period *plain_open);

/* The next record in order. 0; -1: memory. */
int steady_path_step(struct steady_path *p, const struct period_record *record, uint16_t bits,
                     uint64_t version);

/* All graded records behind `through` that are in the database: 0. 1: up to a kept state where it
 * may stop (steady_behind_stops). -1. */
int steady_path_read(struct steady_path *p);

/* Keeps the state that it is at. 0; -1: memory. */
int steady_path_mark(struct steady_path *p);

/* All rows of the path since it began, those that may still change at the end. 0; -1: memory. The
 * path is not to be gone on with. */
int steady_path_rows(struct steady_path *p);

/* Rows of the pair that start behind `from` and before `until` (NULL: all) as they are stored; open
 * ones as their rows have them. */
int steady_stored_rows(struct steady_path *p, const struct period_key *from,
                       const struct period_key *until, bool completed, struct steady_rows *rows);

/* ---- steady_behind.c ---- */

/*
 * 1: at the last record a state was kept that is what the path is at but for numbers of records
 * (p->behind.more), another one is kept behind it, and no late record lies between these two. 0;
 * -1: the database.
 */
int steady_behind_stops(struct steady_path *p);

/* Where it stopped: that state and all behind it become what they have to be; those between where
 * the path began and there are those of the path. 0; -1. */
int steady_behind_mend(struct steady_path *p);

/* Where it came to its end: no state that was kept behind its beginning is of use. 0; -1. */
int steady_behind_cut(struct steady_path *p);

void steady_path_release(struct steady_path *p);

#endif
