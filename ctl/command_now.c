/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about now: which series there are, values of their dimensions, and what is bad. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/utf8.h"
#include "common/when_time.h"
#include "ctl/criteria_command.h"
#include "ctl/drawing.h"
#include "schemas/capability_list.h"

#define SECOND_US 1000000
#define WHY_LEAST 30 /* places: with less, what and why have lines of their own */
#define NO_SERIES "No series fits."

static struct {
    const char *word; /* of facets: the dimension */
    const char *begins, *limit, *after, *changed;
    bool each;
} given;

/* There is no other time than now. */
#define NO_TIMES                                                                                   \
    {"since", NULL}, {"until", NULL},                                                              \
    {                                                                                              \
        "when", NULL                                                                               \
    }
#define BAD_RANGE                                                                                  \
    {                                                                                              \
        "range", "bad grades: within 1..5, or one; 1..2 unless given"                              \
    }
static const struct criteria_but series_but[] = {
    {"range", "only series that have such a grade now, 0 for none, or one; 0..5 unless given"},
    NO_TIMES,
    {NULL, NULL}};
static const struct criteria_but bad_but[] = {BAD_RANGE, NO_TIMES, {NULL, NULL}};

static const struct ctl_option series_options[] = {
    {"limit", "N", &given.limit, NULL, "at most so many rows, 1 ... 10000"},
    {"after", "CURSOR", &given.after, NULL, "go on behind the row with this cursor"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option facets_options[] = {
    {"begins", "TEXT", &given.begins, NULL, "only values that begin with it"},
    {"limit", "N", &given.limit, NULL,
     "at most so many values of each dimension; unless given 100, of all dimensions 5"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option now_options[] = {
    {"changed", "1h", &given.changed, NULL, "also what became otherwise within this time"},
    {"each", NULL, NULL, &given.each, "each series by itself, no groups"},
    {"limit", "N", &given.limit, NULL, "at most so many rows of what is bad, and of what changed"},
    {NULL, NULL, NULL, NULL, NULL}};

/* ---- series, facets ---- */

/* Asks and prints; .rows of *rows are there when it is CTL_DONE. */
static int ask(struct arena *a, const char *label, const struct mplane_value *more, size_t count,
               struct mplane_rows *rows)
{
    criteria_say_none(NO_SERIES);
    return criteria_form() == -1 || criteria_limit(given.limit) == -1
               ? CTL_USAGE
               : criteria_ask(a, label, more, count, rows);
}

static int series(struct arena *a)
{
    struct mplane_rows rows;
    const struct mplane_value more[] = {{"list.limit", given.limit}, {"list.after", given.after}};
    int exit_code = ask(a, "QuerySeries", more, sizeof more / sizeof *more, &rows);
    return exit_code == CTL_DONE ? criteria_print_page(a, &rows, criteria_form(), given.limit)
                                 : exit_code;
}

static int facets(struct arena *a)
{
    struct mplane_rows rows;
    const struct mplane_value more[] = {{"facet.dimension", given.word},
                                        {"facet.begins", given.begins},
                                        {"list.limit", given.limit}};
    int exit_code = ask(a, "QueryFacets", more, sizeof more / sizeof *more, &rows);
    return exit_code == CTL_DONE ? criteria_print(a, &rows, criteria_form()) : exit_code;
}

/* ---- now, for people ---- */

static struct slice cell(const struct mplane_rows *r, uint32_t row, const char *column)
{
    struct slice text = mplane_cell(r, row, column);
    return text.at == NULL ? slice_of("") : text;
}

static bool is_total(struct slice kind)
{
    return slice_is(kind, "total") || slice_is(kind, "over") || slice_is(kind, "ungraded") ||
           slice_is(kind, "maintained") || slice_is(kind, "silent");
}

static struct slice total_word(struct slice kind, struct slice grade)
{
    static const char *const severities[] = {"critical", "major", "minor", "warning", "normal"};
    bool has_grade = grade.len == 1 && grade.at[0] >= '1' && grade.at[0] <= '5';
    return has_grade                      ? slice_of(severities[grade.at[0] - '1'])
           : slice_is(kind, "maintained") ? slice_of("in maintenance")
                                          : kind;
}

/* "overall: 3 critical, 412 normal, 12 over": all totals of a name, from this row on, which moves
 * behind them. What is silent is so by all names. NULL: no memory. */
static const char *totals_text(struct arena *a, const struct mplane_rows *r, uint32_t *row)
{
    struct slice name = cell(r, *row, "grade.name");
    const char *between = name.len > 0 ? ": " : "";
    const char *text = arena_printf(a, "%.*s", (int)name.len, name.at);
    while (text != NULL && *row < r->rows && is_total(cell(r, *row, "now.kind")) &&
           slice_equal(name, cell(r, *row, "grade.name"))) {
        struct slice count = cell(r, *row, "series.count");
        struct slice word = total_word(cell(r, *row, "now.kind"), cell(r, *row, "grade.value"));
        text = arena_printf(a, "%s%s%.*s %.*s", text, between, (int)count.len, count.at,
                            (int)word.len, word.at);
        between = ", ";
        (*row)++;
    }
    return text;
}

/* A line a name, if it fits; *row: the first that is no total. -1 after a complaint. */
static int print_totals(struct arena *a, const struct mplane_rows *r, uint32_t *row)
{
    for (*row = 0; *row < r->rows && is_total(cell(r, *row, "now.kind"));) {
        const char *text = totals_text(a, r, row);
        if (text == NULL) {
            ctl_failed("out of memory");
            return -1;
        }
        table_wrap(stdout, slice_of(text), 2, criteria_terminal_width());
    }
    return 0;
}

/* "ping ICMPECHO, probe vm, 192.0.2.1 to 192.0.2.7, path up"; what is empty is left out. */
static const char *series_text(struct arena *a, const struct mplane_rows *r, uint32_t row)
{
    static const char *const parts[DIMENSION_COUNT][2] = {
        {"record.type", ""},     {"record.content", " "}, {"record.probe", ", probe "},
        {"record.source", ", "}, {"record.dest", " to "}, {"record.path", ", path "}};
    const char *text = "";
    for (int i = 0; i < DIMENSION_COUNT && text != NULL; i++) {
        struct slice value = cell(r, row, parts[i][0]);
        if (value.len > 0) {
            text = arena_printf(a, "%s%s%.*s", text, parts[i][1], (int)value.len, value.at);
        }
    }
    return text;
}

/* What a group is told by: its line; of maintenance what is bad in it, as far as that is one. */
static const char *group_text(struct arena *a, const struct mplane_rows *r, uint32_t row)
{
    struct slice line = cell(r, row, "now.line");
    bool one = slice_is(cell(r, row, "series.bad"), "1");
    const char *shared = one ? series_text(a, r, row) : "";
    return shared == NULL
               ? NULL
               : arena_printf(a, "%.*s%s%s", (int)line.len, line.at, one ? ": " : "", shared);
}

static bool is_group(const struct mplane_rows *r, uint32_t row)
{
    struct slice kind = cell(r, row, "now.kind");
    return slice_is(kind, "group") || slice_is(kind, "maintenance");
}

static const char *single_text(struct arena *a, const struct mplane_rows *r, uint32_t row)
{
    struct slice kind = cell(r, row, "now.kind"), from = cell(r, row, "grade.from");
    const char *text = series_text(a, r, row);
    if (text != NULL && slice_is(kind, "silence")) {
        struct slice count = cell(r, row, "series.count");
        return count.len == 0 ? arena_printf(a, "silent: %s", text)
                              : arena_printf(a, "silent%s, %.*s series", text, (int)count.len,
                                             count.at); /* of a probe nothing else is told */
    }
    return text == NULL || from.len == 0
               ? text
               : arena_printf(a, "%s (was %.*s)", text, (int)from.len, from.at);
}

/* Whether the time, as answers have it, is to come. */
static bool is_ahead(struct slice time)
{
    char now[WHEN_TEXT];
    when_time_text(clock_utc_us() + SECOND_US, now);
    return time.len > 0 && slice_order(time, slice_of(now)) > 0;
}

/* Of what is bad since when it is so without a break, by whichever bad grades; a gateway of before
 * says since when it has this one. */
static struct slice since_of(const struct mplane_rows *r, uint32_t row)
{
    struct slice bad = cell(r, row, "bad.since");
    bool silence = slice_is(cell(r, row, "now.kind"), "silence");
    return bad.len > 0 ? bad : cell(r, row, silence ? "silent.since" : "period.start");
}

static const char *what_text(struct arena *a, const struct mplane_rows *r, uint32_t row)
{
    struct slice windows = cell(r, row, COLUMN_MARK), start = cell(r, row, "period.start");
    struct slice bad = cell(r, row, "bad.since");
    const char *text = is_group(r, row) ? group_text(a, r, row) : single_text(a, r, row);
    if (text != NULL && bad.len > 0 && !slice_equal(bad, start)) {
        text = arena_printf(a, "%s, of this grade since %.*s", text, SLICE_SHOWN(start, 19));
    }
    if (text != NULL && is_ahead(cell(r, row, "period.start"))) {
        text = arena_printf(a, "%s, whose clock is ahead", text);
    }
    return text == NULL || is_group(r, row) || windows.len == 0
               ? text
               : arena_printf(a, "%s, in maintenance %.*s", text, (int)windows.len, windows.at);
}

enum { CELL_GRADE, CELL_NAME, CELL_SINCE, CELL_WHAT, CELL_WHY, CELLS };
static const char *const headings[CELLS] = {"grade", "name", "since", "what", "why"};

/* So much of why that a line fits the terminal; false: there is no room for enough of it. */
static bool cut_why(struct slice *cells, uint32_t rows)
{
    size_t most = 0, longest = 0, terminal = criteria_terminal_width();
    for (uint32_t i = 0; i < rows; i++) {
        const struct slice *c = cells + (size_t)i * CELLS;
        size_t width = table_width(headings, CELL_WHY, c, 1), why = c[CELL_WHY].len;
        most = width > most ? width : most;
        longest = why > longest ? why : longest;
    }
    size_t left = terminal > most + 2 ? terminal - most - 2 : 0;
    for (uint32_t i = 0; i < rows && left >= WHY_LEAST; i++) {
        struct slice *why = &cells[(size_t)i * CELLS + CELL_WHY];
        why->len = why->len > left ? utf8_cut(why->at, left) : why->len;
    }
    return left >= WHY_LEAST || (left >= strlen(headings[CELL_WHY]) && left >= longest);
}

/* Of each row its grade, name and time, and under them what and why. */
static int print_narrow(struct arena *a, const struct slice *cells, uint32_t rows)
{
    size_t width = criteria_terminal_width();
    for (uint32_t i = 0; i < rows; i++) {
        const struct slice *c = cells + (size_t)i * CELLS;
        const char *head = arena_printf(
            a, "%.*s%s%.*s", SLICE_SHOWN(c[CELL_NAME], c[CELL_NAME].len),
            c[CELL_NAME].len > 0 ? "  " : "", SLICE_SHOWN(c[CELL_SINCE], c[CELL_SINCE].len));
        if (head == NULL) {
            return ctl_failed("out of memory");
        }
        drawing_paint(stdout, c[CELL_GRADE].at == NULL ? slice_of("-") : c[CELL_GRADE]);
        fputs("  ", stdout);
        table_wrap(stdout, slice_of(head), 3, width);
        fputs("   ", stdout);
        table_wrap(stdout, c[CELL_WHAT], 3, width);
        if (c[CELL_WHY].len > 0) {
            fputs("   ", stdout);
            table_wrap(stdout, c[CELL_WHY], 3, width);
        }
    }
    return CTL_DONE;
}

static int print_now(struct arena *a, const struct mplane_rows *r)
{
    uint32_t first;
    if (print_totals(a, r, &first) == -1) {
        return CTL_FAILED;
    }
    uint32_t rows = r->rows - first;
    struct slice *cells = arena_calloc(a, (size_t)rows * CELLS + 1, sizeof *cells);
    if (cells == NULL) {
        return ctl_failed("out of memory");
    }
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t row = first + i;
        struct slice *c = cells + (size_t)i * CELLS;
        struct slice since = since_of(r, row);
        const char *what = what_text(a, r, row);
        if (what == NULL) {
            return ctl_failed("out of memory");
        }
        c[CELL_GRADE] = mplane_cell(r, row, "grade.value");
        c[CELL_NAME] = mplane_cell(r, row, "grade.name");
        c[CELL_SINCE] = (struct slice){since.at, since.len > 19 ? 19 : since.len}; /* seconds */
        c[CELL_WHAT] = slice_of(what);
        c[CELL_WHY] = is_group(r, row) ? slice_of("") : cell(r, row, "now.line");
    }
    bool fits = cut_why(cells, rows);
    if (r->rows == 0) {
        puts(NO_SERIES);
    }
    if (!fits) {
        return print_narrow(a, cells, rows);
    }
    if (rows > 0) {
        table_print_painted(stdout, headings, CELLS, cells, rows, CELL_GRADE, drawing_paint);
    }
    return CTL_DONE;
}

static int now(struct arena *a)
{
    struct mplane_rows rows;
    int64_t us = 0;
    if (given.changed != NULL && when_duration_parse(slice_of(given.changed), &us) == -1) {
        return ctl_usage("--changed: expected how long, as 1h or 1d12h, found \"%s\"",
                         given.changed);
    }
    const struct mplane_value more[] = {
        {"now.changed",
         us == 0 ? NULL : arena_printf(a, "%lld", (long long)((us + SECOND_US - 1) / SECOND_US))},
        {"now.each", given.each ? "True" : NULL},
        {"list.limit", given.limit}};
    int exit_code = ask(a, "QueryNow", more, sizeof more / sizeof *more, &rows);
    return exit_code != CTL_DONE                ? exit_code
           : criteria_is_drawn(criteria_form()) ? print_now(a, &rows)
                                                : criteria_print(a, &rows, criteria_form());
}

/* ---- commands ---- */

int ctl_series(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, series_options, series_but, false, series, argc, argv);
}

int ctl_facets(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command_word(self, facets_options, bad_but, facets, &given.word, argc, argv);
}

int ctl_now(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, now_options, bad_but, false, now, argc, argv);
}
