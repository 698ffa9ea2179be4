/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of statements that the sql*.c share; nobody else includes this. */
#ifndef EZREPO_STORED_SQL_PARTS_H
#define EZREPO_STORED_SQL_PARTS_H

#include "stored/db/sql.h"
#include "stored/db/sql_columns.h"

/* sql_feed.c */
extern const char sql_event_tell[], sql_event_tell_fed[], sql_event_retract[],
    sql_event_retract_fed[], sql_feed_grading[], sql_feed_due_gaps[], sql_feed_due_rebuild[],
    sql_feed_due_rebuilt[], sql_feed_due_count[], sql_feed_due_tell[], sql_feed_notify[],
    sql_feed_remove[], sql_figures[];

/* sql_silence.c */
extern const char sql_intervals_put[], sql_silence_told[], sql_silence_told_of[],
    sql_silence_series[], sql_silence_states[], sql_silence_probe[], sql_silence_tell[],
    sql_silence_retire[], sql_silence_return[], sql_silence_again_add[], sql_silence_again[],
    sql_silence_again_absent[], sql_silence_ahead[], sql_silence_judged[], sql_silence_remove[],
    sql_expected_add[], sql_expected_remove[], sql_expected_list[], sql_expected_again[],
    sql_expected_series[], sql_expected_least[];

/* sql_signs.c */
extern const char sql_signs[], sql_sign_keep[], sql_sign_news[], sql_sign_tell[],
    sql_sign_give_up[], sql_absence_remove[];

/* sql_maintenance.c */
extern const char sql_maintenance_add[], sql_maintenance_end[], sql_maintenance_list[],
    sql_maintenance_due[], sql_maintenance_tell[];

/* sql_steady.c */
extern const char sql_steady_terms[], sql_steady_terms_add[], sql_steady_pairs[],
    sql_steady_anchor[], sql_steady_latest[], sql_steady_before[], sql_steady_records[],
    sql_steady_rows[], sql_steady_rows_now[], sql_steady_row[], sql_steady_behind[],
    sql_steady_cut[], sql_steady_mark[], sql_steady_of_series[], sql_steady_ending[],
    sql_steady_forget[];

/* sql_alerts.c */
extern const char sql_alerts_put[];

/* sql_sessions.c */
extern const char sql_session_password[], sql_session_add[], sql_session_admit[],
    sql_session_find[], sql_session_end[], sql_session_end_all[], sql_session_sweep[],
    sql_users_list[], sql_users_count[], sql_ticket_add[];

/* sql_batches.c */
extern const char sql_batch_take[], sql_batch_settle[], sql_stream_refuse[];

/* Of a list of keys: series, grade names, and the three columns of a key (period_rows.h). */
#define KEY_ARRAYS                                                                                 \
    "$1::bigint[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[]"

#define PERIOD_START "(t_start, start_end, start_key)"
#define PERIOD_LAST  "t_start DESC, start_end DESC, start_key DESC"

#define COUNTS "n0, n1, n2, n3, n4, n5"

#define ADD_COUNTS(table)                                                                          \
    "n0 = " table ".n0 + excluded.n0, n1 = " table ".n1 + excluded.n1, "                           \
    "n2 = " table ".n2 + excluded.n2, n3 = " table ".n3 + excluded.n3, "                           \
    "n4 = " table ".n4 + excluded.n4, n5 = " table ".n5 + excluded.n5"

#define COUNT_GRADES                                                                               \
    " count(*) FILTER (WHERE grade = 0) AS n0, count(*) FILTER (WHERE grade = 1) AS n1,"           \
    " count(*) FILTER (WHERE grade = 2) AS n2, count(*) FILTER (WHERE grade = 3) AS n3,"           \
    " count(*) FILTER (WHERE grade = 4) AS n4, count(*) FILTER (WHERE grade = 5) AS n5"

#define SUM_GRADES                                                                                 \
    " sum(n0) AS n0, sum(n1) AS n1, sum(n2) AS n2, sum(n3) AS n3, sum(n4) AS n4, sum(n5) AS n5"

/*
 * Adds counts by hour, rows (hour, series_id, grade_id, n0 ... n5) of `from`, to the rows of their
 * days and months, where the sums of all hours or days from theirs on become more.
 */
#define COUNTS_AT(size, slot)                                                                      \
    " counts(" size ", " slot ", n0) FILTER (WHERE n0 <> 0),"                                      \
    " counts(" size ", " slot ", n1) FILTER (WHERE n1 <> 0),"                                      \
    " counts(" size ", " slot ", n2) FILTER (WHERE n2 <> 0),"                                      \
    " counts(" size ", " slot ", n3) FILTER (WHERE n3 <> 0),"                                      \
    " counts(" size ", " slot ", n4) FILTER (WHERE n4 <> 0),"                                      \
    " counts(" size ", " slot ", n5) FILTER (WHERE n5 <> 0)"
#define ADD_LISTS(table, unit, size, slot, from)                                                   \
    "INSERT INTO " table " SELECT date_trunc('" unit                                               \
    "', hour, 'UTC'), series_id, grade_id," COUNTS_AT(                                             \
        size, slot) " FROM " from                                                                  \
                    " GROUP BY 1, series_id, grade_id ORDER BY 1, series_id, grade_id"             \
                    " ON CONFLICT (" unit ", series_id, grade_id) DO UPDATE SET"                   \
                    " c0 = counts_plus(" table ".c0, excluded.c0), c1 = counts_plus(" table        \
                    ".c1, excluded.c1),"                                                           \
                    " c2 = counts_plus(" table ".c2, excluded.c2), c3 = counts_plus(" table        \
                    ".c3, excluded.c3),"                                                           \
                    " c4 = counts_plus(" table ".c4, excluded.c4), c5 = counts_plus(" table        \
                    ".c5, excluded.c5)"
#define PLACE_OF(unit, time) "extract(" unit " FROM " time " AT TIME ZONE 'UTC')::integer"
#define ADD_TO_DAYS(from)                                                                          \
    ADD_LISTS("rollup_day", "day", "24", PLACE_OF("hour", "hour") " + 1", from)
#define ADD_TO_MONTHS(from) ADD_LISTS("rollup_month", "month", "31", PLACE_OF("day", "hour"), from)

/* What such a row's lists count at place `at`, as n0 ... n5. */
#define COUNT_AT(at, n) " coalesce(c" n "[" at "], 0) - coalesce(c" n "[" at " - 1], 0) AS n" n
#define COUNTS_AT_PLACE(at)                                                                        \
    COUNT_AT(at, "0")                                                                              \
    "," COUNT_AT(at, "1") "," COUNT_AT(at, "2") "," COUNT_AT(at, "3") "," COUNT_AT(                \
        at, "4") "," COUNT_AT(at, "5")

/* Of the hour, or the day, that begins at $1. */
#define WITHIN(column, span)                                                                       \
    column " >= $1::timestamptz AND " column " < $1::timestamptz + interval '1 " span "'"
#define RECORDS_OF_HOUR WITHIN("t_start", "hour")
#define HOURS_OF_DAY    WITHIN("hour", "day")
#define TOTALS_OF_HOUR  WITHIN("start", "hour")
#define TOTALS_OF_DAY   WITHIN("start", "day")

#endif
