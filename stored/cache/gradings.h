/* SPDX-License-Identifier: Apache-2.0 */
/* The published gradings, and the numbers of grade names. */
#ifndef EZREPO_STORED_GRADINGS_H
#define EZREPO_STORED_GRADINGS_H

#include "common/grading.h"
#include "common/message.h"
#include "common/pg/pg.h"
#include "stored/cache/arrival.h"

#define GRADE_NAMES 1000 /* that have a number at one time; schemas/sql says so too */

/* A version is its number and what it says: a store that was put back gives a number again. */
struct grading_edition {
    uint32_t version;
    uint64_t digest; /* as in the message "grading" */
};

/* What blocks of a version say of hold and flap, by its place among these. */
struct grading_steady {
    uint32_t version, place;
    struct steady_terms terms;
};

struct gradings {
    uint32_t version; /* in force; 0: none is known yet */
    uint64_t digest;
    struct bytes document;
    struct bytes types; /* what of the record types and of time zones enters grading; empty: from a
                           release that did not keep it */
    struct grading_edition *editions; /* all there are, ascending */
    uint32_t edition_count, edition_size;
    struct grading_steady *steady; /* of all versions, ascending */
    uint32_t steady_count, steady_size;
    uint16_t name_count;     /* the greatest number that a name has */
    char *name[GRADE_NAMES]; /* that of name[i] is i + 1; NULL: no name has it */
};

/* Reads what is in force. 0, or -1 on a failure of the database or of memory. */
int gradings_load(struct gradings *g, struct pg *pg, struct pg_params *params);
void gradings_release(struct gradings *g);

/* Whether the store has this version with this digest; 0: it was not told. */
bool gradings_have(const struct gradings *g, uint64_t version, uint64_t digest);

/* What is said of steadiness at a place of a version; NULL: nothing. Good until the next version.
 */
const struct steady_terms *gradings_terms(const struct gradings *g, uint64_t version,
                                          uint32_t place);

/* The number of a grade name, from 1; 0 when it has none: no grading ever had it, or only some that
 * are not in force any more and graded nothing. */
uint16_t gradings_name(const struct gradings *g, struct slice name);

/* The name that has this number; "?" where none has. */
const char *gradings_name_text(const struct gradings *g, int id);

/* What is kept with a version beside its document: `types`, with the time zones it names, in the
 * arena. 0; -1: it is larger than a message may have, or memory is out. */
int gradings_kept(struct arena *a, const struct grading *grading, struct slice types,
                  struct slice *kept);

/* What becomes a version. */
struct grading_given {
    struct slice document;
    struct slice types; /* what of the record types enters grading (record_types_grading()) */
    struct slice author;
    struct slice comment; /* of LIMIT_TEXT_BYTES at most; "": none */
    uint64_t over;        /* the version that has to be in force; 0: whichever is */
};

/*
 * Checks the document and makes it the next version, in a transaction of its own, together with its
 * entry of the feed. The time zones it names are kept with it. Where numbers for its
 * names run out, those of names are used again that no record has and neither it nor the version
 * before. Fills status,
 * message, version, blocks and faults of *answer; texts live in the arena. 0 when it was published,
 * else -1.
 */
int gradings_publish(struct gradings *g, struct arrival *arrival, struct pg *pg,
                     struct pg_params *params, struct arena *a, const struct grading_given *given,
                     struct published_message *answer);

#endif
