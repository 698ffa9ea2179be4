/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A statement under construction: text, parameters, and what the parts of it need to know of each
 * other. For criteria.c, counting.c and the builder_*.c only.
 */
#ifndef EZREPO_QUERYD_BUILDER_H
#define EZREPO_QUERYD_BUILDER_H

#include "common/arena.h"
#include "common/message.h"
#include "queryd/criteria.h"
#include "queryd/cursor.h"

#define BUILDER_BYTES 65536

/* A time of the store as answers have it. */
#define TIME_TEXT(column) "to_char(" column ", 'YYYY-MM-DD HH24:MI:SS.US')"

/* 0001-01-01 and 10000-01-01: no record lies outside, and PostgreSQL's arithmetic never overflows
 * within. */
#define FIRST_US INT64_C(-62135596800000000)
#define LAST_US  INT64_C(253402300800000000)

struct builder {
    struct arena *arena;
    const struct query_message *q;
    struct criteria *c;
    char *error;
    char sql[BUILDER_BYTES];
    size_t length;
    bool failed;               /* memory, or BUILDER_BYTES: both are no fault of the question's */
    bool series;               /* "matched" restricts the series */
    bool series_beyond_type;   /* by more than their type */
    bool gathered;             /* their numbers are in the one row of "gathered", as `ids` */
    bool bound;                /* who asks may not see all of them */
    const char *type_operator; /* how the type is compared with parameter type_value; NULL: any */
    int type_value;            /* parameter numbers; 0 when not used */
    bool empty;                /* the range holds nothing */
    int low, high, name;       /* parameter numbers; 0 when not used */
    int64_t from_us, to_us;    /* of an instant: what starts before to_us has begun by then */
    struct cursor cursor;
    bool has_cursor;
};

