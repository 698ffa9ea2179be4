/* SPDX-License-Identifier: Apache-2.0 */
/* The commands timeline and buckets, which cut a range into columns. */
#include <string.h>

#include "ctl/criteria_command.h"
#include "ctl/drawing.h"
#include "schemas/capability_list.h"
#include "schemas/messages.h"

#define WIDTH_PRESET 60 /* columns of a range, where there is no terminal */
#define WIDTH_LEAST  20
#define LABEL_GUESS  50 /* places that the names of lanes take, before they are known */
#define LABELS       (DIMENSION_COUNT + 2)

static struct {
    const char *width, *limit, *after, *metric;
} given;

static const struct ctl_option timeline_options[] = {
    {"width", "N", &given.width, NULL,
     "cuts the range into so many columns, 1 ... 4096; as many as fit the terminal unless given"},
    {"limit", "N", &given.limit, NULL, "at most so many lanes, 1 ... 10000"},
    {"after", "CURSOR", &given.after, NULL, "go on behind the lane with this cursor"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct criteria_but timeline_but[] = {{"range", NULL}, {NULL, NULL}};

static const struct ctl_option buckets_options[] = {
    {"metric", "NAME", &given.metric, NULL, "of which metric, as rtt.ms.avg"},
    {"width", "N", &given.width, NULL,
     "cuts the range into so many columns, 1 ... 4096; 60 unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct criteria_but buckets_but[] = {{"grade", NULL}, {"range", NULL}, {NULL, NULL}};

/* Columns of the range for names that take so many places. */
static int64_t columns_beside(size_t places)
{
    size_t terminal = criteria_terminal_width();
    if (terminal == SIZE_MAX) {
        return WIDTH_PRESET;
    }
    size_t left = terminal > places ? terminal - places : 0;
    left = left < WIDTH_LEAST ? terminal : left; /* lanes are drawn under their names then */
    return left > LIMIT_RANGE_COLUMNS ? LIMIT_RANGE_COLUMNS : (int64_t)left;
}

/* The names of lanes: which columns of the rows they are. How many. */
static uint32_t name_columns(const struct mplane_rows *r, uint32_t of[LABELS])
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < r->columns && n < LABELS; c++) {
        bool there = strcmp(r->names[c], "grade.name") == 0;
        bool optional = strncmp(r->names[c], "record.", strlen("record.")) == 0 ||
                        strcmp(r->names[c], COLUMN_MARK) == 0;
        if (there || (optional && !criteria_is_empty(r, c))) {
            of[n++] = c;
        }
    }
    return n;
}

/* The lanes as a table whose last column is to be drawn. */
struct lanes {
    uint32_t columns;
    const char *headings[LABELS + 1];
    struct slice *cells;
    size_t name_places;
};

/* "a column is 12 min" */
static const char *column_length(struct arena *a, const struct mplane_rows *r, int64_t columns)
{
    double s = (double)(r->when.end_us - r->when.start_us) / (double)columns / 1e6;
    return s < 120      ? arena_printf(a, "a column is %.3g s", s)
           : s < 7200   ? arena_printf(a, "a column is %.3g min", s / 60)
           : s < 172800 ? arena_printf(a, "a column is %.3g h", s / 3600)
                        : arena_printf(a, "a column is %.3g days", s / 86400);
}

/* 0; -1: a lane cannot be read, or memory is out. */
static int lay_out(struct arena *a, const struct mplane_rows *r, int64_t columns, struct lanes *l)
{
    uint32_t names[LABELS], n = name_columns(r, names);
    l->columns = n + 1;
    l->cells = arena_calloc(a, (size_t)r->rows * l->columns + 1, sizeof *l->cells);
    for (uint32_t c = 0; c < n; c++) {
        const char *name = r->names[names[c]];
        l->headings[c] = strcmp(name, "grade.name") == 0  ? "grade"
                         : strcmp(name, COLUMN_MARK) == 0 ? MARK_HEADING
                                                          : strchr(name, '.') + 1;
    }
    l->headings[n] = column_length(a, r, columns);
    if (l->cells == NULL || l->headings[n] == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < r->rows; i++) {
        for (uint32_t c = 0; c < n; c++) {
            l->cells[i * l->columns + c] = r->cells[i * r->columns + names[c]];
        }
    }
    /* Nothing is drawn yet, so the last column is as wide as its heading. */
    l->name_places =
        table_width(l->headings, l->columns, l->cells, r->rows) - strlen(l->headings[n]);
    for (uint32_t i = 0; i < r->rows; i++) {
        const char *drawn = drawing_lane(a, mplane_cell(r, i, "timeline.marks"), (uint32_t)columns);
        if (drawn == NULL) {
            return -1;
        }
        l->cells[i * l->columns + n] = slice_of(drawn);
    }
    return 0;
}

/* The cells of a lane's name, or the headings of all, in a line; NULL: no memory. */
static const char *joined(struct arena *a, const struct slice *cells, uint32_t count)
{
    const char *text = "";
    for (uint32_t c = 0; c < count && text != NULL; c++) {
        if (cells[c].len > 0) {
            text = arena_printf(a, "%s%s%.*s", text, text[0] == '\0' ? "" : "  ", (int)cells[c].len,
                                cells[c].at);
        }
    }
    return text;
}

/* Each lane under its name. */
static int print_narrow(struct arena *a, const struct lanes *l, uint32_t rows, size_t width)
{
    struct slice headings[LABELS + 1];
    for (uint32_t c = 0; c < l->columns; c++) {
        headings[c] = slice_of(l->headings[c]);
    }
    const char *name = joined(a, headings, l->columns);
    table_wrap(stdout, slice_of(name), 0, width);
    for (uint32_t i = 0; i < rows && name != NULL; i++) {
        const struct slice *lane = l->cells + (size_t)i * l->columns;
        name = joined(a, lane, l->columns - 1);
        table_wrap(stdout, slice_of(name), 0, width);
        drawing_paint(stdout, lane[l->columns - 1]);
        putchar('\n');
    }
    return name == NULL ? ctl_failed("out of memory") : CTL_DONE;
}

static int print_lanes(struct arena *a, const struct mplane_rows *r, const struct lanes *l)
{
    size_t width = criteria_terminal_width();
    char since[WHEN_TEXT], until[WHEN_TEXT];
    when_time_text(r->when.start_us, since);
    when_time_text(r->when.end_us, until);
    const char *head =
        arena_printf(a, "%s ... %s: grades 1 critical to 5 normal, . nothing", since, until);
    table_wrap(stdout, slice_of(head), 0, width);
    if (table_width(l->headings, l->columns, l->cells, r->rows) > width) {
        return print_narrow(a, l, r->rows, width);
    }
    table_print_painted(stdout, l->headings, l->columns, l->cells, r->rows, l->columns - 1,
                        drawing_paint);
    return CTL_DONE;
}

static int ask_timeline(struct arena *a, int64_t columns, struct mplane_rows *rows)
{
    const struct mplane_value more[] = {
        {"range.columns", columns == 0 ? NULL : arena_printf(a, "%lld", (long long)columns)},
        {"list.limit", given.limit},
        {"list.after", given.after}};
    return criteria_ask(a, "QueryTimeline", more, sizeof more / sizeof *more, rows);
}

/* As many columns as fit are known once the names are: then it is asked once more. */
static int draw_timeline(struct arena *a, int64_t columns)
{
    struct mplane_rows rows;
    struct lanes lanes;
    bool fits = columns != 0 || criteria_terminal_width() == SIZE_MAX;
    columns = columns != 0 ? columns : columns_beside(LABEL_GUESS);
    for (;;) {
        int exit_code = ask_timeline(a, columns, &rows);
        if (exit_code != CTL_DONE) {
            return exit_code;
        }
        if (lay_out(a, &rows, columns, &lanes) == -1) {
            return ctl_failed("expected marks of %lld columns", (long long)columns);
        }
        int64_t best = columns_beside(lanes.name_places);
        if (fits || best == columns) {
            break;
        }
        columns = best;
        fits = true;
    }
    int exit_code = print_lanes(a, &rows, &lanes);
    criteria_print_next(&rows, given.limit);
    return exit_code;
}

static int width_given(int64_t preset, int64_t *width)
{
    *width = preset;
    if (given.width != NULL && ctl_number(given.width, 1, LIMIT_RANGE_COLUMNS, width) == -1) {
        return ctl_usage("--width: expected 1 ... %d, found \"%s\"", LIMIT_RANGE_COLUMNS,
                         given.width);
    }
    return CTL_DONE;
}

static int timeline(struct arena *a)
{
    int64_t columns;
    struct mplane_rows rows;
    int form = criteria_form();
    if (form == -1 || criteria_limit(given.limit) == -1 || width_given(0, &columns) != CTL_DONE) {
        return CTL_USAGE;
    }
    if (criteria_is_drawn(form)) {
        return draw_timeline(a, columns);
    }
    int exit_code = ask_timeline(a, columns, &rows);
    return exit_code == CTL_DONE ? criteria_print(a, &rows, form) : exit_code;
}

static int buckets(struct arena *a)
{
    int64_t columns;
    struct mplane_rows rows;
    int form = criteria_form();
    if (form == -1 || width_given(WIDTH_PRESET, &columns) != CTL_DONE) {
        return CTL_USAGE;
    }
    if (given.metric == NULL) {
        return ctl_usage("buckets: expected --metric NAME");
    }
    const struct mplane_value more[] = {
        {"metric.name", given.metric},
        {"range.columns", arena_printf(a, "%lld", (long long)columns)}};
    int exit_code = criteria_ask(a, "QueryBuckets", more, sizeof more / sizeof *more, &rows);
    return exit_code == CTL_DONE ? criteria_print(a, &rows, form) : exit_code;
}

int ctl_timeline(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, timeline_options, timeline_but, true, timeline, argc, argv);
}

int ctl_buckets(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, buckets_options, buckets_but, true, buckets, argc, argv);
}
