/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that ask by criteria share: their options, and how rows are printed. */
#ifndef EZREPO_QUERY_ROWS_H
#define EZREPO_QUERY_ROWS_H

#include "common/mplane/when.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "schemas/dimensions.h"

/* --type ... --json; who has them gives them to ctl_options(). */
extern const struct ctl_option criteria_options[];

/* What was given, as parameters: of dimensions and grades, limit and cursor. */
#define CRITERIA_VALUES (DIMENSION_COUNT + 4)

/* 0, or the exit code after a complaint. */
int criteria_values(struct arena *a, struct mplane_value values[CRITERIA_VALUES]);

/* The rows that --limit asks for; NULL: as many as there are without. -1 after a complaint. */
int64_t criteria_limit(const char *text);

/* The scope; 0, or -1 after a complaint. */
int criteria_scope(struct arena *a, struct when *when);

/* Whether it begins at a time. */
bool criteria_has_since(void);

/* The form that --output or --json asks for; -1 after a complaint. */
#define FOR_TERMINAL TABLE_FORMS /* none */
int criteria_form(void);

/*
 * Asks the capability of this label by what was given, and by `more` of its parameters, at most
 * CRITERIA_MORE. CTL_DONE with the rows in the arena, or the exit code after a complaint.
 */
#define CRITERIA_MORE 8
int criteria_ask(struct arena *a, const char *label, const struct mplane_value *more, size_t count,
                 struct mplane_rows *rows);

/* Whether --columns is given. */
bool criteria_has_columns(void);

/*
 * Without an end the range goes up to now: for what needs one. CTL_DONE, or the exit code after the
 * complaint that it needs a beginning, too.
 */
int criteria_bounded(const struct ctl_command *self);

/* --grade, where it is not given. */
void criteria_preset_grade(const char *name);

/* How many places a line of the terminal that is written to has; SIZE_MAX when it is none. */
size_t criteria_terminal_width(void);

/* Of COLUMN_MARK in tables, which show it where there is something in it. */
#define MARK_HEADING "maintenance"

/* Whether a column of an answer has nothing but nulls and empty texts. */
bool criteria_is_empty(const struct mplane_rows *rows, uint32_t column);

/* What is said instead of a table without a row; "Nothing fits." unless this says else. */
void criteria_say_none(const char *words);

/* The exit code. */
int criteria_print(struct arena *a, const struct mplane_rows *rows, int form);

/* Says how to get what comes behind these rows, where there are as many as --limit said. */
void criteria_print_next(const struct mplane_rows *rows, const char *limit);

/* Both, the second but for programs. The exit code. */
int criteria_print_page(struct arena *a, const struct mplane_rows *rows, int form,
                        const char *limit);

#endif
