/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the wider rows consist of that statements give: the SELECT has its list from here, and who
 * reads the rows has the columns' numbers. Lists of entries (number, what is selected, how many
 * columns that is).
 */
#ifndef EZREPO_STORED_SQL_COLUMNS_H
#define EZREPO_STORED_SQL_COLUMNS_H

#include "common/periods/period_records.h"

/* To be given to a list: for its text, and for its numbers. */
#define COLUMN_FIRST(number, text, width)  text
#define COLUMN_NEXT(number, text, width)   ", " text
#define COLUMN_NUMBER(number, text, width) number, number##_LAST = number + (width)-1,

/* Of a key, as period_rows_key() reads it, of a period, as period_rows_get() does, and of a head in
 * period_dropped, as period_rows_head() does; `of` is "" or an alias with a dot. */
#define KEY_WIDTH    3
#define PERIOD_WIDTH (6 + PERIOD_SUM_WIDTH)
#define PERIOD_COLUMNS(of)                                                                         \
    of "t_start, " of "start_end, " of "start_key, " of "grade, CASE " of                          \
       "ended WHEN 'gap' THEN 1 WHEN 'grade' THEN 2 WHEN 'steady' THEN 3 ELSE 0 END, " of          \
       "flap, " PERIOD_SUM_COLUMNS(of)

#define HEAD_WIDTH       (1 + PERIOD_SUM_WIDTH)
#define HEAD_COLUMNS(of) of "until, " PERIOD_SUM_COLUMNS(of)

/* SQL_SERIES_OPEN. What its row of `period` knows of the records is in WRITTEN. */
#define SERIES_OPEN_LIST(FIRST, NEXT)                                                              \
    FIRST(OPEN_SERIES, "series_id", 1)                                                             \
    NEXT(OPEN_GRADE_NAME, "grade_id", 1)                                                           \
    NEXT(OPEN_PERIOD, PERIOD_COLUMNS("k."), PERIOD_WIDTH)                                          \
    NEXT(OPEN_THROUGH, "k.through_t, k.through_end, k.through_key", KEY_WIDTH)                     \
    NEXT(OPEN_WRITTEN, "p.records", 1)
#define SERIES_OPEN_COLUMNS SERIES_OPEN_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { SERIES_OPEN_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_ROLE */
#define ROLE_LIST(FIRST, NEXT)                                                                     \
    FIRST(ROLE_IS_THERE, "EXISTS (SELECT FROM pg_roles WHERE rolname = 'ezrepo_read')", 1)         \
    NEXT(ROLE_UTF8, "current_setting('server_encoding') = 'UTF8'", 1)                              \
    NEXT(ROLE_VERSION, "current_setting('server_version_num')::integer", 1)
#define ROLE_COLUMNS ROLE_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { ROLE_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_HOURS, SQL_HOURS_LOCK */
#define HOURS_LIST(FIRST, NEXT)                                                                    \
    FIRST(HOURS_HOUR, "hour", 1)                                                                   \
    NEXT(HOURS_SEALED, "sealed", 1)                                                                \
    NEXT(HOURS_IN_DAY, "in_day", 1)                                                                \
    NEXT(HOURS_REACH, "reach", 1)                                                                  \
    NEXT(HOURS_FROM, "arrived_from", 1)                                                            \
    NEXT(HOURS_UNTIL, "arrived_until", 1)
#define HOURS_COLUMNS HOURS_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { HOURS_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* From which days are counted. */
#define DAY_0 "date '1970-01-01'"

/* SQL_CLASSES */
#define CLASSES_LIST(FIRST, NEXT)                                                                  \
    FIRST(CLASSES_CLASS, "class", 1)                                                               \
    NEXT(CLASSES_TYPE, "coalesce(type, '')", 1)                                                    \
    NEXT(CLASSES_FROM, "from_day - " DAY_0, 1)                                                     \
    NEXT(CLASSES_HORIZON, "horizon - " DAY_0, 1)
#define CLASSES_COLUMNS CLASSES_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { CLASSES_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_BATCH_TAKE: names of batches. */
#define BATCHES_LIST(FIRST, NEXT)                                                                  \
    FIRST(BATCHES_INSTANCE, "instance", 1)                                                         \
    NEXT(BATCHES_SHARD, "shard", 1)                                                                \
    NEXT(BATCHES_EPOCH, "epoch", 1)                                                                \
    NEXT(BATCHES_SEQUENCE, "sequence", 1)
#define BATCHES_COLUMNS BATCHES_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { BATCHES_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_BATCH_SETTLE: epochs of copies, and whether they are refused by now. */
#define COPIES_LIST(FIRST, NEXT)                                                                   \
    FIRST(COPIES_INSTANCE, "n.instance", 1)                                                        \
    NEXT(COPIES_SHARD, "n.shard", 1)                                                               \
    NEXT(COPIES_EPOCH, "n.epoch", 1)                                                               \
    NEXT(COPIES_REFUSED, "n.refused::integer", 1)
