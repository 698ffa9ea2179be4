/* SPDX-License-Identifier: Apache-2.0 */
/* The command maintenance: windows in which somebody works on what is measured. */
#include <string.h>

#include "common/clock.h"
#include "common/when_time.h"
#include "ctl/operator_list.h"

static struct {
    const char *from, *to, *lasts, *reason;
    int64_t from_us, to_us;
} given;

static const struct ctl_option window_options[] = {
    {"from", "TIME", &given.from, NULL, "when it begins (UTC unless it has an offset); now"},
    {"to", "TIME", &given.to, NULL, "when it ends"},
    {"for", "DURATION", &given.lasts, NULL, "or how long it lasts: 90m, 1d12h"},
    {"reason", "TEXT", &given.reason, NULL, "why"},
    {NULL, NULL, NULL, NULL, NULL}};

static int read_times(void)
{
    int64_t lasts_us;
    given.from_us = clock_utc_us();
    if (given.from != NULL && strcmp(given.from, "now") != 0 &&
        ctl_time(given.from, &given.from_us) == -1) {
        ctl_usage("--from: expected now, or a time such as \"2026-11-21 10:00\", found \"%s\"",
                  given.from);
        return -1;
    }
    if ((given.to == NULL) == (given.lasts == NULL)) {
        ctl_usage("maintenance add: expected --to or --for");
        return -1;
    }
    if (given.to != NULL && ctl_time(given.to, &given.to_us) == -1) {
        ctl_usage("--to: expected a time such as \"2026-11-21 10:00\", found \"%s\"", given.to);
        return -1;
    }
    if (given.lasts != NULL) {
        if (when_duration_parse(slice_of(given.lasts), &lasts_us) == -1) {
            ctl_usage("--for: expected a duration such as 90m, found \"%s\"", given.lasts);
            return -1;
        }
        given.to_us = given.from_us + lasts_us;
    }
    return 0;
}

static int read_window(void)
{
    if (given.reason == NULL || given.reason[0] == '\0') {
        ctl_usage("maintenance add: expected --reason");
        return -1;
    }
    return read_times();
}

static void encode(struct pack *p, const struct operator_request *r)
{
    struct maintain_message m = {.id = r->id,
                                 .what = r->verb,
                                 .author = r->author,
                                 .number = r->number,
                                 DIMENSIONS(OPERATOR_PATTERN, r).from_us = given.from_us,
                                 .to_us = given.to_us,
                                 .reason = slice_of(given.reason == NULL ? "" : given.reason)};
    maintain_encode(p, &m);
}

static int decode(struct slice bytes, struct arena *a, struct operator_answer *answer)
{
    struct maintained_message m;
    if (maintained_decode_all(bytes, a, &m) == -1) {
        return -1;
    }
    *answer = (struct operator_answer){m.status, m.message, m.windows, m.number};
    return 0;
}

static const char *const columns[] = {"number", "state",  "criteria", "from",     "to",
                                      "reason", "author", "ended",    "ended_by", NULL};

static const struct operator_list windows = {
    {[OPERATOR_LIST] = {"maintenance list", "", "Lists windows of maintenance, the newest first.",
                        ctl_maintenance},
     [OPERATOR_ADD] = {"maintenance add", "",
                       "Makes known that what fits is in maintenance for a time; prints the "
                       "window's number.",
                       ctl_maintenance},
     [OPERATOR_TAKE] = {"maintenance end", "NUMBER",
                        "Ends a window now; one that has not begun never does.", ctl_maintenance}},
    window_options,
    columns,
    read_window,
    encode,
    decode};

int ctl_maintenance(const struct ctl_command *self, int argc, char **argv)
{
    return operator_list_command(&windows, self, argc, argv);
}
