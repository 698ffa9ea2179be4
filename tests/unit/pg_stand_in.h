/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for a PostgreSQL server in tests of what a real one rarely does: it says yes to every
 * statement but those of a list, which it answers, each once and in their order, as told there.
 */
#ifndef EZREPO_TESTS_PG_STAND_IN_H
#define EZREPO_TESTS_PG_STAND_IN_H

#include <stddef.h>
#include <sys/types.h>

enum pg_stand_in_how {
    SAYS_DONE,        /* with this command tag */
    SAYS_ROW,         /* one row of one bigint, this one */
    SAYS_ROW_AND_TAG, /* that, and then another statement's "DROP TABLE" */
    SAYS_ERROR,       /* with this SQLSTATE */
    SAYS_NOTHING,
    ENDS,            /* closes the connection without an answer */
    ENDS_BEHIND_DONE /* ... after the command tag, before it says that it is ready again */
};

struct pg_stand_in_answer {
    const char *statement;
    enum pg_stand_in_how how;
    const char *what;
};

struct pg_stand_in {
    pid_t pid;
    char folder[64];
    char database[160]; /* the connection string that leads to it */
};

/* Begins to serve in a process of its own. Fails the test when it cannot. */
void pg_stand_in_begin(struct pg_stand_in *s, const struct pg_stand_in_answer *answers,
                       size_t count);
void pg_stand_in_end(struct pg_stand_in *s);

#endif
