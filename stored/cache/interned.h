/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many records share stands once in the database, under a number: the schema that tells what
 * their values mean, the list of a traceroute's hops. Here are the numbers of those used last; the
 * others are asked for again, by their digest, when they come back. Which days' records use one is
 * noted there, so that it goes when they are gone.
 */
#ifndef EZREPO_STORED_INTERNED_H
#define EZREPO_STORED_INTERNED_H

#include "common/message.h"
#include "common/pg/pg.h"
#include "stored/cache/said.h"
#include "stored/cache/seeded_hash.h"
#include "stored/db/sql.h"

/* The latest day of which records of a class use it. */
struct interned_use {
    int32_t class, day;
    bool moved; /* not in the database yet */
};

struct interned {
    UT_hash_handle hh;
    struct interned *newer, *older; /* by use */
    struct interned *next_unseen, *next_moved;
    uint8_t digest[16]; /* of all that it says */
    int64_t id;         /* 0: not loaded yet */
    struct bytes copy;  /* what is to be written, until it is loaded */
    uint64_t stamp;     /* of the flush that used it last */
    struct interned_use *uses;
    uint32_t use_count, use_size;
    bool moved; /* one of its uses is */
};

/* How one kind of them is asked for and written. */
struct interned_kind {
    enum sql_statement find, use, trim;
    /* Makes rows for all of c->unseen without a number. 0, or -1: the database, memory. */
    int (*add)(struct interned *unseen, struct pg *pg, struct pg_params *params);
};

struct interned_cache {
    const struct interned_kind *kind;
    struct interned *table;
    struct interned *newest, *oldest;
    struct interned *unseen, *moved; /* of the flush at hand */
    uint32_t max;
};

extern const struct interned_kind interned_schemas, interned_hops;

/*
 * The entry of a schema, of whose parameters and metadata those in `said` are not with the values;
 * of a list of hops. Marked as used by the flush `stamp`. NULL when memory is out.
 */
struct interned *interned_schema(struct interned_cache *c, const struct schema_message *schema,
                                 const struct said *said, uint32_t mask, uint64_t stamp);
struct interned *interned_hop_list(struct interned_cache *c, const struct slice *hops,
                                   uint32_t count, uint64_t stamp);

/* Gets numbers for all that have none, making rows for new ones. 0, or -1: the database. */
int interned_load(struct interned_cache *c, struct pg *pg, struct pg_params *params);

/* Notes that a record of this class and day uses it. 0; -1 when memory is out. */
int interned_use(struct interned_cache *c, struct interned *e, int32_t class, int32_t day);
/* Writes what was noted. 0, or -1: the database. */
int interned_write_uses(struct interned_cache *c, struct pg *pg, struct pg_params *params);

/* After a flush that failed: forgets all that it used. */
void interned_forget(struct interned_cache *c, uint64_t stamp);
/* After a flush: forgets the least recently used beyond the bound, never those of this flush. */
void interned_trim(struct interned_cache *c, uint64_t stamp);
void interned_clear(struct interned_cache *c);

/*
 * Between flushes: removes from the database what no record can use any more, and forgets all here
 * when something was. `first_days`: of each class the first day that has records. How many were
 * removed, or -1: the database.
 */
int64_t interned_remove_unused(struct interned_cache *c, struct pg *pg, struct pg_params *params,
                               const int32_t *first_days, uint32_t classes);

#endif
