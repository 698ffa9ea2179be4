/* SPDX-License-Identifier: Apache-2.0 */
/* The command grading: check a document here, get, set and list those of the gateway. */
#include <stdio.h>
#include <string.h>

#include "common/grading.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "schemas/messages.h"

#define ARENA_BYTES     ((size_t)512 << 20)
#define HISTORY_DEFAULT 20

static struct {
    const char *limit;
    bool json;
} given;

static const struct ctl_option no_options[] = {{NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option json_options[] = {
    {"json", NULL, NULL, &given.json, "as JSON objects, each on a line of its own"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option history_options[] = {
    {"limit", "N", &given.limit, NULL, "at most so many versions; 20 unless given"},
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

static int check(struct arena *a, struct mplane_client *client, const char *file)
{
    struct slice document;
    (void)client;
    const struct grading *g = ctl_read_grading(a, file, &document);
    if (g == NULL) {
        return CTL_FAILED;
    }
    printf("%s: good, %u blocks, %u grade names\n", file, g->block_count, g->name_count);
    return CTL_DONE;
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

static int get(struct arena *a, struct mplane_client *client, const char *version)
{
    struct mplane_rows rows;
    int64_t number;
    if (version != NULL && ctl_number(version, 1, UINT32_MAX, &number) == -1) {
        return ctl_usage("grading get: expected a version, found \"%s\"", version);
    }
    if (fetch(a, client, version == NULL ? "0" : version, &rows) == -1) {
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

static int set(struct arena *a, struct mplane_client *client, const char *file)
{
    struct slice document;
    struct mplane_rows rows;
    if (ctl_read_grading(a, file, &document) == NULL) {
        return CTL_FAILED;
    }
    const struct mplane_value values[] = {{"grading.document", document.at}};
    const struct mplane_message *result = mplane_ask(client, "SetGrading", &now, values, 1);
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

/* Fetches versions from the one in force downward; how many, -1 after a complaint. */
static int64_t walk(struct arena *a, struct mplane_client *client, int64_t limit,
                    struct slice (*cells)[3])
{
    char version[24] = "0";
    int64_t n = 0, number = 1;
    for (; n < limit && number > 0; n++) {
        struct mplane_rows rows;
        if (fetch(a, client, version, &rows) == -1) {
            return -1;
        }
        struct slice found = mplane_cell(&rows, 0, "grading.version");
        struct slice text = found.at == NULL ? found : arena_copy(a, found);
        if (text.at == NULL || ctl_number(text.at, 1, UINT32_MAX, &number) == -1) {
            ctl_failed("expected a grading with its version");
            return -1;
        }
        cells[n][0] = text;
        cells[n][1] = mplane_cell(&rows, 0, "time");
        cells[n][2] = mplane_cell(&rows, 0, "grading.author");
        number--; /* versions have no holes */
        snprintf(version, sizeof version, "%lld", (long long)number);
    }
    return n;
}

static int history(struct arena *a, struct mplane_client *client, const char *none)
{
    static const char *headings[] = {"grading.version", "time", "grading.author"};
    int64_t limit = HISTORY_DEFAULT;
    (void)none;
    if (given.limit != NULL && ctl_number(given.limit, 1, 10000, &limit) == -1) {
        return ctl_usage("--limit: expected 1 ... 10000, found \"%s\"", given.limit);
    }
    struct slice(*cells)[3] = arena_calloc(a, (size_t)limit, sizeof *cells);
    int64_t n = cells == NULL ? -1 : walk(a, client, limit, cells);
    if (n == -1) {
        return CTL_FAILED;
    }
    struct mplane_rows rows = {3, (uint32_t)n, headings, cells[0]};
    if (given.json) {
        return mplane_print_json(a, &rows);
    }
    table_print(stdout, headings, 3, cells[0], (uint32_t)n);
    return CTL_DONE;
}

static const struct verb {
    struct ctl_command command;
    const struct ctl_option *options;
    bool gateway;
    int least, most; /* arguments */
    /* NULL: by the command's own function. */
    int (*run)(struct arena *a, struct mplane_client *client, const char *argument);
} verbs[] = {
    {{"grading check", "FILE|-",
      "Checks a grading document here and names every fault by its place.", NULL},
     no_options,
     false,
     1,
     1,
     check},
    {{"grading get", "[VERSION]",
      "Prints a grading document: the one in force unless told otherwise.", NULL},
     json_options,
     true,
     0,
     1,
     get},
    {{"grading set", "FILE|-",
      "Publishes a grading document; it is in force for what arrives then.", NULL},
     no_options,
     true,
     1,
     1,
     set},
    {{"grading history", "", "Lists the versions that were published, newest first.", NULL},
     history_options,
     true,
     0,
     0,
     history},
    {{"grading add-defaults", "TYPE...",
      "Merges the grading blocks that record types bring along into the grading in force, shows "
      "them, and publishes the document.",
      ctl_grading_defaults},
     NULL,
     true,
     0,
     0,
     NULL},
};

static int run_verb(const struct verb *v, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {v->options,
                                                         v->gateway ? mplane_options : NULL, NULL};
    const char *argument = NULL;
    int count, exit_code = CTL_DONE;
    if (v->run == NULL) {
        return v->command.run(&v->command, argc, argv);
    }
    if (ctl_options(&v->command, groups, argc, argv, &argument, v->least, v->most, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL) {
        return ctl_failed("out of memory");
    }
    struct mplane_client *client = v->gateway ? mplane_client_new(a, &exit_code) : NULL;
    if (exit_code == CTL_DONE) {
        exit_code = v->run(a, client, argument);
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
