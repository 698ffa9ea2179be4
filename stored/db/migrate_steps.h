/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a migration, and how it is applied: as one transaction, or in steps, each of which is
 * a transaction, when it begins with a line "-- step once" or one of the others. A step that was
 * done is not done again, so a migration goes on where it was killed.
 *
 *   -- step once   statements
 *   -- step plan   a SELECT that tells, in one row, about how many records are left to convert, in
 *                  how many parts, the bytes of the largest of these, and of all, and by how many
 *                  bytes something else may grow meanwhile
 *   -- step each   a SELECT that converts a part and tells what it was and how many records it
 *                  had; it is run until it gives no row
 */
#ifndef EZREPO_STORED_MIGRATE_STEPS_H
#define EZREPO_STORED_MIGRATE_STEPS_H

#include "common/pg/pg.h"

/* Applies the text under this number and name, and notes it as applied. 0; -1: pg says why; 1: it
 * has said why it does not begin, and may later. */
int migrate_steps(struct pg *pg, struct pg_params *params, char *text, const char *name,
                  int number);

#endif
