/* What records' values mean: each schema once in the database, and its number here. */
#ifndef EZREPO_STORED_SCHEMA_CACHE_H
#define EZREPO_STORED_SCHEMA_CACHE_H

#include "common/message.h"
#include "stored/pg.h"
#include "stored/table.h"

struct schema_entry {
    UT_hash_handle hh;
    uint8_t digest[16]; /* of all that it says */
    int32_t id;         /* 0: not loaded yet */
    struct bytes copy;  /* what is to be written, until it is */
    struct schema_entry *next_unseen;
};

struct schema_cache {
    struct schema_entry *table;
    struct schema_entry *unseen;
    uint32_t max;
};

/* The schema's entry; NULL when memory is out. Stays valid until schema_forget() or schema_trim().
 */
struct schema_entry *schema_get(struct schema_cache *c, const struct schema_message *schema);

/* Gets numbers for all that have none, making rows for new ones. 0, or -1: the database. */
int schema_load(struct schema_cache *c, struct pg *pg, struct pg_params *params, struct arena *a);

/* Forgets all of it: after a flush that failed. */
void schema_forget(struct schema_cache *c);
/* Between flushes: forgets all of it when there are more than the bound. */
void schema_trim(struct schema_cache *c);

#endif
