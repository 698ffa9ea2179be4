/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classes of records in the database, and what has to be done about them day by day: a class
 * for each type that is named, horizons that move, partitions made ahead. All on the connection of
 * the flushes, between them.
 */
#ifndef EZREPO_STORED_CLASSES_H
#define EZREPO_STORED_CLASSES_H

#include "stored/store.h"

/*
 * Reads the classes, after the calendar was read; types of the option that have none get one, for
 * the days behind all that hold records. 0, or -1: the database.
 */
int classes_load(struct store *s, int64_t clock_us);

/*
 * Called now and then: moves the horizons that are due, and makes the partitions of today and
 * tomorrow that are missing. now_us: time of day. 0, or -1: the database.
 */
int classes_go_on(struct store *s, int64_t now_us, int64_t clock_us);

/* After partitions were dropped: removes schemas and lists of hops that no record has any more. 0,
 * or -1: the database. */
int classes_remove_unused(struct store *s);

#endif
