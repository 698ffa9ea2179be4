/* SPDX-License-Identifier: Apache-2.0 */
/* The command alerts: what was told to whom, and what came back. */
#include <string.h>

#include "common/json.h"
#include "ctl/criteria_command.h"
#include "schemas/messages.h"

static struct {
    const char *limit, *after;
    bool all;
} given;

static const struct ctl_option alerts_options[] = {
    {"all", NULL, NULL, &given.all, "also those that are over"},
    {"limit", "N", &given.limit, NULL, "at most so many rows, 1 ... 10000"},
    {"after", "CURSOR", &given.after, NULL, "go on behind the row with this cursor"},
    {NULL, NULL, NULL, NULL, NULL}};

/* Of alerts that fired in the range; they are not chosen by grades. */
static const struct criteria_but but[] = {{"grade", NULL}, {"range", NULL}, {NULL, NULL}};

/* For people: without what is for programs, and the document as a line. */
static const char *const shown[] = {
    "alert.fired",  "alert.over",    "alert.route", "grade.name",  "record.type", "record.content",
    "record.probe", "record.source", "record.dest", "record.path", "alert.since"};
#define SHOWN ((uint32_t)(sizeof shown / sizeof shown[0]))

static uint32_t column_of(const struct mplane_rows *rows, const char *name)
{
    uint32_t i = 0;
    while (i < rows->columns && strcmp(rows->names[i], name) != 0) {
        i++;
    }
    return i;
}

/* "http://127.0.0.1:9093: 200"; each receiver's last answer. */
static struct slice answers_of(struct arena *a, struct slice document)
{
    static const struct json_limits limits = {
        .depth = 8, .nodes = 4096, .string_bytes = LIMIT_DOCUMENT_BYTES};
    char error[100];
    const char *text = NULL;
    const struct json *said =
        document.at == NULL ? NULL : json_parse(a, document, &limits, error, sizeof error);
    const struct json *receivers = json_get(said, "receivers");
    for (const struct json *r = receivers == NULL ? NULL : receivers->first; r != NULL;
         r = r->next) {
        const struct json *answer = json_get(r, "answer");
        text = arena_printf(a, "%s%s%.*s: %.*s", text == NULL ? "" : text, text == NULL ? "" : "; ",
                            (int)r->key.len, r->key.at, answer == NULL ? 0 : (int)answer->text.len,
                            answer == NULL ? "" : answer->text.at);
    }
    return slice_of(text);
}

static int print_shown(struct arena *a, const struct mplane_rows *rows, int form)
{
    struct mplane_rows r = {.columns = SHOWN + 1, .rows = rows->rows, .when = rows->when};
    uint32_t document = column_of(rows, "alert.document");
    r.names = arena_calloc(a, r.columns, sizeof *r.names);
    r.cells = arena_calloc(a, (size_t)r.rows * r.columns + 1, sizeof *r.cells);
    if (r.names == NULL || r.cells == NULL) {
        return ctl_failed("out of memory");
    }
    memcpy(r.names, shown, sizeof shown);
    r.names[SHOWN] = "alert.answers";
    for (uint32_t row = 0; row < r.rows; row++) {
        const struct slice *from = rows->cells + (size_t)row * rows->columns;
        struct slice *to = r.cells + (size_t)row * r.columns;
        for (uint32_t c = 0; c < SHOWN; c++) {
            uint32_t place = column_of(rows, shown[c]);
            to[c] = place < rows->columns ? from[place] : (struct slice){NULL, 0};
        }
        to[SHOWN] =
            document < rows->columns ? answers_of(a, from[document]) : (struct slice){NULL, 0};
    }
    return criteria_print(a, &r, form);
}

static int alerts(struct arena *a)
{
    struct mplane_rows rows;
    const struct mplane_value more[] = {{"alert.ended", given.all ? "True" : "False"},
                                        {"list.limit", given.limit},
                                        {"list.after", given.after}};
    int form = criteria_form();
    if (form == -1 || criteria_limit(given.limit) == -1) {
        return CTL_USAGE;
    }
    int exit_code = criteria_ask(a, "QueryAlerts", more, sizeof more / sizeof *more, &rows);
    if (exit_code != CTL_DONE || !criteria_is_drawn(form)) {
        return exit_code == CTL_DONE ? criteria_print_page(a, &rows, form, given.limit) : exit_code;
    }
    exit_code = print_shown(a, &rows, form);
    criteria_print_next(&rows, given.limit);
    return exit_code;
}

int ctl_alerts(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, alerts_options, but, false, alerts, argc, argv);
}