#define COPIES_COLUMNS COPIES_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { COPIES_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_PERIODS_AROUND: of the Nth key the period before, and the start of the one behind. */
#define PERIODS_AROUND_LIST(FIRST, NEXT)                                                           \
    FIRST(AROUND_NTH, "u.n", 1)                                                                    \
    NEXT(AROUND_BEFORE, PERIOD_COLUMNS("p."), PERIOD_WIDTH)                                        \
    NEXT(AROUND_NEXT, "x.t_start, x.start_end, x.start_key", KEY_WIDTH)
#define PERIODS_AROUND_COLUMNS PERIODS_AROUND_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { PERIODS_AROUND_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_PERIODS_NEAR: of the Nth key; with the dropped records of one before it. */
#define PERIODS_NEAR_LIST(FIRST, NEXT)                                                             \
    FIRST(NEAR_NTH, "u.n", 1)                                                                      \
    NEXT(NEAR_PERIOD, PERIOD_COLUMNS("p."), PERIOD_WIDTH)                                          \
    NEXT(NEAR_DROPPED, HEAD_COLUMNS("(p.dropped)."), HEAD_WIDTH)
#define PERIODS_NEAR_COLUMNS PERIODS_NEAR_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { PERIODS_NEAR_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_REBUILD_STARTS: WHICH is 0 for the last period before, 1 for the one before that, 2 for the
 * next. */
#define REBUILD_STARTS_LIST(FIRST, NEXT)                                                           \
    FIRST(STARTS_GRADE_NAME, "u.grade_id", 1)                                                      \
    NEXT(STARTS_WHICH, "p.which", 1)                                                               \
    NEXT(STARTS_PERIOD, PERIOD_COLUMNS("p."), PERIOD_WIDTH)                                        \
    NEXT(STARTS_DROPPED, HEAD_COLUMNS("d."), HEAD_WIDTH)
#define REBUILD_STARTS_COLUMNS REBUILD_STARTS_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { REBUILD_STARTS_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_REBUILD_PERIODS */
#define REBUILD_PERIODS_LIST(FIRST, NEXT)                                                          \
    FIRST(PERIODS_GRADE_NAME, "p.grade_id", 1)                                                     \
    NEXT(PERIODS_PERIOD, PERIOD_COLUMNS("p."), PERIOD_WIDTH)                                       \
    NEXT(PERIODS_THROUGH, "p.through_t, p.through_end, p.through_key", KEY_WIDTH)
#define REBUILD_PERIODS_COLUMNS REBUILD_PERIODS_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { REBUILD_PERIODS_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/* SQL_REBUILD_EVENTS */
#define REBUILD_EVENTS_LIST(FIRST, NEXT)                                                           \
    FIRST(EVENTS_GRADE_NAME, "grade_id", 1)                                                        \
    NEXT(EVENTS_AT, "t, t_end, key", KEY_WIDTH)                                                    \
    NEXT(EVENTS_FROM, "coalesce(from_grade, 0::smallint)", 1)                                      \
    NEXT(EVENTS_TO, "to_grade", 1)                                                                 \
    NEXT(EVENTS_FLAP, "flap", 1)
#define REBUILD_EVENTS_COLUMNS REBUILD_EVENTS_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { REBUILD_EVENTS_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

/*
 * Those that compare the roll-ups, SQL_REBUILD_HOUR to _TOTAL_DAY: a row for each difference. How
 * it differs (enum difference_how) and how many of each how there are; what to add to n0 to n5 so
 * that it is right; what it should be and what it is, in words.
 */
#define COMPARED_LIST(FIRST, NEXT)                                                                 \
    FIRST(COMPARED_START, "start", 1)                                                              \
    NEXT(COMPARED_SERIES, "series_id", 1)                                                          \
    NEXT(COMPARED_UNIT, "unit", 1)                                                                 \
    NEXT(COMPARED_TYPE, "type", 1)                                                                 \
    NEXT(COMPARED_GRADE_NAME, "grade_id", 1)                                                       \
    NEXT(COMPARED_HOW, "how", 1)                                                                   \
    NEXT(COMPARED_COUNTS,                                                                          \
         "count(*) FILTER (WHERE how = 0) OVER (), count(*) FILTER (WHERE how = 1) OVER (),"       \
         " count(*) FILTER (WHERE how = 2) OVER ()",                                               \
         3)                                                                                        \
    NEXT(COMPARED_DELTAS,                                                                          \
         "d0::bigint, d1::bigint, d2::bigint, d3::bigint, d4::bigint, d5::bigint", 6)              \
    NEXT(COMPARED_IS, "said_text", 1)                                                              \
    NEXT(COMPARED_WAS, "kept_text", 1)
#define COMPARED_COLUMNS COMPARED_LIST(COLUMN_FIRST, COLUMN_NEXT)
enum { COMPARED_LIST(COLUMN_NUMBER, COLUMN_NUMBER) };

#endif
