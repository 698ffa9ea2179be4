/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a database ours: alone, with every migration applied once, in order. */
#ifndef EZREPO_STORED_MIGRATE_H
#define EZREPO_STORED_MIGRATE_H

#include "common/pg/pg.h"

/*
 * After pg_open(): 0 when the database is ready; 1 when it cannot be now (another stored has it, or
 * PostgreSQL went away); -1 when somebody has to do something first (it was logged what).
 */
int migrate(struct pg *pg, struct pg_params *params, const char *schemas_dir);

#endif
