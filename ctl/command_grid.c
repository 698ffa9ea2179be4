/* SPDX-License-Identifier: Apache-2.0 */
/* The command grid: a table of the rows, each with its cells drawn, and one of the columns. */
#include <stdlib.h>

#include "ctl/criteria_command.h"
#include "ctl/drawing.h"
#include "schemas/capability_list.h"

static struct {
    const char *rows, *columns;
} given = {"source", "dest"};

static const struct ctl_option grid_options[] = {
    {"rows", "DIMENSION", &given.rows, NULL, "whose values are the rows; source unless given"},
    {"columns", "DIMENSION", &given.columns, NULL,
     "whose values are the columns; dest unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct criteria_but grid_but[] = {
    {"grade", "grade name; overall unless given"},
    {"range", "grades within 1..5 that are bad; 1..2 unless given"},
    {"columns", NULL},
    {NULL, NULL}};

static const char *shown(struct arena *a, struct slice cell)
{
    return cell.at == NULL ? "" : arena_printf(a, "%.*s", (int)cell.len, cell.at);
}

/* Columns of the table of rows and of that of columns, with maintenance at the end of each where
 * there is some; what is drawn stands behind it. */
#define ROW_CELLS    9
#define COLUMN_CELLS 9

/* "2.5 %"; "" where there is no share. */
static struct slice percent(struct arena *a, struct slice share)
{
    double value = strtod(shown(a, share), NULL) * 100;
    const char *text = share.at == NULL ? "" : arena_printf(a, "%.3g %%", value);
    return slice_of(text == NULL ? "" : text);
}

/* Null is "-", as in all tables. */
static struct slice text_of(const struct json *object, const char *name)
{
    const struct json *node = json_get(object, name);
    return node == NULL || node->type == JSON_NULL ? (struct slice){NULL, 0} : node->text;
}

#define SHARE 6 /* the place of the share in a row */

/* Whether anything lies in maintenance: then something of all together does. */
static bool is_marked(const struct mplane_rows *r)
{
    return r->rows > 0 && mplane_cell(r, 0, COLUMN_MARK).at != NULL;
}

static int print_rows(struct arena *a, const struct mplane_rows *r, const struct json *columns)
{
    const char *headings[ROW_CELLS] = {given.rows, "worst", "last",  "records",
                                       "rated",    "bad",   "share", MARK_HEADING};
    static const char *const names[] = {"grid.row",        "grade.worst",   "grade.last",
                                        "records.matched", "records.rated", "records.graded"};
    struct slice *cells = arena_calloc(a, (size_t)r->rows * ROW_CELLS + 1, sizeof *cells);
    uint32_t width = is_marked(r) ? ROW_CELLS : ROW_CELLS - 1;
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    headings[width - 1] = given.columns;
    for (uint32_t i = 0; i < r->rows; i++) {
        struct slice *row = cells + (size_t)i * width;
        for (int c = 0; c < SHARE; c++) {
            row[c] = mplane_cell(r, i, names[c]);
        }
        const char *drawn =
            i == 0 ? "" : drawing_row(a, mplane_cell(r, i, "grid.cells"), columns->count);
        if (drawn == NULL) {
            return ctl_failed("expected cells of %u columns", columns->count);
        }
        row[0] = i == 0 ? slice_of("(all)") : row[0];
        row[SHARE] = percent(a, mplane_cell(r, i, "grade.share"));
        row[SHARE + 1] = mplane_cell(r, i, COLUMN_MARK);
        row[width - 1] = slice_of(drawn);
    }
    table_print_painted(stdout, headings, width, cells, r->rows, width - 1, drawing_paint);
    return CTL_DONE;
}

static int print_columns(struct arena *a, const struct json *columns, bool marked)
{
    const char *const headings[COLUMN_CELLS] = {
        "column", given.columns, "worst", "last", "records", "rated", "bad", "share", MARK_HEADING};
    static const char *const names[] = {"value", "worst", "last", "matched", "rated", "graded"};
    struct slice *cells = arena_calloc(a, (size_t)columns->count * COLUMN_CELLS + 1, sizeof *cells);
    uint32_t i = 0, width = marked ? COLUMN_CELLS : COLUMN_CELLS - 1;
    for (const struct json *c = columns->first; cells != NULL && c != NULL; c = c->next, i++) {
        struct slice *row = cells + (size_t)i * width;
        const char *place = arena_printf(a, "%u", i + 1);
        row[0] = slice_of(place == NULL ? "" : place);
        for (int n = 0; n < SHARE; n++) {
            row[n + 1] = text_of(c, names[n]);
        }
        row[SHARE + 1] = percent(a, text_of(c, "share"));
        if (marked) {
            row[SHARE + 2] = text_of(c, "maintenance");
        }
    }
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    putchar('\n');
    table_print(stdout, headings, width, cells, i);
    return CTL_DONE;
}

/* What of the grid is not shown. */
static void tell_left(struct arena *a, const struct mplane_rows *r)
{
    const struct json *left = drawing_json(a, mplane_cell(r, 0, "grid.left"));
    struct slice rows = text_of(json_get(left, "rows"), "count");
    struct slice columns = text_of(json_get(left, "columns"), "count");
    if (!slice_is(rows, "0") || !slice_is(columns, "0")) {
        fprintf(stderr,
                "Left out, with the fewest records: %.*s rows, %.*s columns (grid.left of"
                " --output json names some)\n",
                (int)rows.len, rows.at, (int)columns.len, columns.at);
    }
}

static int grid(struct arena *a)
{
    struct mplane_rows rows;
    int form = criteria_form();
    criteria_preset_grade("overall");
    const struct mplane_value more[] = {{"grid.rows", given.rows}, {"grid.columns", given.columns}};
    int exit_code = form == -1
                        ? CTL_USAGE
                        : criteria_ask(a, "QueryGrid", more, sizeof more / sizeof *more, &rows);
    if (exit_code != CTL_DONE || !criteria_is_drawn(form)) {
        return exit_code == CTL_DONE ? criteria_print(a, &rows, form) : exit_code;
    }
    const struct json *columns = drawing_json(a, mplane_cell(&rows, 0, "grid.cells"));
    if (columns == NULL || columns->type != JSON_ARRAY) {
        return ctl_failed("expected the columns of a grid");
    }
    exit_code = print_rows(a, &rows, columns);
    if (exit_code == CTL_DONE) {
        exit_code = print_columns(a, columns, is_marked(&rows));
        tell_left(a, &rows);
    }
    return exit_code;
}

int ctl_grid(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, grid_options, grid_but, false, grid, argc, argv);
}
