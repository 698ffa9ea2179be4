/* SPDX-License-Identifier: Apache-2.0 */
/* The commands changes, arrivals and watch: the feed of changes, or records as they arrive, once,
 * followed, or from a kept cursor on. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/kept_file.h"
#include "common/pattern.h"
#include "ctl/query_rows.h"
#include "schemas/feed_kinds.h"
#include "schemas/messages.h"

#define ARENA_BYTES  ((size_t)512 << 20)
#define CURSOR_BYTES 256
#define VALUES       (CRITERIA_VALUES + 2)
#define HELD_MS      "20000" /* a question that waits for entries */
#define PAUSE_MOST_S 30      /* before what failed is tried again */

static struct {
    const char *cursor, *kinds, *limit, *exec;
    bool follow, records;
} given;

#define KINDS_OPTION                                                                               \
    {                                                                                              \
        "kinds", "KIND,...", &given.kinds, NULL,                                                   \
            "only these: event, retraction, silence, return, retired, absence, presence, "         \
            "grading, gap, rebuild, maintenance"                                                   \
    }

#define FOLLOW_OPTIONS(first)                                                                      \
    {"cursor", "CURSOR", &given.cursor, NULL,                                                      \
     "go on behind it; without it from --since on, else from the first " first " there is"},       \
        {"limit", "N", &given.limit, NULL, "at most so many, 1 ... 10000"},                        \
    {                                                                                              \
        "follow", NULL, NULL, &given.follow,                                                       \
            "go on with what comes, a line each; without --cursor and --since from now on"         \
    }

