/* SPDX-License-Identifier: Apache-2.0 */
/* The command silent: series and probes of which records are missing. */
#include "ctl/criteria_command.h"

static struct {
    const char *limit, *after;
    bool retired;
} given;

static const struct ctl_option silent_options[] = {
    {"retired", NULL, NULL, &given.retired, "also those that nobody expects any more"},
    {"limit", "N", &given.limit, NULL, "at most so many rows, 1 ... 10000"},
    {"after", "CURSOR", &given.after, NULL, "go on behind the row with this cursor"},
    {NULL, NULL, NULL, NULL, NULL}};

/* It is about now, and no grade. */
static const struct criteria_but but[] = {{"grade", NULL}, {"range", NULL}, {"since", NULL},
                                          {"until", NULL}, {"when", NULL},  {NULL, NULL}};

static int silent(struct arena *a)
{
    struct mplane_rows rows;
    const struct mplane_value more[] = {{"silence.retired", given.retired ? "True" : "False"},
                                        {"list.limit", given.limit},
                                        {"list.after", given.after}};
    int form = criteria_form();
    criteria_say_none("Nothing that fits is silent.");
    if (form == -1 || criteria_limit(given.limit) == -1) {
        return CTL_USAGE;
    }
    int exit_code = criteria_ask(a, "QuerySilent", more, sizeof more / sizeof *more, &rows);
    return exit_code == CTL_DONE ? criteria_print_page(a, &rows, form, given.limit) : exit_code;
}

int ctl_silent(const struct ctl_command *self, int argc, char **argv)
{
    return criteria_command(self, silent_options, but, false, silent, argc, argv);
}
