/* SPDX-License-Identifier: Apache-2.0 */
/* The command grading: get, set and list the documents of the gateway. */
#include <stdio.h>
#include <string.h>

#include "common/grading.h"
#include "ctl/grading_difference.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "schemas/messages.h"

#define ARENA_BYTES     ((size_t)512 << 20)
#define HISTORY_DEFAULT "20"
#define HISTORY_COLUMNS 4
#define WORDS_MOST      2  /* behind a verb */
#define LABEL_SIZE      40 /* of a version */

static struct {
    const char *limit, *comment, *over;
    bool json;
} given;

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option json_options[] = {
    {"json", NULL, NULL, &given.json, "as JSON objects, each on a line of its own"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option set_options[] = {
    {"comment", "TEXT", &given.comment, NULL, "what is kept with the version: why it is"},
    {"over", "VERSION", &given.over, NULL, "only if this one is in force still"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option rollback_options[] = {
    {"comment", "TEXT", &given.comment, NULL,
     "what is kept with the new version, instead of where it is from"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option history_options[] = {
    {"limit", "N", &given.limit, NULL,
     "at most so many versions; " HISTORY_DEFAULT " unless given"},
    {"json", NULL, NULL, &given.json, "as JSON objects, each on a line of its own"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct when now = {.start = WHEN_AT_NOW};

const struct grading *ctl_read_grading(struct arena *a, const char *file, struct slice *document)
{
    *document = ctl_read_file(a, file, LIMIT_DOCUMENT_BYTES);
    if (document->at == NULL) {
        return NULL;
    }
    struct grading_faults faults = {0};
    const struct grading *g = grading_read(a, *document, &faults);
    for (uint32_t i = 0; g == NULL && i < faults.kept; i++) {
        ctl_failed("%s: %s", file, faults.text[i]);
    }
    if (g == NULL && (faults.count > faults.kept || faults.count == 0)) {
        ctl_failed("%s: %u faults, %u of them shown", file, faults.count, faults.kept);
    }
    return g;
}

/* Whether a word, where it stands (NULL: it does not), is a version; complains. */
static bool is_version(const char *verb, const char *word)
{
    int64_t number;
    if (word != NULL && ctl_number(word, 1, UINT32_MAX, &number) == -1) {
        ctl_usage("grading %s: expected a version, found \"%s\"", verb, word);
        return false;
    }
    return true;
}

/* The rows of GetGrading for a version, 0 the one in force. -1 after a complaint. */
static int fetch(struct arena *a, struct mplane_client *client, const char *version,
                 struct mplane_rows *rows)
{
    const struct mplane_value values[] = {{"grading.version", version}};
    const struct mplane_message *result = mplane_ask(client, "GetGrading", &now, values, 1);
    if (result == NULL || mplane_rows(a, result, rows) == -1) {
        return -1;
    }
    if (rows->rows == 0) {
        ctl_failed("there is no such grading");
        return -1;
    }
    return 0;
}

static int get(struct arena *a, struct mplane_client *client, const char *const words[])
{
    struct mplane_rows rows;
    if (!is_version("get", words[0])) {
        return CTL_USAGE;
    }
    if (fetch(a, client, words[0] == NULL ? "0" : words[0], &rows) == -1) {
        return CTL_FAILED;
    }
    if (given.json) {
        return mplane_print_json(a, &rows);
    }
    /* The bytes as they were published; a valid document holds no control characters. */
    struct slice document = mplane_cell(&rows, 0, "grading.document");
    fwrite(document.at, 1, document.len, stdout);
    if (document.len > 0 && document.at[document.len - 1] != '\n') {
        putchar('\n');
    }
    return CTL_DONE;
}

/* comment NULL: none; over NULL: whichever is in force. */
static int publish(struct arena *a, struct mplane_client *client, const char *document,
                   const char *comment, const char *over)
{
    struct mplane_rows rows;
    const struct mplane_value values[] = {
        {"grading.document", document}, {"grading.comment", comment}, {"grading.version", over}};
    const struct mplane_message *result = mplane_ask(client, "SetGrading", &now, values, 3);
    if (result == NULL || mplane_rows(a, result, &rows) == -1) {
        return CTL_FAILED;
    }
    fputs("published as version ", stdout);
    table_safe(stdout, mplane_cell(&rows, 0, "grading.version"));
    fputs(", ", stdout);
    table_safe(stdout, mplane_cell(&rows, 0, "grading.blocks"));
    fputs(" blocks\n", stdout);
    return CTL_DONE;
}

static int set(struct arena *a, struct mplane_client *client, const char *const words[])
{
    struct slice document;
    if (!is_version("set: --over", given.over)) {
        return CTL_USAGE;
    }
    return ctl_read_grading(a, words[0], &document) == NULL
               ? CTL_FAILED
               : publish(a, client, document.at, given.comment, given.over);
}

/* Who rolls back again gets what was before: a version is never changed. */
static int rollback(struct arena *a, struct mplane_client *client, const char *const words[])
{
    struct mplane_rows rows;
    char comment[64];
    if (!is_version("rollback", words[0])) {
        return CTL_USAGE;
    }
    if (fetch(a, client, words[0], &rows) == -1) {
        return CTL_FAILED;
    }
    snprintf(comment, sizeof comment, "rolled back to version %s", words[0]);
    struct slice document = mplane_cell(&rows, 0, "grading.document");
    const char *text = arena_copy(a, document).at; /* ends with a NUL */
    return text == NULL
               ? ctl_failed("out of memory")
               : publish(a, client, text, given.comment == NULL ? comment : given.comment, NULL);
}

/* One version of the two; of the one in force the label tells which that is. -1 after a complaint.
 */
static int fetch_text(struct arena *a, struct mplane_client *client, const char *version,
                      char label[LABEL_SIZE], struct grading_edition_text *edition)
{
    struct mplane_rows rows;
    if (fetch(a, client, version == NULL ? "0" : version, &rows) == -1) {
        return -1;
    }
    struct slice number = mplane_cell(&rows, 0, "grading.version");
    snprintf(label, LABEL_SIZE, "version %.*s", (int)number.len, number.at);
    *edition = (struct grading_edition_text){mplane_cell(&rows, 0, "grading.document"), label};
    return 0;
}

static int diff(struct arena *a, struct mplane_client *client, const char *const words[])
{
    char labels[2][LABEL_SIZE];
    struct grading_edition_text editions[2];
    for (int i = 0; i < 2; i++) {
        if (!is_version("diff", words[i])) {
            return CTL_USAGE;
        }
    }
    for (int i = 0; i < 2; i++) {
        if (fetch_text(a, client, words[i], labels[i], &editions[i]) == -1) {
            return CTL_FAILED;
        }
    }
    return grading_difference(a, &editions[0], &editions[1]) == -1 ? CTL_FAILED : CTL_DONE;
}

/* The columns of QueryGradings that are shown. -1 after a complaint. */
static int narrow(struct arena *a, const struct mplane_rows *all, struct mplane_rows *shown)
{
    static const char *headings[HISTORY_COLUMNS] = {"grading.version", "time", "grading.author",
                                                    "grading.comment"};
    struct slice *cells = arena_calloc(a, ((size_t)all->rows + 1) * HISTORY_COLUMNS, sizeof *cells);
    if (cells == NULL) {
        ctl_failed("out of memory");
        return -1;
    }
    for (uint32_t r = 0; r < all->rows; r++) {
        for (uint32_t c = 0; c < HISTORY_COLUMNS; c++) {
            cells[r * HISTORY_COLUMNS + c] = mplane_cell(all, r, headings[c]);
        }
    }
    *shown = (struct mplane_rows){HISTORY_COLUMNS, all->rows, headings, cells, all->when};
    return 0;
}

static int history(struct arena *a, struct mplane_client *client, const char *const words[])
{
    int64_t limit = 0;
    struct mplane_rows rows, shown;
    const char *text = given.limit == NULL ? HISTORY_DEFAULT : given.limit;
    const struct mplane_value values[] = {{"list.limit", text}};
    (void)words;
    if (ctl_number(text, 1, LIMIT_ANSWER_ROWS, &limit) == -1) {
        return ctl_usage("--limit: expected 1 ... %d, found \"%s\"", LIMIT_ANSWER_ROWS, text);
    }
    const struct mplane_message *result = mplane_ask(client, "QueryGradings", &now, values, 1);
    if (result == NULL || mplane_rows(a, result, &rows) == -1 || narrow(a, &rows, &shown) == -1) {
        return CTL_FAILED;
    }
    if (given.json) {
        return mplane_print_json(a, &shown);
    }
    table_print(stdout, shown.names, HISTORY_COLUMNS, shown.cells, shown.rows);
    return CTL_DONE;
}

static const struct verb {
    struct ctl_command command;
    const struct ctl_option *options;
    int least, most; /* arguments */
    /* NULL: by the command's own function. */
    int (*run)(struct arena *a, struct mplane_client *client, const char *const words[]);
} verbs[] = {
    {{"grading check", "FILE|-",
      "Checks a grading document and names every fault by its place, what has no effect, and what "
      "is of nothing that the set has seen.",
      ctl_grading_check},
     NULL,
     0,
     0,
     NULL},
    {{"grading get", "[VERSION]",
      "Prints a grading document: the one in force unless told otherwise.", NULL},
     json_options,
     0,
     1,
     get},
    {{"grading set", "FILE|-",
      "Publishes a grading document; it is in force for what arrives then.", NULL},
     set_options,
     1,
     1,
     set},
    {{"grading diff", "VERSION [VERSION]",
      "Shows what a version has otherwise than another, or than the one in force.", NULL},
     no_options,
     1,
     2,
     diff},
    {{"grading rollback", "VERSION", "Publishes the document of a version again, as a new version.",
      NULL},
     rollback_options,
     1,
     1,
     rollback},
    {{"grading history", "", "Lists the versions that were published, newest first.", NULL},
     history_options,
     0,
     0,
     history},
    {{"grading try", "FILE|-",
      "Tells what a grading document would have made of stored records; nothing is changed.",
      ctl_grading_try},
     NULL,
     0,
     0,
     NULL},
    {{"grading add-defaults", "TYPE...",
      "Merges the grading blocks that record types bring along into the grading in force, shows "
      "them, and publishes the document.",
      ctl_grading_defaults},
     NULL,
     0,
     0,
     NULL},
};

static int run_verb(const struct verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {v->options, mplane_options, NULL};
    const char *words[WORDS_MOST] = {NULL};
    int count, exit_code = CTL_DONE;
    if (v->run == NULL) {
        return v->command.run(&v->command, argc, argv);
    }
    if (ctl_options(&v->command, groups, argc, argv, words, v->least, v->most, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL) {
        return ctl_failed("out of memory");
    }
    struct mplane_client *client = mplane_client_new(a, &exit_code);
    if (exit_code == CTL_DONE) {
        exit_code = v->run(a, client, words);
    }
    mplane_client_free(&client);
    arena_free(&a);
    return exit_code;
}

int ctl_grading(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0], sizeof verbs[0],
                                    argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
