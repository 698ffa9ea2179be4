/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask by criteria: ASKING_COMMANDS of schemas/capability_list.h. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/capability_rows.h"
#include "common/pattern.h"
#include "ctl/query_rows.h"
#include "schemas/messages.h"

#define ARENA_BYTES  ((size_t)512 << 20)
#define LIMIT_PRESET 100 /* rows of a listing */
#define COLUMNS      64

static struct {
    const char *dimensions[DIMENSION_COUNT];
    const char *grade, *range;
    const char *since, *until, *when;
    const char *limit, *after;
    const char *columns, *output;
    bool histogram, json;
} given;

static const char *none = "Nothing fits.";

#define DIMENSION_OPTION(x, name, Name, addresses, help)                                           \
    {#name, "PATTERN", &given.dimensions[DIMENSION_##name], NULL, help},

const struct ctl_option criteria_options[] = {
    DIMENSIONS(DIMENSION_OPTION, ){"grade", "NAME", &given.grade, NULL,
                                   "grade name; all unless given"},
    {"range", "LO..HI", &given.range, NULL,
     "grades within 0..5, 0 for none, or one; 1..5 unless given, of records 0..5"},
    {"since", "TIME", &given.since, NULL,
     "from then on: \"2026-11-21 10:00\" (UTC), today, yesterday, or how long ago: 2h, 1d12h"},
    {"until", "TIME", &given.until, NULL, "before then, likewise"},
    {"when", "SCOPE", &given.when, NULL, "an mPlane scope instead: \"2026-11-21 ... now\""},
    {"columns", "NAME,...", &given.columns, NULL,
     "only these, in this order; dest is short for record.dest"},
    {"output", "FORM", &given.output, NULL,
     "table; vertical: a line a value; json; csv; unless given a table, vertical when that is too "
     "wide for the terminal"},
    {"json", NULL, NULL, &given.json, "--output json: each row as an object on a line of its own"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option count_options[] = {
    {"histogram", NULL, NULL, &given.histogram, "how many records have which grade"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option listing_options[] = {
    {"limit", "N", &given.limit, NULL, "at most so many rows, 1 ... 10000"},
    {"after", "CURSOR", &given.after, NULL, "go on behind the row with this cursor"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};

/* ---- criteria ---- */

/* "3..5", "3...5", "3 ... 5" or "3" as mPlane writes ranges; NULL when it is none. */
static const char *grade_range(struct arena *a, const char *text)
{
    char compact[8];
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != ' ') {
            if (n == sizeof compact - 1) {
                return NULL;
            }
            compact[n++] = *c;
        }
    }
    compact[n] = '\0';
    char low = compact[0], high = n == 0 ? '\0' : compact[n - 1];
    bool shape = n == 1 || (n == 4 && memcmp(compact + 1, "..", 2) == 0) ||
                 (n == 5 && memcmp(compact + 1, "...", 3) == 0);
    if (!shape || low < '0' || high > '5' || low > high) {
        return NULL;
    }
    return arena_printf(a, "%c ... %c", low, high);
}

/* One end of the range in mPlane's words; NULL after a complaint. */
static const char *time_of(struct arena *a, const char *option, const char *text)
{
    int64_t us;
    char buffer[WHEN_TEXT];
    if (strcmp(text, "past") == 0 || strcmp(text, "now") == 0 || strcmp(text, "future") == 0) {
        return text;
    }
    if (ctl_time(text, &us) == -1) {
        ctl_usage("--%s: expected a time such as \"2026-11-21 10:00\", today, or how long ago, "
                  "such as 2h; "
                  "found \"%s\"",
                  option, text);
        return NULL;
    }
    when_time_text(us, buffer);
    return arena_printf(a, "%s", buffer);
}

bool criteria_has_since(void)
{
    return given.since != NULL || given.when != NULL;
}

bool criteria_has_columns(void)
{
    return given.columns != NULL;
}

void criteria_preset_grade(const char *name)
{
    given.grade = given.grade == NULL ? name : given.grade;
}

void criteria_say_none(const char *words)
{
    none = words;
}

int criteria_bounded(const struct ctl_command *self)
{
    if (!criteria_has_since()) {
        return ctl_usage("%s: expected --since TIME", self->name);
    }
    if (given.when == NULL && given.until == NULL) {
        given.until = "now";
    }
    return CTL_DONE;
}

int criteria_scope(struct arena *a, struct when *when)
{
    char error[200];
    if (given.when != NULL) {
        if (given.since != NULL || given.until != NULL) {
            ctl_usage("--when: excludes --since and --until");
            return -1;
        }
        if (when_parse(slice_of(given.when), when, error, sizeof error) == -1) {
            ctl_usage("--when: %s", error);
            return -1;
        }
        return 0;
    }
    const char *since = time_of(a, "since", given.since == NULL ? "past" : given.since);
    const char *until = time_of(a, "until", given.until == NULL ? "future" : given.until);
    if (since == NULL || until == NULL) {
        return -1;
    }
    const char *text = arena_printf(a, "%s ... %s", since, until);
    if (text == NULL || when_parse(slice_of(text), when, error, sizeof error) == -1) {
        ctl_usage("--since, --until: %s", text == NULL ? "out of memory" : error);
        return -1;
    }
    return 0;
}

#define DIMENSION_VALUE(x, name, Name, addresses, help)                                            \
    {"record." #name, given.dimensions[DIMENSION_##name]},

int64_t criteria_limit(const char *text)
{
    int64_t limit = LIMIT_PRESET;
    if (text != NULL && ctl_number(text, 1, LIMIT_ANSWER_ROWS, &limit) == -1) {
        ctl_usage("--limit: expected 1 ... %d, found \"%s\"", LIMIT_ANSWER_ROWS, text);
        return -1;
    }
    return limit;
}

int criteria_values(struct arena *a, struct mplane_value values[CRITERIA_VALUES])
{
    const char *range = given.range == NULL ? NULL : grade_range(a, given.range);
    const struct mplane_value all[CRITERIA_VALUES] = {
        DIMENSIONS(DIMENSION_VALUE, ){"select.grade", given.grade},
        {"range.grade", range},
        {"list.limit", given.limit},
        {"list.after", given.after},
    };
    for (int i = 0; i < CRITERIA_VALUES; i++) {
        values[i] = all[i];
        if (all[i].text != NULL && !pattern_is_text(slice_of(all[i].text))) {
            return ctl_usage("%s: expected UTF-8", all[i].name);
        }
    }
    if (given.range != NULL && range == NULL) {
        return ctl_usage("--range: expected two grades, as 1..2, or one, as 3: of 1, critical, to "
                         "5, normal, or 0, none; found \"%s\"",
                         given.range);
    }
    if (given.range != NULL && given.histogram) {
        return ctl_usage("--histogram: has all grades, so it excludes --range");
    }
    return criteria_limit(given.limit) == -1 ? CTL_USAGE : CTL_DONE;
}

/* ---- tables ---- */

bool criteria_is_empty(const struct mplane_rows *r, uint32_t column)
{
    for (uint32_t i = 0; i < r->rows; i++) {
        if (r->cells[i * r->columns + column].len > 0) {
            return false;
        }
    }
    return true;
}

/* "rtt.ms.avg=1.5 rtt.ms.max=2" out of a measurement; as it came when it is no result. */
static struct slice measured(struct arena *a, struct slice repo)
{
    static const struct json_limits limits = {
        .depth = 16, .nodes = 100000, .string_bytes = LIMIT_DOCUMENT_BYTES, .comments = false};
    char error[200];
    struct mplane_rows r;
    const struct json *tree =
        repo.at == NULL ? NULL : json_parse(a, repo, &limits, error, sizeof error);
    const struct mplane_message *result =
        tree == NULL ? NULL : mplane_message_read(a, tree, NULL, error, sizeof error);
    if (result == NULL || mplane_rows(a, result, &r) == -1 || r.rows == 0) {
        return repo;
    }
    char *text = arena_printf(a, "%s", "");
    for (uint32_t c = 0; c < r.columns && text != NULL; c++) {
        struct slice v = r.cells[c].at == NULL ? slice_of("-") : r.cells[c];
        text =
            arena_printf(a, "%s%s%s=%.*s", text, c == 0 ? "" : " ", r.names[c], (int)v.len, v.at);
    }
    return text == NULL ? repo : slice_of(text);
}

/* "dest" for record.dest, as headings have it. */
static const char *heading_of(const char *name)
{
    return strncmp(name, "record.", 7) == 0    ? name + 7
           : strcmp(name, "results.repo") == 0 ? "measured"
           : strcmp(name, COLUMN_MARK) == 0    ? MARK_HEADING
                                               : name;
}

/*
 * Which columns a table shows, unless they are named: dimensions and maintenance not when they are
 * empty throughout, the measurement last, no cursors.
 */
static uint32_t choose_columns(const struct mplane_rows *r, uint32_t chosen[COLUMNS])
{
    uint32_t n = 0, repo = UINT32_MAX;
    for (uint32_t c = 0; c < r->columns && n < COLUMNS - 1; c++) {
        const char *name = r->names[c];
        bool optional = strncmp(name, "record.", 7) == 0 || strcmp(name, COLUMN_MARK) == 0;
        if (strcmp(name, "results.repo") == 0) {
            repo = c;
        } else if (strcmp(name, "list.cursor") != 0 && !(optional && criteria_is_empty(r, c))) {
            chosen[n++] = c;
        }
    }
    if (repo != UINT32_MAX) {
        chosen[n++] = repo;
    }
    return n;
}

/* For programs, which know their columns before they see them. */
static uint32_t all_columns(const struct mplane_rows *r, uint32_t chosen[COLUMNS])
{
    uint32_t n = 0;
    while (n < r->columns && n < COLUMNS) {
        chosen[n] = n;
        n++;
    }
    return n;
}

static void complain_about_column(const struct mplane_rows *r, struct slice name)
{
    char known[1024] = "";
    size_t used = 0;
    for (uint32_t c = 0; c < r->columns && used < sizeof known; c++) {
        int n = snprintf(known + used, sizeof known - used, "%s%s", c == 0 ? "" : ", ",
                         heading_of(r->names[c]));
        used += n > 0 ? (size_t)n : 0;
    }
    ctl_usage("--columns: expected names among %s; found \"%.*s\"", known, (int)name.len, name.at);
}

/* Those that --columns names. How many, 0 after a complaint. */
static uint32_t named_columns(const struct mplane_rows *r, uint32_t chosen[COLUMNS])
{
    uint32_t n = 0;
    const char *at = given.columns;
    for (;;) {
        struct slice name = {at, strcspn(at, ",")};
        uint32_t c = 0;
        while (c < r->columns && !slice_is(name, r->names[c]) &&
               !slice_is(name, heading_of(r->names[c]))) {
            c++;
        }
        if (c == r->columns || n == COLUMNS) {
            complain_about_column(r, name);
            return 0;
        }
        chosen[n++] = c;
        if (at[name.len] == '\0') {
            return n;
        }
        at += name.len + 1;
    }
}

/* The same rows with these columns only, under these names. -1 after a complaint. */
static int project(struct arena *a, const struct mplane_rows *r, const uint32_t *chosen,
                   uint32_t count, bool for_people, struct mplane_rows *out)
{
    out->columns = count;
    out->rows = r->rows;
    out->names = arena_calloc(a, count + 1, sizeof *out->names);
    out->cells = arena_calloc(a, (size_t)count * r->rows + 1, sizeof *out->cells);
    if (out->names == NULL || out->cells == NULL) {
        return ctl_failed("out of memory"), -1;
    }
    for (uint32_t c = 0; c < count; c++) {
        const char *name = r->names[chosen[c]];
        bool repo = strcmp(name, "results.repo") == 0;
        out->names[c] = for_people ? heading_of(name) : name;
        for (uint32_t i = 0; i < r->rows; i++) {
            struct slice cell = r->cells[i * r->columns + chosen[c]];
            out->cells[i * count + c] = repo && for_people ? measured(a, cell) : cell;
        }
    }
    return 0;
}

size_t criteria_terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1) {
        return SIZE_MAX;
    }
    return size.ws_col == 0 ? 80 : size.ws_col;
}

int criteria_form(void)
{
    return given.output != NULL ? table_form(given.output) : given.json ? TABLE_JSON : FOR_TERMINAL;
}

int criteria_print(struct arena *a, const struct mplane_rows *r, int form)
{
    uint32_t chosen[COLUMNS], count = 0;
    struct mplane_rows shown;
    bool for_people = form != TABLE_JSON && form != TABLE_CSV;
    if (form == TABLE_JSON && given.columns == NULL) {
        return mplane_print_json(a, r);
    }
    count = given.columns != NULL ? named_columns(r, chosen)
            : for_people          ? choose_columns(r, chosen)
                                  : all_columns(r, chosen);
    if (given.columns != NULL && count == 0) {
        return CTL_USAGE;
    }
    if (project(a, r, chosen, count, for_people, &shown) == -1) {
        return CTL_FAILED;
    }
    if (form == TABLE_JSON) {
        return mplane_print_json(a, &shown);
    }
    if (for_people && shown.rows == 0) {
        puts(none);
        return CTL_DONE;
    }
    if (form == FOR_TERMINAL) {
        bool fits =
            table_width(shown.names, count, shown.cells, shown.rows) <= criteria_terminal_width();
        form = fits ? TABLE_ALIGNED : TABLE_VERTICAL;
    }
    table_print_form(stdout, form, shown.names, count, shown.cells, shown.rows);
    return CTL_DONE;
}

void criteria_print_next(const struct mplane_rows *r, const char *limit)
{
    struct slice cursor =
        r->rows == 0 ? (struct slice){NULL, 0} : mplane_cell(r, r->rows - 1, "list.cursor");
    if (cursor.at != NULL && r->rows >= criteria_limit(limit)) {
        fputs("There may be more: --after ", stderr);
        table_safe(stderr, cursor);
        fputc('\n', stderr);
    }
}

int criteria_print_page(struct arena *a, const struct mplane_rows *rows, int form,
                        const char *limit)
{
    int exit_code = criteria_print(a, rows, form);
    if (form != TABLE_JSON && exit_code == CTL_DONE) {
        criteria_print_next(rows, limit);
    }
    return exit_code;
}

int criteria_ask(struct arena *a, const char *label, const struct mplane_value *more, size_t count,
                 struct mplane_rows *rows)
{
    struct mplane_value values[CRITERIA_VALUES + CRITERIA_MORE];
    struct when when;
    int exit_code = criteria_values(a, values + count);
    if (exit_code != CTL_DONE || criteria_scope(a, &when) == -1) {
        return CTL_USAGE;
    }
    for (size_t i = 0; i < count; i++) {
        if (more[i].text != NULL && !pattern_is_text(slice_of(more[i].text))) {
            return ctl_usage("%s: expected UTF-8", more[i].name);
        }
        values[i] = more[i]; /* of one name the first counts */
    }
    struct mplane_client *client = mplane_client_new(a, &exit_code);
    if (client == NULL) {
        return exit_code;
    }
    const struct mplane_message *result =
        mplane_ask(client, label, &when, values, CRITERIA_VALUES + count);
    exit_code = result == NULL                      ? mplane_refused(client)
                : mplane_rows(a, result, rows) == 0 ? CTL_DONE
                                                    : CTL_FAILED;
    mplane_client_free(&client);
    return exit_code;
}

static int ask_and_print(struct arena *a, const char *label)
{
    struct mplane_rows rows;
    int form = criteria_form();
    int exit_code = form == -1 ? CTL_USAGE : criteria_ask(a, label, NULL, 0, &rows);
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    return criteria_print_page(a, &rows, form, given.limit);
}

/* What the command of this name asks. */
static enum capability_kind asked_by(const char *name)
{
#define COMMAND(NAME, its_name, summary)                                                           \
    if (strcmp(name, its_name) == 0) {                                                             \
        return CAPABILITY_##NAME;                                                                  \
    }
    ASKING_COMMANDS(COMMAND)
#undef COMMAND
    return CAPABILITY_COUNT;
}

/* The options that not every such command has. */
static const struct ctl_option *own_options(enum capability_kind asked)
{
    if (asked == CAPABILITY_COUNT) {
        return count_options;
    }
    return capability_row_asks(&capability_rows[asked], "list.limit") ? listing_options
                                                                      : no_options;
}

int ctl_query(const struct ctl_command *self, int argc, char **argv)
{
    enum capability_kind asked = asked_by(self->name);
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria_options, own_options(asked),
                                                         mplane_options, NULL};
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL) {
        return ctl_failed("out of memory");
    }
    asked = given.histogram ? CAPABILITY_HISTOGRAM : asked;
    exit_code = ask_and_print(a, capability_rows[asked].label);
    arena_free(&a);
    return exit_code;
}
