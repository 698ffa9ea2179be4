/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of series: for each its number, its greatest (t_start, t_end, key), and the open period
 * of each grade name. Bounded: the least recently used ones are forgotten and read again when they
 * come back.
 */
#ifndef EZREPO_STORED_SERIES_H
#define EZREPO_STORED_SERIES_H

#include "common/message.h"
#include "common/periods/periods.h"
#include "common/periods/steady.h"
#include "stored/cache/calendar.h"
#include "stored/cache/retention.h"
#include "stored/cache/seeded_hash.h"
#include "stored/periods/distances.h"
#include "stored/periods/gaps.h"

/* What is remembered of a pair that asks for steadiness. */
struct steady_memory {
    bool fresh; /* the state is that behind all records of the pair; else it is to be looked for */
    struct steady state;
    struct period_key through; /* the last of these records */
    uint32_t unmarked;         /* as in steady_path.h */
    bool marked;
};

/* One grade name of one series. */
struct series_grade {
    struct period open;        /* grade 0: no graded record yet */
    uint64_t written;          /* open.sum.records as the database has it */
    struct period_key through; /* no record behind it is counted in the database's row */
    uint16_t grade_id;
    bool dirty;                   /* to be written although it neither began nor ended */
    bool again;                   /* in this flush `open` was computed again from the records */
    struct steady_memory *steady; /* NULL: nothing ever asked for steadiness */
};

struct series {
    UT_hash_handle hh;
    struct series *newer, *older; /* by use */
    int64_t id;
    int64_t gap_us;
    uint32_t class;                  /* of its record type: retention.h */
    struct distance_type *distances; /* of its record type; NULL: not looked at */
    bool apart; /* its greatest record came later than the gap after the one before */
    struct period_key greatest;
    uint64_t stamp; /* of the flush that used it last */
    struct series_grade *grades;
    uint16_t grade_count;
    bool loaded;
    bool again; /* one of its grades is */
    uint16_t key_bytes;
    char key[]; /* six times a length in two bytes, then the six texts */
};

struct series_cache {
    struct series *table;
    struct series *newest, *oldest;
    struct series **unseen; /* not loaded yet, of the flush at hand */
    uint32_t unseen_count, unseen_size;
    uint32_t max;
};

/*
 * The series of a record; a new entry (not loaded) when it is not in the cache. Marked as used by
 * the flush `stamp`. NULL when memory is out.
 */
struct series *series_get(struct series_cache *c, const struct record_message *r, uint64_t stamp);

/* Loads every entry that is not loaded, making rows for new series. 0, or -1: the database. */
int series_load(struct series_cache *c, struct pg *pg, struct pg_params *params,
                const struct gaps *gaps, struct distances *distances,
                const struct retention *retention, const struct calendar *calendar);

/* The gaps are others. */
void series_set_gaps(struct series_cache *c, const struct gaps *gaps);

/* A record in order came: it is the greatest now. */
void series_advance(struct series *s, const struct period_key *key);

/* The state of one grade name, made when it is not there; NULL when memory is out. */
struct series_grade *series_grade(struct series *s, uint16_t grade_id);
/* The same, or NULL when it is not there. */
struct series_grade *series_grade_find(const struct series *s, uint16_t grade_id);

/* Has its memory for steadiness made where there is none: 0; -1: memory is out. */
int series_grade_steady(struct series_grade *g);

/* After a flush that failed: forgets every entry it used. */
void series_forget(struct series_cache *c, uint64_t stamp);

/* After a flush that wrote nothing: forgets those it would have loaded; the others are as before.
 */
void series_forget_unseen(struct series_cache *c);

/* Between flushes: forgets the series of these dimensions; it is read again when it comes back. */
void series_drop(struct series_cache *c, const struct record_message *r);

/* After a flush: forgets the least recently used beyond the bound, never those of this flush. */
void series_trim(struct series_cache *c, uint64_t stamp);

/* One of its dimensions, its record type; in the entry. */
struct slice series_dimension(const struct series *s, enum dimension dimension);
struct slice series_type(const struct series *s);

uint32_t series_count(const struct series_cache *c);
void series_clear(struct series_cache *c);

#endif
