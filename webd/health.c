/* SPDX-License-Identifier: Apache-2.0 */
/* Troubles, counted and told. Pure. */
#include "webd/health.h"

const char *const health_processes[] = {"ingestd", "classifyd", "stored",
                                        "queryd",  "mplane-gw", NULL};

static bool is_needed(struct slice process)
{
    const char *const *p = health_processes;
    while (*p != NULL && !slice_is(process, *p)) {
        p++;
    }
    return *p != NULL;
}

/* Notes that say whether records are stored and questions are answered. */
static bool is_in_the_way(const struct process_status *p, struct slice trouble)
{
    return slice_is(trouble, "database") || slice_is(trouble, "grading") ||
           slice_is(trouble, "intake") ||
           (slice_is(trouble, "store") && slice_is(p->process, "ingestd"));
}

static unsigned missing(FILE *f, const struct process_statuses *all)
{
    unsigned count = 0;
    for (const char *const *name = health_processes; *name != NULL; name++) {
        size_t i = 0;
        while (i < all->count && !slice_is(all->at[i].process, *name)) {
            i++;
        }
        if (i == all->count) {
            count++;
            if (f != NULL) {
                fprintf(f, "%s is not there\n", *name);
            }
        }
    }
    return count;
}

/* Of one that does not run, or does not say so. */
static void write_away(FILE *f, const struct process_statuses *all, const struct process_status *p)
{
    struct slice state = process_text(p, "state");
    int64_t age_us = all->now_us - p->updated_us;
    if (age_us <= STATUS_STALE_US || slice_is(state, "stopped")) {
        fprintf(f, "%s is %.*s\n", p->name, (int)state.len, state.at);
    } else {
        fprintf(f, "%s has said nothing for %lld s\n", p->name, (long long)(age_us / 1000000));
    }
}

/* Whether another one of its kind does its work. */
static bool is_one_of_several(const struct process_statuses *all, const struct process_status *p)
{
    for (size_t i = 0; i < all->count; i++) {
        if (slice_equal(all->at[i].process, p->process) && process_is_running(all, &all->at[i])) {
            return true;
        }
    }
    return false;
}

static unsigned of_process(FILE *f, const struct process_statuses *all,
                           const struct process_status *p, bool ready)
{
    unsigned count = 0;
    if (!process_is_running(all, p)) {
        bool counts = !ready || (is_needed(p->process) && !is_one_of_several(all, p));
        if (counts && f != NULL) {
            write_away(f, all, p);
        }
        return counts;
    }
    for (const struct json *t = process_troubles(p); t != NULL; t = t->next) {
        if (t->type == JSON_STRING && (!ready || is_in_the_way(p, t->text))) {
            struct slice note = process_note(p, t->text);
            count++;
            if (f != NULL) {
                fprintf(f, "%s: %.*s: %.*s\n", p->name, (int)t->text.len, t->text.at, (int)note.len,
                        note.at);
            }
        }
    }
    return count;
}

unsigned health_write(FILE *f, const struct process_statuses *all, bool ready)
{
    unsigned count = missing(f, all);
    for (size_t i = 0; i < all->count; i++) {
        count += of_process(f, all, &all->at[i], ready);
    }
    return count;
}
