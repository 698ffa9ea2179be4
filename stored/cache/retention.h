/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long records are kept, by record type. Types are strings that any probe can invent, so a
 * record belongs to one of few classes: each type that the option stored.retention ever named has
 * one of its own, class 0 is all others. Pure: no clock, no database, no globals.
 *
 * Days count from 1970-01-01, UTC.
 */
#ifndef EZREPO_STORED_RETENTION_H
#define EZREPO_STORED_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/document.h"
#include "common/message.h"

#define RETENTION_TYPES   16  /* named in the option at once */
#define RETENTION_CLASSES 100 /* in the life of a store */
#define RETENTION_DAYS    36500

/* The option, read. */
struct retention_rule {
    char type[LIMIT_DIMENSION_BYTES];
    uint16_t type_bytes;
    int32_t days; /* 0: for ever */
};

struct retention_rules {
    struct retention_rule rule[RETENTION_TYPES];
    uint32_t count;
    int32_t rest_days; /* "*": all other types */
};

/* From record types to days; NULL is the empty one. 0, or -1 after each fault was told. */
int retention_rules_read(struct document *d, const struct json *option,
                         struct retention_rules *rules);

struct retention_class {
    struct retention_rule rule; /* of class 0 only the days count */
    int32_t from_day;           /* records of days before are in class 0 */
    int32_t horizon_day;        /* records of days before are dropped, and not taken any more */
};

/* As the database has it; the index is the class. Class 0 is always there. */
struct retention {
    struct retention_class class[RETENTION_CLASSES];
    uint32_t count;
};

/* The class of a type, on the days from its from_day on; 0 when it has none. */
uint32_t retention_of_type(const struct retention *r, struct slice type);

/* The class of a record of a type of that class, by its day. */
static inline uint32_t retention_on_day(const struct retention *r, uint32_t class, int32_t day)
{
    return day >= r->class[class].from_day ? class : 0;
}

/*
 * measurement.key: the digest of what a record measured, under its class, so that a range of keys
 * is a class.
 */
#define RETENTION_KEY_BITS 48
static inline int64_t retention_key(uint32_t class, uint64_t digest)
{
    return (int64_t)((uint64_t) class << RETENTION_KEY_BITS | digest);
}

/*
 * Where the records of the types of this class begin to be all there: microseconds since 1970.
 * INT64_MIN when none was ever to be dropped.
 */
int64_t retention_horizon_us(const struct retention *r, uint32_t class);

/* The earliest of these, of all classes. */
int64_t retention_earliest_us(const struct retention *r);

/* Whether a record of this type and time is not taken any more. */
bool retention_is_expired(const struct retention *r, struct slice type, int64_t t_us);

/* Takes over how long each class is kept: a class whose type is not named as all others are. */
void retention_set_days(struct retention *r, const struct retention_rules *rules);

/* The horizon a class has to have today; never less than it has. */
int32_t retention_horizon_due(const struct retention_class *c, int32_t today);

#endif
