/* SPDX-License-Identifier: Apache-2.0 */
/* The command maintenance: windows in which somebody works on what is measured. */
#include "common/clock.h"
#include "common/when_time.h"
#include "ctl/access_link.h"
#include "ctl/listing.h"

static struct {
    const char *run_dir, *output, *before;
    const char *dimensions[DIMENSION_COUNT];
    const char *from, *to, *lasts, *reason, *author;
} given;

static const struct ctl_option place_options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where stored's socket is"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option list_options[] = {
    LISTING_OPTION(given.output),
    {"before", "NUMBER", &given.before, NULL, "windows before this one"},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct ctl_option author_options[] = {
    {"author", "NAME", &given.author, NULL, "who says so; unless given who types this"},
    {NULL, NULL, NULL, NULL, NULL}};

#define DIMENSION_OPTION(x, name, Name, addresses, help)                                           \
    {#name, "PATTERN", &given.dimensions[DIMENSION_##name], NULL, help},
static const struct ctl_option window_options[] = {
    DIMENSIONS(DIMENSION_OPTION, ){"from", "TIME", &given.from, NULL,
                                   "when it begins (UTC unless it has an offset); now"},
    {"to", "TIME", &given.to, NULL, "when it ends"},
    {"for", "DURATION", &given.lasts, NULL, "or how long it lasts: 90m, 1d12h"},
    {"reason", "TEXT", &given.reason, NULL, "why"},
    {NULL, NULL, NULL, NULL, NULL}};

/* ---- what is given ---- */

static int read_times(struct maintain_message *m)
{
    int64_t lasts_us;
    m->from_us = clock_utc_us();
    if (given.from != NULL && ctl_time(given.from, &m->from_us) == -1) {
        ctl_usage("--from: expected a time, found \"%s\"", given.from);
        return -1;
    }
    if ((given.to == NULL) == (given.lasts == NULL)) {
        ctl_usage("maintenance add: expected --to or --for");
        return -1;
    }
    if (given.to != NULL && ctl_time(given.to, &m->to_us) == -1) {
        ctl_usage("--to: expected a time, found \"%s\"", given.to);
        return -1;
    }
    if (given.lasts != NULL) {
        if (when_duration_parse(slice_of(given.lasts), &lasts_us) == -1) {
            ctl_usage("--for: expected a duration such as 90m, found \"%s\"", given.lasts);
            return -1;
        }
        m->to_us = m->from_us + lasts_us;
    }
    return 0;
}

static int read_window(struct maintain_message *m)
{
    if (given.reason == NULL || given.reason[0] == '\0') {
        ctl_usage("maintenance add: expected --reason");
        return -1;
    }
    m->what = MAINTAIN_ADD;
    m->reason = slice_of(given.reason);
#define TAKE(x, name, Name, addresses, help)                                                       \
    if (given.dimensions[DIMENSION_##name] != NULL) {                                              \
        m->name = slice_of(given.dimensions[DIMENSION_##name]);                                    \
    }
    DIMENSIONS(TAKE, )
#undef TAKE
    return read_times(m);
}

static int read_end(struct maintain_message *m, const char *number)
{
    int64_t n;
    if (ctl_number(number, 1, INT64_MAX, &n) == -1) {
        ctl_usage("maintenance end: expected a number, found \"%s\"", number);
        return -1;
    }
    m->what = MAINTAIN_END;
    m->number = (uint64_t)n;
    return 0;
}

static int read_list(struct maintain_message *m)
{
    int64_t before = 0;
    if (given.before != NULL && ctl_number(given.before, 1, INT64_MAX, &before) == -1) {
        ctl_usage("--before: expected a number, found \"%s\"", given.before);
        return -1;
    }
    m->what = MAINTAIN_LIST;
    m->number = (uint64_t)before;
    return 0;
}

/* ---- verbs ---- */

static int run(struct maintain_message *m)
{
    static const char *const names[] = {"number", "state",  "criteria", "from",     "to",
                                        "reason", "author", "ended",    "ended_by", NULL};
    struct access_link l;
    struct maintained_message answer;
    int exit_code = access_link_open(&l, given.run_dir);
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    exit_code = access_link_maintain(&l, m, given.author, &answer) == 0
                    ? access_link_print(&l, m->what == MAINTAIN_LIST, answer.windows, answer.number,
                                        given.output, names)
                    : CTL_FAILED;
    access_link_close(&l);
    return exit_code;
}

enum maintenance_verb_kind { VERB_LIST, VERB_ADD, VERB_END };

static const struct maintenance_verb {
    struct ctl_command command;
    const struct ctl_option *const groups[CTL_GROUPS];
    int words;
} verbs[] = {
    [VERB_LIST] = {{"maintenance list", "", "Lists windows of maintenance, the newest first.",
                    ctl_maintenance},
                   {place_options, list_options, NULL},
                   0},
    [VERB_ADD] = {{"maintenance add", "",
                   "Makes known that what fits is in maintenance for a time; prints the window's "
                   "number.",
                   ctl_maintenance},
                  {place_options, window_options, author_options, NULL},
                  0},
    [VERB_END] = {{"maintenance end", "NUMBER",
                   "Ends a window now; one that has not begun never does.", ctl_maintenance},
                  {place_options, author_options, NULL},
                  1},
};

static int run_verb(const struct maintenance_verb *v, int argc, char **argv)
{
#define ANY(x, name, Name, addresses, help) .name = {"*", 1},
    struct maintain_message m = {DIMENSIONS(ANY, ).reason = {"", 0}};
#undef ANY
    const char *word = NULL;
    int count, exit_code;
    if (ctl_options(&v->command, v->groups, argc, argv, &word, v->words, v->words, &count,
                    &exit_code) == -1) {
        return exit_code;
    }
    int rc = v == &verbs[VERB_ADD]   ? read_window(&m)
             : v == &verbs[VERB_END] ? read_end(&m, word)
                                     : read_list(&m);
    return rc == -1 ? CTL_USAGE : run(&m);
}

int ctl_maintenance(const struct ctl_command *self, int argc, char **argv)
{
    int exit_code;
    const struct maintenance_verb *v = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                                sizeof verbs[0], argc, argv, &exit_code);
    return v == NULL ? exit_code : run_verb(v, argc - 1, argv + 1);
}
