/* Every statement stored sends, but for the few made of names (partitions, sql.c says which). */
#ifndef EZREPO_STORED_SQL_H
#define EZREPO_STORED_SQL_H

#include <stdint.h>

enum sql_statement {
    SQL_SERIES_FIND,
    SQL_SERIES_ADD,
    SQL_SERIES_GREATEST,
    SQL_SERIES_OPEN,
    SQL_SCHEMA_ID,
    SQL_PARTITIONS,
    SQL_HOURS,
    SQL_HOURS_ADD,
    SQL_HOURS_LOCK,
    SQL_STAGED_INSERT,
    SQL_PERIODS_AROUND,
    SQL_PERIOD_BEFORE,
    SQL_PERIODS_AFTER,
    SQL_RECORDS_AFTER,
    SQL_PERIOD_PUT,
    SQL_PERIOD_REMOVE,
    SQL_EVENT_TELL,
    SQL_EVENT_RETRACT,
    SQL_ROLLUP_ADD,
    SQL_ROLLUP_DAY_ADD,
    SQL_TOTAL_ADD,
    SQL_REJECT,
    SQL_REJECT_TRIM,
    SQL_GRADING_LATEST,
    SQL_GRADING_ADD,
    SQL_GRADE_NAMES,
    SQL_GRADE_NAME_ADD,
    SQL_RECORD_TYPES,
    SQL_RECORD_TYPE_PUT,
    SQL_RECORD_TYPE_REMOVE,
    SQL_PERIODS_OF_TYPE,
    SQL_LOCK,
    SQL_BATCH_TAKE,
    SQL_BATCH_SETTLE,
    SQL_LEDGER_HOUR,
    SQL_LEDGER_ADD,
    SQL_LEDGER_FOLD,
    SQL_MIGRATIONS,
    SQL_MIGRATION_ADD,
    SQL_ROLE,
    SQL_SEAL_LOCK,
    SQL_SEAL_COUNT,
    SQL_SEAL_MARK,
    SQL_SEAL_DAY_LOCK,
    SQL_SEAL_DAY_COUNT,
    SQL_SEAL_DAY_MARK,
    SQL_REBUILD_EXTENT, /* from here on: sql_rebuild.c */
    SQL_REBUILD_SERIES,
    SQL_REBUILD_STARTS,
    SQL_REBUILD_RECORDS,
    SQL_REBUILD_PERIODS,
    SQL_REBUILD_EVENTS,
    SQL_REBUILD_UNLISTED,
    SQL_REBUILD_HOUR,
    SQL_REBUILD_DAY,
    SQL_REBUILD_TOTAL_HOUR,
    SQL_REBUILD_TOTAL_DAY,
    SQL_REBUILD_HOUR_ADD,
    SQL_REBUILD_DAY_ADD,
    SQL_REBUILD_TOTAL_ADD,
    SQL_REBUILD_HOUR_TRIM,
    SQL_REBUILD_DAY_TRIM,
    SQL_REBUILD_TOTAL_TRIM,
    SQL_STATEMENTS
};

/* The statement's text; its parameters are cast where they stand. */
const char *sql_text(enum sql_statement statement);
const char *sql_rebuild_text(enum sql_statement statement); /* sql_text() asks it */

/* Without parameters, for the simple protocol. */
extern const char sql_session[];   /* what every connection starts with */
extern const char sql_schema[];    /* the schema and the table of migrations */
extern const char sql_staging[];   /* where records go that may be there already */
extern const char sql_role_make[]; /* the role that only reads */
extern const char sql_copy_records[];
extern const char sql_copy_staged[];
extern const char sql_copy_entries[];
extern const char sql_vacuum_entries[];

/*
 * A partition for one UTC day, as two statements: attaching takes no lock that readers wait for.
 * day counts from 1970-01-01. -1 when the text does not fit.
 */
int sql_partition(int32_t day, char *text, int size);
/* The day in a partition's name; -1 when it is not the name of one. */
int sql_partition_day(const char *name, int32_t *day);

#endif
