/* Makes a database ours: alone, with every migration applied once, in order. */
#ifndef EZREPO_STORED_MIGRATE_H
#define EZREPO_STORED_MIGRATE_H

#include "common/record_types.h"
#include "stored/pg.h"

/*
 * After pg_open(): 0 when the database is ready; 1 when it cannot be now (another stored has it, or
 * PostgreSQL went away); -1 when somebody has to do something first (it was logged what).
 */
int migrate(struct pg *pg, struct pg_params *params, const char *schemas_dir);

/*
 * Writes the gaps of the record types, as the mapping file has them. Says so in the log when a gap
 * changed that stored periods were made with. 0, or -1 on a failure of the database.
 */
int migrate_record_types(struct pg *pg, struct pg_params *params, const struct record_types *types);

#endif
