/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When and how records came. Each transaction has a number, greater than those before it, which its
 * records and its entries of the feed carry: who follows asks for greater ones. Of the first in
 * each second the table `arrival` has the times, and which number is the last. By which door and in
 * what format a record came is a small number, too (table `origin`).
 */
#ifndef EZREPO_STORED_ARRIVAL_H
#define EZREPO_STORED_ARRIVAL_H

#include "common/pg/pg.h"
#include "common/slice.h"

#define ORIGIN_TEXT 64

struct origin {
    int16_t id;
    char door[ORIGIN_TEXT + 1], format[ORIGIN_TEXT + 1];
};

struct arrival {
    bool loaded;
    bool marked;    /* this connection has its row of `arrival_mark`; and, in the transaction at */
    bool marking;   /* hand, wrote it */
    int64_t number; /* of the transaction at hand */
    bool told;      /* entries of the feed since who listens heard of a number last, */
    int64_t announced;                       /* this one */
    int64_t row;                             /* the number of the newest row of `arrival`, */
    int64_t row_received_s, row_committed_s; /* and its times, seconds since 1970 */
    struct origin *origins;
    uint32_t origin_count, origin_size;
    uint32_t origins_written; /* of these */
};

/* Begins a transaction: it gets its number. 0, or -1: the database. */
int arrival_begin(struct arrival *a, struct pg *pg);

/* The connection is a new one. */
void arrival_connected(struct arrival *a);

/*
 * The number for this door and format, texts that PostgreSQL takes of at most ORIGIN_TEXT bytes; 0
 * when neither is told, and for what is new when there is no number or memory any more.
 */
int16_t arrival_origin(struct arrival *a, struct slice door, struct slice format);

/*
 * Writes what is new, within the transaction at hand. received_us: when the oldest of what it
 * writes was received. 0, or -1: the database.
 */
int arrival_write(struct arrival *a, struct pg *pg, struct pg_params *params, int64_t received_us,
                  int64_t now_us);

/* After a transaction that failed: all of it is read again. */
void arrival_forget(struct arrival *a);

#endif