/* Appends to the statement. What does not fit fails. */
void builder_add(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of a new parameter; NULL, or one too many, fails. */
int builder_parameter(struct builder *b, const char *text);
int builder_text(struct builder *b, struct slice text);
int builder_number(struct builder *b, uint64_t value);
int builder_time(struct builder *b, int64_t us); /* infinite outside of FIRST_US ... LAST_US */

/* The question is at fault: printf's text is the error. -1. */
int builder_fault(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * What the scope and the cursor say of the time: from_us, to_us, empty, cursor. A cursor also ends
 * the range where its time comes first, so that newer hours are not read again. -1: no cursor of
 * such a listing.
 */
int builder_range(struct builder *b);

/* The keys of a cursor of this listing as new parameters, joined by commas. */
void builder_keys(struct builder *b, const struct cursor *cursor);

/* " AND (columns) OPERATOR (keys)": what comes after the cursor; nothing when there is none. */
void builder_after(struct builder *b, const char *columns, const char *operator);

/* By which newest_periods() and newest_records() go on after the cursor. */
void builder_go_on(struct builder *b);

/* In place of the first key of a cursor that goes forward. */
enum { CURSOR_FROM_NOW = -1, CURSOR_FROM_BEGIN = -2 };

/* The keys of a cursor that goes forward as new parameters, which may be replaced while the
 * question is held; the first is one of the above where a word stands for a cursor. */
void builder_cursor(struct builder *b, int at[], unsigned count);

/*
 * Of such a cursor the column `lost`, behind `here`, which has the store's `last` arrival and
 * `below` which entries may be gone: FEED_HISTORY, FEED_CUT, or '' where there is a way from it.
 * The first parameters at `at` are its arrival and the key after it, of which `behind` is the
 * greatest.
 */
void builder_lost(struct builder *b, const int at[], int mark, const char *behind);

/* us rounded down, or up, to whole units since 1970; what is infinite stays. */
int64_t builder_floor(int64_t us, int64_t unit_us);
int64_t builder_ceiling(int64_t us, int64_t unit_us);

/*
 * builder_series.c: begins the statement with "matched AS (...), ", the series that match and that
 * who asks may see; nothing when those are all. Sets `series` and what follows from it. -1: the
 * question is at fault.
 */
int builder_matched(struct builder *b);

/* The dimension of that name, which a parameter gives. -1: there is none, and the question is at
 * fault. */
int builder_dimension(struct builder *b, const char *parameter, struct slice name);

/* The condition on the column series_id of `alias`, beginning with AND; nothing when all match. */
void builder_series(struct builder *b, const char *alias);

/* The same as an array, for functions of the store; NULL when all match. */
const char *builder_series_array(const struct builder *b);

/*
 * Which records counted_records() and newest_records() are to look at, as their arguments `since`,
 * `until`, `reaching` and `of_series`: of a range those that start in it, at an instant those that
 * cover it.
 */
void builder_records(struct builder *b);

/*
 * counting.c: appends ", tally AS (...)". For a count, tally has grade_id and n: the records under
 * grade_id 0, and those whose grade of that name is within the range; when that begins with 0 these
 * are what is to be added to all records, those of higher grades below nothing. For a histogram
 * grade_id and n0 to n5, records by grade. Several rows may have one grade_id. For a grid
 * series_id, n and n1 to n5: all records, and those with each grade of the one name asked for;
 * several rows may be of one series, and one is of none.
 */
void builder_tally(struct builder *b);

/*
 * builder_ledger.c: the whole statement of one of the kinds about the ledger, of at most so many
 * rows. -1: the question is at fault.
 */
int builder_accounts(struct builder *b, uint64_t rows);
int builder_losses(struct builder *b, uint64_t rows);
int builder_faults(struct builder *b, uint64_t rows);

/* builder_rejected.c: the same of what was refused. */
int builder_rejects(struct builder *b, uint64_t rows);
void builder_reject(struct builder *b);

/* A range that is cut into columns: the numbers of its parameters. */
struct builder_cut {
    int from, to, columns;
    int length; /* microseconds */
};

/* From the scope and range_columns. -1: the question is at fault. */
int builder_cut(struct builder *b, struct builder_cut *cut);

/*
 * builder_timeline.c, builder_grid.c, builder_buckets.c: the whole statement behind what
 * begin_criteria() wrote. -1: the question is at fault.
 */
int builder_timeline(struct builder *b, uint64_t rows);
int builder_grid(struct builder *b);
int builder_buckets(struct builder *b);

/*
 * builder_marks.c: in which windows of maintenance what is told lies. Each of these appends
 * ", NAME AS MATERIALIZED (...)": `windows` those that overlap a time (SQL), the question's range
 * as far as it is over, or the times of a table's rows; `held` which of the series `among` (a
 * SELECT of numbers; NULL: that match) are in which of them, with all columns of the series;
 * `touching` those in which one of the series that match is, all of them or one more than are
 * shown.
 */
void builder_windows(struct builder *b, const char *since, const char *until);
void builder_windows_in_range(struct builder *b);
void builder_windows_of(struct builder *b, const char *table, const char *since, const char *until);
void builder_held(struct builder *b, const char *among);
void builder_touching(struct builder *b, bool all);

/* Whether the series `s` fits the window `w.m`. */
#define WINDOW_FITS                                                                                \
    "patterns_fit((w.m).likes, (w.m).source, (w.m).source_prefix, (w.m).dest, (w.m).dest_prefix, " \
    "s)"

/* As a column: of a row about series `s` and a time, both ends of it included; of all `touching`.
 * Where there are no windows nothing is looked at. */
#define MARK_OF_ROW(since, until)                                                                  \
    "CASE WHEN EXISTS (SELECT FROM windows) THEN maintenance_numbers(ARRAY(SELECT (w.m).number"    \
    " FROM windows w WHERE (w.m).t_from <= " until " AND (w.m).t_until > " since                   \
    " AND " WINDOW_FITS ")) END"
#define MARK_OF_ALL                                                                                \
    "CASE WHEN EXISTS (SELECT FROM touching) THEN"                                                 \
    " maintenance_numbers(ARRAY(SELECT (m).number FROM touching)) END"

/* The whole statement about the windows, behind what begin_criteria() wrote. */
void builder_maintenance(struct builder *b, uint64_t rows);

/* builder_silences.c: the same of silences that have not ended. */
int builder_silences(struct builder *b, uint64_t rows);

/* builder_changes.c: the same of the feed of changes, behind what begin_criteria() wrote. */
int builder_changes(struct builder *b, uint64_t rows);
/*
 * builder_which.c: the same of series as they are now, and of the values of their dimensions.
 * builder_about_now(): -1 when the scope is another than all there is. builder_fitting() appends
 * ", fitting AS MATERIALIZED (" with the series that match, without the end, so that more
 * conditions may follow; not materialized where `how` is "NOT ". builder_states() appends
 * ", states AS (...)", what states_at() gives of an array of series.
 */
int builder_which(struct builder *b, uint64_t rows);
int builder_exported(struct builder *b, uint64_t rows);
/* builder_metrics.c: the same of the metrics of series. */
int builder_metrics(struct builder *b, uint64_t rows);
int builder_facets(struct builder *b, uint64_t rows);
int builder_about_now(struct builder *b);
void builder_silent(struct builder *b);
void builder_fitting(struct builder *b, const char *how);
void builder_states(struct builder *b, bool in_range, const char *of_series);

/* builder_now.c: the same of what is bad now. */
int builder_now(struct builder *b, uint64_t rows);

/* builder_alerts.c: the same of what is to be told, and of what was. */
int builder_telling(struct builder *b, uint64_t rows);
int builder_alerts(struct builder *b, uint64_t rows);

/* builder_listed.c: the same of records, behind "matched" and "asked": the newest first, or in the
 * order of arrival. */
void builder_newest(struct builder *b, int limit);
void builder_arrivals(struct builder *b, uint64_t rows);
/* builder_why.c: what an explanation is made of, behind "matched" and "asked". */
void builder_why(struct builder *b);

#endif
