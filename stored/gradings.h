/* The published gradings, and the numbers of grade names. */
#ifndef EZREPO_STORED_GRADINGS_H
#define EZREPO_STORED_GRADINGS_H

#include "common/grading.h"
#include "common/message.h"
#include "stored/pg.h"

#define GRADE_NAMES 1000 /* ever, over all gradings; schemas/sql says so too */

/* A version is its number and what it says: a store that was put back gives a number again. */
struct grading_edition {
    uint32_t version;
    uint64_t digest; /* as in the message "grading" */
};

struct gradings {
    uint32_t version; /* in force; 0: none is known yet */
    uint64_t digest;
    struct bytes document;
    struct bytes types; /* what of the record types enters grading; empty: from a release that did
                           not keep it */
    struct grading_edition *editions; /* all there are, ascending */
    uint32_t edition_count, edition_size;
    uint16_t name_count; /* id of name[i] is i + 1 */
    char *name[GRADE_NAMES];
};

/* Reads what is in force. 0, or -1 on a failure of the database or of memory. */
int gradings_load(struct gradings *g, struct pg *pg, struct pg_params *params);
void gradings_release(struct gradings *g);

/* Whether the store has this version with this digest; 0: it was not told. */
bool gradings_have(const struct gradings *g, uint64_t version, uint64_t digest);

/* The number of a grade name, from 1; 0 when no grading ever had it. */
uint16_t gradings_name(const struct gradings *g, struct slice name);

/*
 * Checks the document and makes it the next version, in a transaction of its own, together with
 * `types`, what of the record types enters grading (record_types_grading()). Fills status,
 * message, version, blocks and faults of *answer; texts live in the arena. 0 when it was published,
 * else -1.
 */
int gradings_publish(struct gradings *g, struct pg *pg, struct pg_params *params, struct arena *a,
                     struct slice document, struct slice types, struct slice author,
                     struct published_message *answer);

#endif
