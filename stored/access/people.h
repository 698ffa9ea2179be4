/* SPDX-License-Identifier: Apache-2.0 */
/* People who log in, and their sessions. What they may do is said as of any identity. */
#ifndef EZREPO_STORED_PEOPLE_H
#define EZREPO_STORED_PEOPLE_H

#include "common/document.h"
#include "stored/store.h"

/* A change of a user (access_change in schemas/messages.h): faults are told; none shows a hash. */
void people_check(const struct document_place *name, const struct document_place *body);

/* Within the transaction of such a change. 0; 1 after a fault was told; -1: the database. */
int people_added(struct store *s, struct document *d);    /* whether there are not too many */
int people_throw_out(struct store *s, struct slice name); /* ends all sessions, all tickets */

/* What webd asks. Texts of the answer live as long as *rows, which the caller clears. */
void people_session(struct store *s, const struct session_message *m,
                    struct session_state_message *answer, PGresult **rows);

/* What the operator asks; likewise. */
void people_user(struct store *s, const struct user_message *m, struct user_state_message *answer,
                 PGresult **rows);

/* Once a minute what is over goes, and what there is too much of. 0, or -1: the database. */
int people_go_on(struct store *s, int64_t clock_us);

#endif
