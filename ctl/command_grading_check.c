/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `grading check`: a document's faults, what in it has no effect, and, where there is a
 * gateway to ask, what in it is of nothing that was seen.
 */
#include <stdio.h>

#include "common/grading_seen.h"
#include "ctl/format_options.h"
#include "ctl/grading_in_force.h"
#include "ctl/mplane_client.h"
#include "ctl/table.h"
#include "schemas/messages.h"

#define ARENA_BYTES ((size_t)512 << 20)

static struct {
    const char *record_types;
    bool offline;
} given;

static const struct ctl_option options[] = {
    {"record-types", "DIR", &given.record_types, NULL,
     "folder of your own record types; none unless given", NULL},
    {"offline", NULL, NULL, &given.offline, "does not ask what was seen", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

static void tell(void *context, const char *text)
{
    fputs(context, stdout);
    table_safe(stdout, slice_of(text));
    putchar('\n');
}

/* -1 after a complaint. */
static int ask_metrics(struct arena *a, struct mplane_client *client, struct grading_seen *seen)
{
    static const struct when ever = {.start = WHEN_AT_PAST, .end = WHEN_AT_FUTURE};
    const struct mplane_value values[] = {{"list.limit", arena_printf(a, "%d", LIMIT_ANSWER_ROWS)}};
    struct mplane_rows rows;
    const struct mplane_message *result = mplane_ask(client, "QueryMetrics", &ever, values, 1);
    if (result == NULL || mplane_rows(a, result, &rows) == -1) {
        return -1;
    }
    struct grading_seen_metric *metrics = arena_calloc(a, (size_t)rows.rows + 1, sizeof *metrics);
    if (metrics == NULL) {
        ctl_failed("out of memory");
        return -1;
    }
    for (uint32_t i = 0; i < rows.rows; i++) {
        metrics[i] =
            (struct grading_seen_metric){.type = mplane_cell(&rows, i, "record.type"),
                                         .content = mplane_cell(&rows, i, "record.content"),
                                         .name = mplane_cell(&rows, i, "metric.name"),
                                         .least = mplane_cell(&rows, i, "metric.min"),
                                         .most = mplane_cell(&rows, i, "metric.max")};
        if (metrics[i].content.at == NULL) {
            metrics[i].content = slice_of("");
        }
    }
    seen->metric_count = rows.rows;
    seen->metrics = metrics;
    return 0;
}

/* A document that is good stays so where nobody can say what was seen: then that is told. */
static void check_seen(struct arena *a, const struct grading *g, const struct record_types *types)
{
    struct grading_in_force of;
    struct grading_seen seen = {.metric_count = 0};
    int code;
    struct mplane_client *client = mplane_client_new(a, &code);
    if (client == NULL || grading_in_force(a, client, &of) == -1 ||
        ask_metrics(a, client, &seen) == -1) {
        fputs("not compared with what was seen\n", stderr);
    } else {
        seen.in_force = of.grading;
        grading_lint_seen(g, types, &seen, tell, "hint: ");
        if (seen.metric_count == 0) {
            puts("nothing was seen yet that it could be compared with");
        }
    }
    mplane_client_free(&client);
}

static int check(struct arena *a, const char *file)
{
    struct slice document;
    const struct grading *g = ctl_read_grading(a, file, &document);
    struct record_types *types =
        g == NULL ? NULL
                  : record_types_of(format_options_schemas(),
                                    given.record_types == NULL ? "" : given.record_types,
                                    format_options_own());
    if (types == NULL) {
        return CTL_FAILED;
    }
    printf("%s: good, %u blocks, %u grade names\n", file, g->block_count, g->name_count);
    grading_lint(g, types, tell, "warning: ");
    if (mplane_connection.url != NULL && !given.offline) {
        check_seen(a, g, types);
    }
    record_types_free(&types);
    return CTL_DONE;
}

int ctl_grading_check(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, format_options, mplane_options,
                                                         NULL};
    const char *file;
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, &file, 1, 1, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL) {
        return ctl_failed("out of memory");
    }
    exit_code = check(a, file);
    arena_free(&a);
    return exit_code;
}
