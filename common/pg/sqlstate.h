/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PostgreSQL's five characters for a failure, the SQLSTATE, mean to who asked: one table for
 * all processes. What each makes of it, to try again or to give up, stands with it. Pure.
 */
#ifndef EZREPO_COMMON_PG_SQLSTATE_H
#define EZREPO_COMMON_PG_SQLSTATE_H

#include <stdbool.h>

enum pg_meaning {
    PG_MEANS_OTHER,     /* nothing of the below: a fault of ours, or the server's */
    PG_MEANS_DATA,      /* not with these values, or not that many of them */
    PG_MEANS_VIOLATED,  /* a constraint does not allow these values */
    PG_MEANS_TWICE,     /* ... since there is a row with this key */
    PG_MEANS_AWAY,      /* no connection, or the server is starting or stopping */
    PG_MEANS_RESOURCES, /* memory, disk, connections are used up */
    PG_MEANS_SYSTEM,    /* the server's own system failed it: a disk, a file */
    PG_MEANS_READ_ONLY, /* it takes no writes, as one does that follows another */
    PG_MEANS_LOCKED,    /* somebody holds a lock: nothing was changed */
    PG_MEANS_CONFLICT,  /* another transaction, or what a standby has to do, came first */
    PG_MEANS_STOPPED,   /* the statement was ended: statement_timeout, or somebody */
    PG_MEANS_STATE,     /* not in the state that transaction, object or server are in now */
    PG_MEANS_MADE,      /* the schema or table to be made is there */
    PG_MEANS_NAMED,     /* another object of the name is there: a role, a constraint */
    PG_MEANS_MISSING,   /* a schema, table or function is not there */
    PG_MEANS_FORBIDDEN, /* a right is not there */
    PG_MEANS_WRONG      /* the statement, or what it names, is not as it should be */
};

/* That of the table's longest beginning of the SQLSTATE; NULL or "": PG_MEANS_OTHER. */
enum pg_meaning pg_meaning_of(const char *sqlstate);

/* Whether these values are refused: with them it fails again. */
static inline bool pg_refuses_data(enum pg_meaning meaning)
{
    return meaning == PG_MEANS_DATA || meaning == PG_MEANS_VIOLATED || meaning == PG_MEANS_TWICE;
}

/* Whether the same statement may go well later, without anybody changing it or what is stored. */
bool pg_may_pass(enum pg_meaning meaning);

/* Whether a thing that is to be made cannot be, by what is there, until somebody changes that. */
bool pg_stands_in_the_way(enum pg_meaning meaning);

#endif
