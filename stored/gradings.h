/* The published gradings, and the numbers of grade names. */
#ifndef EZREPO_STORED_GRADINGS_H
#define EZREPO_STORED_GRADINGS_H

#include "common/grading.h"
#include "common/message.h"
#include "stored/pg.h"

#define GRADE_NAMES 1000 /* ever, over all gradings; schemas/sql says so too */

struct gradings {
    uint32_t version; /* in force; 0: none is known yet */
    struct bytes document;
    uint16_t name_count; /* id of name[i] is i + 1 */
    char *name[GRADE_NAMES];
};

/* Reads what is in force. 0, or -1 on a failure of the database or of memory. */
int gradings_load(struct gradings *g, struct pg *pg);
void gradings_release(struct gradings *g);

/* The number of a grade name, from 1; 0 when no grading ever had it. */
uint16_t gradings_name(const struct gradings *g, struct slice name);

/*
 * Checks the document and makes it the next version, in a transaction of its own. Fills status,
 * message, version, blocks and faults of *answer; texts live in the arena. 0 when it was published,
 * else -1.
 */
int gradings_publish(struct gradings *g, struct pg *pg, struct pg_params *params, struct arena *a,
                     struct slice document, struct slice author, struct published_message *answer);

#endif
