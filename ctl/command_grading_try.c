/* SPDX-License-Identifier: Apache-2.0 */
/* What a grading document would have made of records that are stored. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/criteria_command.h"
#include "ctl/drawing.h"
#include "schemas/messages.h"

#define GRADES        7 /* 5 to 0, and none */
#define LONG_S        "3600"
#define SUM_COLUMNS   7
#define MATRIX_COLUMS (GRADES + 2)

static const struct ctl_command *command;
static struct {
    const char *file, *sample, *limit;
} given;

static const struct criteria_but but[] = {{"range", NULL}, {NULL, NULL}};

static const struct ctl_option try_options[] = {
    {"sample", "1%", &given.sample, NULL,
     "only of so many of the series, drawn by lot; then the numbers are estimates"},
    {"limit", "N", &given.limit, NULL,
     "of each grade name so many of the series that change most, up to 100; 10 unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

/* ---- how far it is ---- */

static bool shown;

static void show_progress(struct slice words)
{
    fprintf(stderr, "\r%.*s\033[K", SLICE_SHOWN(words, 60));
    shown = true;
}

static void end_progress(void)
{
    if (shown) {
        fputs("\r\033[K", stderr);
        shown = false;
    }
}

/* ---- for people ---- */

static int place_of(const struct json *grade)
{
    bool none = grade == NULL || grade->type != JSON_NUMBER || grade->text.len != 1;
    return none ? GRADES - 1 : '5' - grade->text.at[0];
}

/* Records by their grade before, a row each, and after; of what did not change nothing else is to
 * be told. */
static int print_matrix(struct arena *a, struct slice name, const struct json *document)
{
    static const char *const headings[MATRIX_COLUMS] = {
        "grade.name", "before \\ after", "5", "4", "3", "2", "1", "0", "none"};
    struct slice *cells = arena_calloc(a, (size_t)GRADES * MATRIX_COLUMS + 1, sizeof *cells);
    bool filled[GRADES] = {false};
    uint32_t rows = 0;
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    const struct json *matrix = json_get(document, "matrix");
    for (const struct json *c = matrix == NULL ? NULL : matrix->first; c != NULL; c = c->next) {
        int before = place_of(json_get(c, "before")), after = place_of(json_get(c, "after"));
        cells[before * MATRIX_COLUMS + 2 + after] = json_get(c, "records")->text;
        filled[before] = true;
    }
    for (int before = 0; before < GRADES; before++) {
        if (filled[before]) {
            struct slice *row = cells + (size_t)rows++ * MATRIX_COLUMS;
            memmove(row, cells + (size_t)before * MATRIX_COLUMS, MATRIX_COLUMS * sizeof *row);
            row[0] = name;
            row[1] = slice_of(headings[before + 2]);
        }
    }
    if (rows > 0) {
        putchar('\n');
        table_print(stdout, headings, MATRIX_COLUMS, cells, rows);
    }
    return CTL_DONE;
}

/* "ping vm 192.0.2.1": dimensions that are not empty. */
static void print_series(const struct json *series)
{
    const char *between = "";
    for (const struct json *d = series == NULL ? NULL : series->first; d != NULL; d = d->next) {
        if (d->text.len > 0) {
            fputs(between, stdout);
            table_safe(stdout, d->text);
            between = " ";
        }
    }
}

static void print_text(const char *before, const struct json *text)
{
    if (text != NULL && text->text.len > 0) {
        fputs(before, stdout);
        table_safe(stdout, text->text);
        putchar('\n');
    }
}

static void print_number(const char *before, const struct json *number)
{
    fputs(before, stdout);
    if (number != NULL && number->type == JSON_NUMBER) {
        table_safe(stdout, number->text);
    } else {
        fputs("none", stdout);
    }
}

static void print_example(const struct json *e)
{
    const struct json *time = json_get(e, "time");
    if (time == NULL) {
        return;
    }
    fputs("  ", stdout);
    table_safe(stdout, time->text);
    print_number(" ", json_get(e, "before"));
    print_number(" -> ", json_get(e, "after"));
    putchar('\n');
    print_text("    before: ", json_get(e, "why_before"));
    print_text("    after:  ", json_get(e, "why_after"));
}

/* The series that change most, each with a record that does. */
static void print_most(const struct json *document)
{
    const struct json *most = json_get(document, "most");
    for (const struct json *s = most == NULL ? NULL : most->first; s != NULL; s = s->next) {
        fputs(s == most->first ? "\nMost changed:\n" : "", stdout);
        print_series(json_get(s, "series"));
        print_number(": ", json_get(s, "changed"));
        print_number(" of ", json_get(s, "records"));
        print_number(" records, periods ", json_get(s, "periods_before"));
        print_number(" -> ", json_get(s, "periods_after"));
        putchar('\n');
        if (json_get(s, "example") != NULL) {
            print_example(json_get(s, "example"));
        }
    }
}

static void print_sample(const struct json *document)
{
    const struct json *series = json_get(document, "series");
    const struct json *sample = json_get(document, "sample");
    if (sample == NULL || series == NULL) {
        return;
    }
    struct slice looked = json_get(series, "looked_at")->text, fit = json_get(series, "fit")->text;
    printf("\nEstimated from %.*s of %.*s series. In 95 of 100 samples these lie within:\n",
           (int)looked.len, looked.at, (int)fit.len, fit.at);
    for (const struct json *m = sample->first; m != NULL; m = m->next) {
        if (m->type == JSON_ARRAY && m->count == 2) {
            printf("  %.*s %.*s to %.*s\n", (int)m->key.len, m->key.at, (int)m->first->text.len,
                   m->first->text.at, (int)m->first->next->text.len, m->first->next->text.at);
        }
    }
}

static int print_all(struct arena *a, const struct mplane_rows *r)
{
    static const char *const headings[SUM_COLUMNS] = {
        "grade.name",    "records.count", "records.changed", "periods.before",
        "periods.after", "events.before", "events.after"};
    struct slice *cells = arena_calloc(a, (size_t)r->rows * SUM_COLUMNS + 1, sizeof *cells);
    int exit_code = CTL_DONE;
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    for (uint32_t i = 0; i < r->rows; i++) {
        for (int c = 0; c < SUM_COLUMNS; c++) {
            cells[i * SUM_COLUMNS + (uint32_t)c] = mplane_cell(r, i, headings[c]);
        }
    }
    table_print(stdout, headings, SUM_COLUMNS, cells, r->rows);
    for (uint32_t i = 0; i < r->rows && exit_code == CTL_DONE; i++) {
        const struct json *document = drawing_json(a, mplane_cell(r, i, "try.document"));
        if (document == NULL || document->type != JSON_OBJECT) {
            return ctl_failed("try.document: expected a JSON object");
        }
        exit_code = print_matrix(a, mplane_cell(r, i, "grade.name"), document);
        print_most(document);
        print_sample(document);
    }
    return exit_code;
}

/* ---- asking ---- */

static int run(struct arena *a)
{
    struct mplane_rows rows;
    struct slice document;
    int form = criteria_form();
    if (given.file == NULL) {
        return ctl_usage("%s: expected a FILE with a grading document, or -", command->name);
    }
    int exit_code = criteria_bounded(command);
    if (form == -1 || exit_code != CTL_DONE || criteria_limit(given.limit) == -1) {
        return CTL_USAGE;
    }
    if (ctl_read_grading(a, given.file, &document) == NULL) {
        return CTL_FAILED;
    }
    const struct mplane_value more[] = {{"grading.document", document.at},
                                        {"list.limit", given.limit},
                                        {"try.sample", given.sample}};
    if (isatty(STDERR_FILENO)) {
        mplane_tell_progress(show_progress);
    }
    mplane_be_patient(LONG_S);
    exit_code = criteria_ask(a, "TryGrading", more, given.sample == NULL ? 2 : 3, &rows);
    end_progress();
    if (exit_code != CTL_DONE || !criteria_is_drawn(form)) {
        return exit_code == CTL_DONE ? criteria_print(a, &rows, form) : exit_code;
    }
    return print_all(a, &rows);
}

int ctl_grading_try(const struct ctl_command *self, int argc, char **argv)
{
    command = self;
    return criteria_command_word(self, try_options, but, run, &given.file, argc, argv);
}