static const struct ctl_option changes_options[] = {
    KINDS_OPTION, FOLLOW_OPTIONS("entry"), {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option arrivals_options[] = {FOLLOW_OPTIONS("record"),
                                                     {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_option watch_options[] = {
    KINDS_OPTION,
    {"records", NULL, NULL, &given.records,
     "each record in the order of arrival, instead of what changes"},
    {"exec", "CMD", &given.exec, NULL,
     "a shell command for each entry, which it gets as JSON on standard input; the cursor is kept "
     "once it ended with 0"},
    {NULL, NULL, NULL, NULL, NULL}};

/* What is asked, and how far it has come. */
struct feed_reader {
    struct mplane_value values[VALUES];
    struct when when;
    int form;
    const char *file; /* where the cursor is kept; NULL: nowhere */
    char cursor[CURSOR_BYTES];
};

/* ---- asking ---- */

static void set_value(struct feed_reader *f, const char *name, const char *text)
{
    for (int i = 0; i < VALUES; i++) {
        if (strcmp(f->values[i].name, name) == 0) {
            f->values[i].text = text;
        }
    }
}

/* 0, or the exit code after a complaint. */
static int begin(struct arena *a, struct feed_reader *f)
{
    int exit_code = criteria_values(a, f->values);
    f->values[CRITERIA_VALUES] = (struct mplane_value){"feed.wait", NULL};
    f->values[CRITERIA_VALUES + 1] = (struct mplane_value){"feed.kinds", given.kinds};
    f->form = criteria_form();
    if (exit_code != CTL_DONE || f->form == -1 || criteria_scope(a, &f->when) == -1) {
        return CTL_USAGE;
    }
    if (criteria_limit(given.limit) == -1) {
        return CTL_USAGE;
    }
    if (given.records && given.kinds != NULL) {
        return ctl_usage("--kinds: expected without --records");
    }
    if ((given.kinds != NULL && !pattern_is_text(slice_of(given.kinds))) ||
        (given.cursor != NULL && !pattern_is_text(slice_of(given.cursor)))) {
        return ctl_usage("--kinds, --cursor: expected UTF-8");
    }
    set_value(f, "list.limit", given.limit);
    return CTL_DONE;
}

/* One answer, which has a last row. 0, or the exit code after a complaint. */
static int ask(struct arena *a, struct feed_reader *f, const char *wait_ms,
               struct mplane_rows *rows)
{
    int exit_code = CTL_DONE;
    struct mplane_client *client = mplane_client_new(a, &exit_code);
    if (client == NULL) {
        return exit_code;
    }
    set_value(f, "list.after", f->cursor);
    set_value(f, "feed.wait", wait_ms);
    const struct mplane_message *result =
        mplane_ask(client, given.records ? "QueryArrivals" : "QueryChanges", &f->when, f->values,
                   given.records ? VALUES - 1 : VALUES);
    exit_code = result == NULL                      ? mplane_refused(client)
                : mplane_rows(a, result, rows) == 0 ? CTL_DONE
                                                    : CTL_FAILED;
    if (exit_code == CTL_USAGE && f->file != NULL && mplane_blames(client, "list.after")) {
        exit_code =
            ctl_failed("%s: expected the cursor that watch keeps there, with --records that "
                       "of records; found \"%s\"",
                       f->file, f->cursor);
    }
    mplane_client_free(&client);
    if (exit_code == CTL_DONE && rows->rows == 0) {
        return ctl_failed("expected a result that ends with a cursor");
    }
    return exit_code;
}

/* Takes the row's cursor over. */
static void move_to(struct feed_reader *f, const struct mplane_rows *rows, uint32_t row)
{
    struct slice cursor = mplane_cell(rows, row, "list.cursor");
    if (cursor.at != NULL && cursor.len < sizeof f->cursor) {
        memcpy(f->cursor, cursor.at, cursor.len);
        f->cursor[cursor.len] = '\0';
    }
}

static struct slice last_kind(const struct mplane_rows *rows)
{
    return mplane_cell(rows, rows->rows - 1, "feed.kind");
}

/* Whether the cursor that was given leads nowhere. */
static bool is_lost(struct slice kind)
{
    return slice_is(kind, FEED_HISTORY) || slice_is(kind, FEED_CUT);
}

static int complain_lost(const struct feed_reader *f, struct slice kind)
{
    return ctl_failed("--cursor: %s; what was derived from what came earlier is to be read anew, "
                      "and to be followed from the first there is: --cursor %s",
                      slice_is(kind, FEED_CUT)
                          ? "what is behind it is not kept any more"
                          : "it is of a store that was put back or taken over since",
                      f->cursor);
}

/* ---- a line each ---- */

static void print_cell(const struct mplane_rows *rows, uint32_t row, const char *column,
                       const char *before)
{
    struct slice cell = mplane_cell(rows, row, column);
    if (cell.len > 0) {
        fputs(before, stdout);
        table_safe(stdout, cell);
    }
}

static int print_line(struct arena *a, const struct feed_reader *f, const struct mplane_rows *rows,
                      uint32_t row)
{
    static const char *const dimensions[] = {DIMENSION_ELEMENTS};
    if (f->form == TABLE_JSON) {
        return mplane_print_json_row(a, rows, row);
    }
    print_cell(rows, row, "time", "");
    print_cell(rows, row, "feed.kind", "  ");
    for (int d = 0; d < DIMENSION_COUNT; d++) {
        print_cell(rows, row, dimensions[d], "  ");
    }
    print_cell(rows, row, "grade.name", "  ");
    print_cell(rows, row, "grade.from", " ");
    print_cell(rows, row, "grade.to", " -> ");
    print_cell(rows, row, "grade.value", " ");
    print_cell(rows, row, "event.time", "  at ");
    print_cell(rows, row, "feed.detail", "  ");
    print_cell(rows, row, COLUMN_MARK, "  in maintenance ");
    print_cell(rows, row, "results.repo", "  ");
    putchar('\n');
    return CTL_DONE;
}

/* ---- following ---- */

static void pause_for(unsigned seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

static unsigned longer(unsigned pause_s)
{
    return pause_s * 2 < PAUSE_MOST_S ? pause_s * 2 : PAUSE_MOST_S;
}

/* 0 once the command ended with 0; -1 when it has to be run again. */
static int run_command(struct slice line)
{
    FILE *to = popen(given.exec, "w");
    if (to == NULL) {
        ctl_failed("--exec: %s", strerror(errno));
        return -1;
    }
    signal(SIGPIPE, SIG_IGN); /* it need not read; by now it has begun, and does not inherit this */
    fwrite(line.at, 1, line.len, to);
    fputc('\n', to);
    int status = pclose(to);
    signal(SIGPIPE, SIG_DFL);
    if (status == 0) {
        return 0;
    }
    if (status != -1 && WIFSIGNALED(status)) {
        ctl_failed("--exec: ended by signal %d; it is run again", WTERMSIG(status));
    } else {
        ctl_failed("--exec: ended with %d; it is run again", WEXITSTATUS(status));
    }
    return -1;
}

/* 0, or the exit code after a complaint. */
static int keep_cursor(const struct feed_reader *f)
{
    if (f->file == NULL) {
        return CTL_DONE;
    }
    FILE *file = kept_file_begin(f->file);
    if (file == NULL || kept_file_end(file, f->file, fprintf(file, "%s\n", f->cursor) > 0) == -1) {
        return ctl_failed("%s: %s", f->file, strerror(errno));
    }
    return CTL_DONE;
}

/* An entry, until it is done. 0, or the exit code after a complaint. */
static int deal_with(struct arena *a, struct feed_reader *f, const struct mplane_rows *rows,
                     uint32_t row)
{
    if (given.exec == NULL) {
        return print_line(a, f, rows, row);
    }
    struct slice line = mplane_json_row(a, rows, row);
    if (line.at == NULL) {
        return CTL_FAILED;
    }
    for (unsigned pause_s = 1; run_command(line) == -1; pause_s = longer(pause_s)) {
        pause_for(pause_s);
    }
    move_to(f, rows, row);
    return keep_cursor(f);
}

/* All of an answer; a cursor that leads nowhere is told to a command, and ends what only prints. */
static int take_answer(struct arena *a, struct feed_reader *f, const struct mplane_rows *rows)
{
    bool lost = is_lost(last_kind(rows));
    uint32_t entries = rows->rows - 1 + (lost && given.exec != NULL ? 1 : 0);
    int exit_code = CTL_DONE;
    char before[CURSOR_BYTES];
    memcpy(before, f->cursor, sizeof before);
    for (uint32_t i = 0; exit_code == CTL_DONE && i < entries; i++) {
        exit_code = deal_with(a, f, rows, i);
    }
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    if (fflush(stdout) == EOF) {
        return ctl_failed("standard output cannot be written");
    }
    move_to(f, rows, rows->rows - 1);
    if (lost && given.exec == NULL) {
        return complain_lost(f, last_kind(rows));
    }
    return strcmp(before, f->cursor) == 0 ? CTL_DONE : keep_cursor(f);
}

/* Until something is wrong that does not go by; what fails later than the first time may. */
static int follow(struct feed_reader *f)
{
    unsigned pause_s = 1;
    const char *wait_ms = NULL; /* the first answer comes at once, with a cursor to be kept */
    for (;;) {
        struct mplane_rows rows;
        struct arena *a = arena_new(ARENA_BYTES);
        int asked = a == NULL ? ctl_failed("out of memory") : ask(a, f, wait_ms, &rows);
        int exit_code = asked == CTL_DONE ? take_answer(a, f, &rows)
                        : wait_ms == NULL ? asked
                                          : CTL_DONE;
        arena_free(&a);
        if (exit_code != CTL_DONE) {
            return exit_code;
        }
        if (mplane_broken_off() != 0) {
            raise(mplane_broken_off()); /* as if it had not waited for an answer */
        }
        if (asked != CTL_DONE) {
            ctl_failed("goes on by itself: asks again in %u s", pause_s);
            pause_for(pause_s);
        }
        pause_s = asked == CTL_DONE ? 1 : longer(pause_s);
        wait_ms = HELD_MS;
    }
}

/* ---- the commands ---- */

static int list_once(struct arena *a, struct feed_reader *f)
{
    struct mplane_rows rows;
    struct slice kind;
    do { /* one answer is of so many entries that were looked at; none of them may match */
        int asked = ask(a, f, NULL, &rows);
        if (asked != CTL_DONE) {
            return asked;
        }
        kind = last_kind(&rows);
        move_to(f, &rows, rows.rows - 1);
    } while (rows.rows == 1 && slice_is(kind, FEED_MORE));
    if (is_lost(kind)) {
        return complain_lost(f, kind);
    }
    rows.rows -=
        f->form == TABLE_JSON ? 0 : 1; /* for programs the row that has the cursor is there */
    int exit_code = criteria_print(a, &rows, f->form);
    if (exit_code == CTL_DONE && f->form != TABLE_JSON) {
        fprintf(stderr, "%s--cursor %s\n",
                slice_is(kind, FEED_MORE) ? "There is more: " : "What comes then: ", f->cursor);
    }
    return exit_code;
}

static int changes(struct arena *a)
{
    struct feed_reader f = {.file = NULL};
    int exit_code = begin(a, &f);
    const char *from = given.cursor != NULL                    ? given.cursor
                       : given.follow && !criteria_has_since() ? CURSOR_NOW
                                                               : CURSOR_BEGIN;
    if (exit_code == CTL_DONE && strlen(from) >= sizeof f.cursor) {
        exit_code = ctl_usage("--cursor: expected the list.cursor of an entry");
    }
    if (exit_code == CTL_DONE && given.follow && f.form != FOR_TERMINAL && f.form != TABLE_JSON) {
        exit_code = ctl_usage("--follow: prints lines, or --output json");
    }
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    snprintf(f.cursor, sizeof f.cursor, "%s", from);
    return given.follow ? follow(&f) : list_once(a, &f);
}

/* What the file holds; where there is none, from now on, or from --since. 0, or the exit code. */
static int read_cursor(struct feed_reader *f)
{
    size_t size = 0;
    char *text = file_read(f->file, CURSOR_BYTES - 2, &size);
    if (text == NULL && errno != ENOENT) {
        return ctl_failed("%s: %s", f->file, strerror(errno));
    }
    if (text != NULL) {
        text[strcspn(text, "\n")] = '\0';
    }
    snprintf(f->cursor, sizeof f->cursor, "%s",
             text != NULL           ? text
             : criteria_has_since() ? CURSOR_BEGIN
                                    : CURSOR_NOW);
    free(text);
    return f->cursor[0] != '\0' && pattern_is_text(slice_of(f->cursor))
               ? CTL_DONE
               : ctl_failed("%s: expected the cursor that watch keeps there", f->file);
}

static int watch(struct arena *a, const char *file)
{
    struct feed_reader f = {.file = file};
    int exit_code = begin(a, &f);
    if (exit_code == CTL_DONE && f.form != FOR_TERMINAL && f.form != TABLE_JSON) {
        exit_code = ctl_usage("--output: expected json or none");
    }
    if (exit_code == CTL_DONE && given.exec != NULL &&
        given.exec[strspn(given.exec, " \t\n")] == '\0') {
        exit_code = ctl_usage("--exec: expected a shell command, found none");
    }
    if (exit_code == CTL_DONE) {
        exit_code = read_cursor(&f);
    }
    return exit_code == CTL_DONE ? follow(&f) : exit_code;
}

static int list_or_follow(const struct ctl_command *self, const struct ctl_option *const *groups,
                          int argc, char **argv)
{
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    exit_code = a == NULL ? ctl_failed("out of memory") : changes(a);
    arena_free(&a);
    return exit_code;
}

int ctl_changes(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria_options, changes_options,
                                                         mplane_options, NULL};
    return list_or_follow(self, groups, argc, argv);
}

int ctl_arrivals(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria_options, arrivals_options,
                                                         mplane_options, NULL};
    given.records = true;
    return list_or_follow(self, groups, argc, argv);
}

int ctl_watch(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria_options, watch_options,
                                                         mplane_options, NULL};
    const char *file = NULL;
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, &file, 1, 1, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    exit_code = a == NULL ? ctl_failed("out of memory") : watch(a, file);
    arena_free(&a);
    return exit_code;
}
