/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partitions there are and the hours that hold measurements, as the database has them. Pure but
 * for what takes a connection.
 */
#ifndef EZREPO_STORED_CALENDAR_H
#define EZREPO_STORED_CALENDAR_H

#include "common/pg/pg.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

enum hour_state {
    HOUR_NEW,    /* not in the database yet */
    HOUR_OPEN,   /* counted from its measurements */
    HOUR_SEALED, /* counted in rollup_hour: whoever adds a record adds to that */
    HOUR_IN_DAY  /* in rollup_day and rollup_month instead */
};

struct calendar_hour {
    int32_t hour;  /* since 1970 */
    int32_t reach; /* the hour in which the last of its records ends; INT32_MAX: not known */
    uint8_t state;
    bool moved;                          /* what is below or above is not in the database yet */
    int64_t arrived_from, arrived_until; /* the numbers of the transactions that brought its records
                                            are within; the end is rounded up */
    int64_t touched_us;                  /* of a steady clock: when a record last fell into it */
};

/* A day's partition (SQL_WHOLE_DAY), or one of a class in it. */
struct calendar_part {
    int32_t day; /* since 1970 */
    int32_t class;
};

struct calendar_parts {
    struct calendar_part *at;
    uint32_t count, size;
};

struct calendar {
    struct calendar_hour *hours; /* ascending */
    uint32_t hour_count, hour_size;
    struct calendar_parts parts;   /* ascending by day and class, a day's own before those in it */
    struct calendar_parts missing; /* to be made with calendar_make() */
    bool stale;                    /* something was added that was not committed */
    /* The first hour of those being counted now, and how many: an hour, or a day's into the day.
     * What becomes of them only the database knows. 0 of them: nothing is. */
    int32_t sealing, sealing_hours;
};

static inline int32_t calendar_hour_of(int64_t us)
{
    return (int32_t)(us / HOUR_US);
}

/* Reads both from the database. 0, or -1: then it is stale. */
int calendar_load(struct calendar *c, struct pg *pg, int64_t clock_us);
void calendar_release(struct calendar *c);

/*
 * A record that the transaction of this number brings starts in the hour and ends in the hour
 * `reach`. The hour's entry, made (HOUR_NEW) when
 * it is not there. NULL when memory is out. Valid until the next call.
 */
struct calendar_hour *calendar_touch(struct calendar *c, int32_t hour, int32_t reach,
                                     int64_t arrival, int64_t clock_us);

/* Where the first of `hours` stands that is not before this one. */
uint32_t calendar_place(const struct calendar *c, int32_t hour);

/* The hour's entry without making it; NULL when it is not there. */
struct calendar_hour *calendar_find(const struct calendar *c, int32_t hour);

/* Whether records of a class and day have their partition. */
bool calendar_has(const struct calendar *c, int32_t day, int32_t class);
/* It is there now, as somebody says who made it. 0; -1: memory. */
int calendar_add(struct calendar *c, struct calendar_part part);
/* Notes that it is to be made when it is not there. 0; -1: memory. */
int calendar_need(struct calendar *c, int32_t day, int32_t class);

/* The last day that has a partition, that holds records; -1 when there is none. */
int32_t calendar_last_day(const struct calendar *c);
int32_t calendar_last_measured(const struct calendar *c);
/*
 * Times to look back to, one after the other, for what most likely lies in the newest days: a
 * statement is planned for all days it may read. The last of them is before everything.
 */
#define CALENDAR_WINDOWS 4
int64_t calendar_window_us(const struct calendar *c, int window);
/* Whether all hours of the day that hold records are counted in the roll-up. */
bool calendar_is_sealed(const struct calendar *c, int32_t day);
/* A partition was dropped. */
void calendar_remove(struct calendar *c, int32_t day, int32_t class);

/* Makes the partitions that were noted, within the transaction at hand. 0, or -1. */
int calendar_make(struct calendar *c, struct pg *pg);

/* Writes the hours that are missing, within the transaction at hand. 0, or -1. */
int calendar_write(struct calendar *c, struct pg *pg, struct pg_params *params);

/*
 * Whether the hour is being counted now, or in a day that is. What is not sealed is in no day: who
 * adds to it does not meet the counting.
 */
static inline bool calendar_is_sealing(const struct calendar *c, const struct calendar_hour *h)
{
    return h->hour >= c->sealing && h->hour < c->sealing + c->sealing_hours &&
           (c->sealing_hours == 1 || h->state >= HOUR_SEALED);
}

/*
 * Whether who adds records to the hour meets that counting: also at the rows of a month that a day
 * is counted into (its hours are at most so many apart).
 */
#define MONTH_HOURS (31 * 24)
static inline bool calendar_meets_sealing(const struct calendar *c, const struct calendar_hour *h)
{
    return calendar_is_sealing(c, h) ||
           (c->sealing_hours > 1 && h->state == HOUR_IN_DAY && h->hour > c->sealing - MONTH_HOURS &&
            h->hour < c->sealing + MONTH_HOURS);
}

/*
 * Learns from the database what became of the hours that were being counted, which ends `sealing`;
 * holds their rows until the transaction ends. 0, or -1.
 */
int calendar_settle(struct calendar *c, struct pg *pg, struct pg_params *params);

#endif
