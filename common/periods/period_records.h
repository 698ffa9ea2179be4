/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as periods see them: where each stands, and what is said of many of them together. All
 * that is known of a sum is here, in C and in SQL; period_rows.c takes it out of rows and into
 * them. Pure: no clock, no database, no globals.
 *
 * To say one thing more of them: here, in period_rows.c, and in a migration for period,
 * period_dropped and the views over them. What cannot be told from hours of the roll-up costs late
 * records in long periods the reading of all of them (PERIOD_SUM_OF_HEAD).
 */
#ifndef EZREPO_PERIOD_RECORDS_H
#define EZREPO_PERIOD_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Where a record stands in its series: start and end, microseconds since 1970, then its number in
 * measurement.key: the digest of what was measured under the class, which is one and the same for
 * all records of a series with one start. A natural number, as is end_us: {t, 0, -1} lies before
 * all that starts at t.
 */
struct period_key {
    int64_t t_us;
    int64_t end_us;
    int64_t key;
};

/* Less than, equal to or greater than zero. */
static inline int period_key_compare(const struct period_key *a, const struct period_key *b)
{
    if (a->t_us != b->t_us)
        return a->t_us < b->t_us ? -1 : 1;
    if (a->end_us != b->end_us)
        return a->end_us < b->end_us ? -1 : 1;
    return a->key == b->key ? 0 : a->key < b->key ? -1 : 1;
}

/* A graded record: grade is 1..5 and t_end_us >= key.t_us; others are not given to anything here.
 */
struct period_record {
    struct period_key key;
    int64_t t_end_us;
    uint8_t grade;
};

/* ---- what is said of a set of records ---- */

struct period_sum {
    int64_t t_end_us; /* the latest end */
    uint64_t records;
};

/* Of no records. */
#define PERIOD_SUM_NONE ((struct period_sum){.t_end_us = INT64_MIN})

static inline struct period_sum period_sum_of(const struct period_record *r)
{
    return (struct period_sum){.t_end_us = r->t_end_us, .records = 1};
}

/* Of two sets without a common record. */
static inline void period_sum_add(struct period_sum *s, const struct period_sum *more)
{
    s->t_end_us = more->t_end_us > s->t_end_us ? more->t_end_us : s->t_end_us;
    s->records += more->records;
}

/*
 * Adds the records of `whole` without those of `part`, which are some of them. Says false, and adds
 * nothing, when that does not follow from the sums: where *s says less than `part`, or nothing is
 * left over.
 */
static inline bool period_sum_add_rest(struct period_sum *s, const struct period_sum *whole,
                                       const struct period_sum *part)
{
    if (s->t_end_us < part->t_end_us || whole->records <= part->records) {
        return false;
    }
    s->t_end_us = whole->t_end_us > s->t_end_us ? whole->t_end_us : s->t_end_us;
    s->records += whole->records - part->records;
    return true;
}

static inline bool period_sum_equal(const struct period_sum *a, const struct period_sum *b)
{
    return a->t_end_us == b->t_end_us && a->records == b->records;
}

/* ---- the same in SQL: columns of period, period_dropped and the views over them ---- */

#define PERIOD_SUM_WIDTH 2

/* `of` is "" or an alias with a dot. */
#define PERIOD_SUM_COLUMNS(of) of "t_end, " of "records"

/* Of records m. */
#define PERIOD_SUM_OF_RECORDS "max(m.t_end) AS t_end, count(*) AS records"

/* Of two, of which the first may be null. */
#define PERIOD_SUM_OF_BOTH(a, b)                                                                   \
    "greatest(" a "t_end, " b "t_end), coalesce(" a "records, 0) + " b "records"

/* As arrays, behind ten parameters. */
#define PERIOD_SUM_ARRAYS "$11::timestamptz[], $12::bigint[]"

/*
 * Of a head (late_heads.c), of which `records` are all: their number without those of the hours
 * from $6 on, which the roll-up knows; the latest end among those from $7 on, as those before end
 * earlier. What else is said of records is said of all of them.
 */
#define PERIOD_SUM_OF_HEAD(records)                                                                \
    "(SELECT max(t_end) " records " AND t_start >= $7::timestamptz),"                              \
    " (SELECT count(*) " records " AND t_start < $6::timestamptz)"

#endif
