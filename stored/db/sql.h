/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement stored sends, but for the few made of names (partitions, sql.c says which). */
#ifndef EZREPO_STORED_SQL_H
#define EZREPO_STORED_SQL_H

#include "common/pg/pg.h"

enum sql_statement {
    SQL_SERIES_FIND,
    SQL_SERIES_ADD,
    SQL_SERIES_GREATEST,
    SQL_SERIES_OPEN,
    SQL_SERIES_LATER,
    SQL_SCHEMA_FIND,
    SQL_SCHEMA_ADD,
    SQL_SCHEMA_USE,
    SQL_SCHEMA_TRIM,
    SQL_HOPS_FIND,
    SQL_HOPS_ADD,
    SQL_HOPS_USE,
    SQL_HOPS_TRIM,
    SQL_ARRIVAL_LAST,
    SQL_ARRIVAL_ADD,
    SQL_ARRIVAL_MOVE,
    SQL_ARRIVAL_MARK,
    SQL_ORIGINS,
    SQL_ORIGIN_ADD,
    SQL_PARTITIONS,
    SQL_HOURS,
    SQL_HOURS_ADD,
    SQL_HOUR_LIST,
    SQL_HOURS_LOCK,
    SQL_STAGED_TYPE,
    SQL_STAGED_INSERT,
    SQL_SAME_START,
    SQL_PERIODS_AROUND,
    SQL_PERIODS_NEAR,
    SQL_PERIODS_AFTER,
    SQL_RECORDS_NEAR,
    SQL_RECORDS_AFTER,
    SQL_HEAD_HOURS,
    SQL_HEAD_RECORDS,
    SQL_PERIOD_PUT,
    SQL_PERIOD_REMOVE,
    SQL_STEADY_TERMS,
    SQL_STEADY_TERMS_ADD,
    SQL_STEADY_PAIRS,
    SQL_STEADY_ANCHOR,
    SQL_STEADY_LATEST,
    SQL_STEADY_BEFORE,
    SQL_STEADY_RECORDS,
    SQL_STEADY_ROWS,
    SQL_STEADY_ROWS_NOW,
    SQL_STEADY_ROW,
    SQL_STEADY_BEHIND,
    SQL_STEADY_CUT,
    SQL_STEADY_MARK,
    SQL_STEADY_OF_SERIES,
    SQL_STEADY_ENDING,
    SQL_STEADY_FORGET,
    SQL_EVENT_TELL,
    SQL_EVENT_TELL_FED, /* with entries of the feed */
    SQL_EVENT_RETRACT,
    SQL_EVENT_RETRACT_FED,
    SQL_FEED_GRADING,
    SQL_FEED_DUE_GAPS,
    SQL_FEED_DUE_REBUILD,
    SQL_FEED_DUE_REBUILT,
    SQL_FEED_DUE_COUNT,
    SQL_FEED_DUE_TELL,
    SQL_FEED_NOTIFY,
    SQL_FEED_REMOVE,
    SQL_FIGURES,
    SQL_SIGNS,
    SQL_SIGN_KEEP,
    SQL_SIGN_NEWS,
    SQL_SIGN_TELL,
    SQL_SIGN_GIVE_UP,
    SQL_ABSENCE_REMOVE,
    SQL_ALERTS_PUT,
    SQL_SESSION_PASSWORD, /* sql_sessions.c */
    SQL_SESSION_ADD,
    SQL_SESSION_ADMIT,
    SQL_SESSION_FIND,
    SQL_SESSION_END,
    SQL_SESSION_END_ALL,
    SQL_SESSION_SWEEP,
    SQL_USERS_LIST,
    SQL_USERS_COUNT,
    SQL_TICKET_ADD,
    SQL_MAINTENANCE_ADD,
    SQL_MAINTENANCE_END,
    SQL_MAINTENANCE_LIST,
    SQL_MAINTENANCE_DUE,
    SQL_MAINTENANCE_TELL,
    SQL_ROLLUP_ADD,
    SQL_ROLLUP_DAY_ADD,
    SQL_TOTAL_ADD,
    SQL_REJECT,
    SQL_REJECT_TRIM,
    SQL_GRADING_LATEST,
    SQL_GRADING_DIGESTS,
    SQL_GRADING_ADD,
    SQL_GRADING_AUTHORED,
    SQL_GRADE_NAMES,
    SQL_GRADE_NAMES_FREE,
    SQL_GRADE_NAME_ADD,
    SQL_GAPS_KEPT,
    SQL_GAPS_CHANGED,
    SQL_GAPS_AGAIN,
    SQL_GAPS_PUT,
    SQL_GAPS_FORGET,
    SQL_GAPS_SERIES,
    SQL_INTERVALS_PUT,
    SQL_SILENCE_TOLD, /* what was told and stands */
    SQL_SILENCE_TOLD_OF,
    SQL_SILENCE_SERIES,
    SQL_SILENCE_STATES,
    SQL_SILENCE_PROBE,
    SQL_SILENCE_TELL,
    SQL_SILENCE_RETIRE,
    SQL_SILENCE_RETURN,
    SQL_SILENCE_AGAIN_ADD,
    SQL_SILENCE_AGAIN,
    SQL_SILENCE_AGAIN_ABSENT,
    SQL_SILENCE_AHEAD,
    SQL_SILENCE_JUDGED,
    SQL_SILENCE_REMOVE,
    SQL_EXPECTED_ADD,
    SQL_EXPECTED_REMOVE,
    SQL_EXPECTED_LIST,
    SQL_EXPECTED_AGAIN,
    SQL_EXPECTED_SERIES,
    SQL_EXPECTED_LEAST,
    SQL_WRITER_TAKE,
    SQL_BATCH_TAKE,
    SQL_BATCH_AGAIN,
    SQL_BATCH_SETTLE,
    SQL_STREAM_REFUSE,
    SQL_LEDGER_HOUR,
    SQL_LEDGER_ADD,
    SQL_LEDGER_FOLD,
    SQL_MIGRATIONS,
    SQL_RELEASE_ADD,
    SQL_MIGRATION_ADD,
    SQL_MIGRATION_STEPS,
    SQL_MIGRATION_STEP_ADD,
    SQL_MIGRATION_STEPS_FORGET,
    SQL_ROLE,
    SQL_SEAL_LOCK,
    SQL_SEAL_COUNT,
    SQL_SEAL_MARK,
    SQL_SEAL_DAY_LOCK,
    SQL_SEAL_DAY_COUNT,
    SQL_SEAL_DAY_MARK,
    SQL_CLASSES,
    SQL_CLASS_ADD,
    SQL_CLASS_HORIZONS,
    SQL_PERIODS_SETTLE,
    SQL_LEDGER_REMOVE,
    SQL_ACCESS_DOCUMENT,
    SQL_ACCESS_PUT,
    SQL_ACCESS_REMOVE,
    SQL_ACCESS_NOTE,
    SQL_ACCESS_PAST,
    SQL_REBUILD_EXTENT, /* from here on: sql_rebuild.c */
    SQL_REBUILD_SERIES,
    SQL_AGAIN_COUNT,
    SQL_AGAIN_SERIES,
    SQL_AGAIN_DONE,
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

/* Their texts, in which parameters are cast where they stand, and what each connection begins with.
 */
extern const struct pg_statements sql_statements;
const char *sql_rebuild_text(enum sql_statement statement); /* for sql.c */

/* Without parameters, for the simple protocol. */
extern const char sql_schema[];      /* the schema, the tables of migrations and of who writes */
extern const char sql_in_order[];    /* how records of a series are put in order */
extern const char sql_staged[];      /* the type of rows that may be there already */
extern const char sql_role_make[];   /* the role that only reads */
extern const char sql_writer_lock[]; /* held until its end by one transaction at a time: one that
                                        seals, before its COMMIT, and one that begins to write */
extern const char sql_copy_records[];
extern const char sql_copy_entries[];
extern const char sql_vacuum_entries[];

/*
 * Partitions: one for each UTC day, which counts from 1970-01-01, and in it one for each class of
 * records. SQL_WHOLE_DAY stands for the day's own.
 */
#define SQL_WHOLE_DAY       (-1)
#define SQL_NAME_BYTES      64
#define SQL_PARTITION_BYTES 1200

/* Makes it, as two statements: attaching takes no lock that readers wait for. -1 outside of the
 * years 1970 to 9999. */
int sql_partition(int32_t day, int32_t class, char text[SQL_PARTITION_BYTES]);
/* Counts its records for the ledger and drops it, as two statements of one transaction; of a day,
 * which holds none any more, as one. */
void sql_partition_drop(int32_t day, int32_t class, char text[SQL_PARTITION_BYTES]);
void sql_partition_name(int32_t day, int32_t class, char name[SQL_NAME_BYTES]);
/* What a partition's name says; -1 when it is not the name of one. */
int sql_partition_parse(const char *name, int32_t *day, int32_t *class);

#endif
