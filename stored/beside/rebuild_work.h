/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a rebuild, which rebuild.c has do their work; nobody else includes this. */
#ifndef EZREPO_STORED_REBUILD_WORK_H
#define EZREPO_STORED_REBUILD_WORK_H

#include "stored/beside/compare.h"
#include "stored/store.h"

#define REBUILD_TEXTS 20

/* What was found so far. */
struct rebuild_found {
    uint64_t series, series_all, records, hours;
    uint64_t left_out;                          /* series into which late records kept coming */
    uint64_t periods[3], events[3], rollups[3]; /* by enum difference_how */
    char texts[REBUILD_TEXTS][400];             /* the first differences */
    uint32_t text_count;
};

/* What is to be done, and what came of it. */
struct rebuild_job {
    struct store *store;
    bool verify;
    int64_t since_us; /* INT64_MIN: from the first record */
    bool again;       /* only the series in series_again, which leave it */
    bool meanwhile;   /* those that are computed while records are taken; else the others */
    struct rebuild_found found;
};

/* The next of found->texts; the difference is only counted when there are enough. */
void rebuild_tell(struct rebuild_found *found, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All differences that were found. */
uint64_t rebuild_differences(const struct rebuild_found *found);

/* How many series of that kind are in series_again; -1: the database. */
int64_t rebuild_again_count(struct store *store, bool meanwhile);

/*
 * Reads days and hours again: partitions may have been dropped since. 0, or -1: the database; then
 * the next flush reads them first.
 */
int rebuild_calendar(struct rebuild_job *job);

/* ---- rebuild_series.c: periods and events ---- */

struct rebuild_series;

struct rebuild_series *rebuild_series_new(struct rebuild_job *job);
void rebuild_series_free(struct rebuild_series **s);

/* Reads which series there are. 0, or -1: the database. */
int rebuild_series_begin(struct rebuild_series *s);

/*
 * The next some thousand records of the series at hand. 1 when all series are done; 0; 2 when there
 * is only waiting left to do; -1 when the database failed: then the series at hand begins anew with
 * the next call.
 */
int rebuild_series_step(struct rebuild_series *s);

/* A record came late: if it lies in what was looked at of the series at hand, that begins anew, or
 * is left out when that was so too often. */
void rebuild_series_notice(struct rebuild_series *s, const struct series *series,
                           const struct period_key *key);

/* ---- rebuild_hours.c: the roll-up ---- */

struct rebuild_hours;

struct rebuild_hours *rebuild_hours_new(struct rebuild_job *job);
void rebuild_hours_free(struct rebuild_hours **h);

/* Which hours there are. 0, or -1: memory. */
int rebuild_hours_begin(struct rebuild_hours *h);

/*
 * Goes on with the hour at hand. 1 when all hours are done; 0; 2 when there is only waiting left to
 * do; 3 when its own connection failed too often; -1 when the flushes' did: then the hour at hand
 * is asked for again.
 */
int rebuild_hours_step(struct rebuild_hours *h);

/* Why it failed last; valid until the next call. */
const char *rebuild_hours_error(const struct rebuild_hours *h);

/* Gives up what is asked for, and closes the connection. */
void rebuild_hours_end(struct rebuild_hours *h);

#endif
