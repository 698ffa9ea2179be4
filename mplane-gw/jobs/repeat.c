/* SPDX-License-Identifier: Apache-2.0 */
/* The times of a repeated specification and the list of its last runs. */
#include "mplane-gw/jobs/repeat.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/* So far ahead lies the end of what goes on although its last time has come: a run takes that long.
 */
#define ONGOING_US INT64_C(60000000)

/* The first of its times at or after from_us; WHEN_FUTURE when there is none. */
static int64_t time_from(const struct repeat *r, int64_t from_us)
{
    int64_t us;
    return when_next(&r->scope, r->taken_us, from_us, &us) == 0 ? us : WHEN_FUTURE;
}

struct repeat *repeat_new(const struct when *scope, int64_t taken_us, int64_t from_us, char *error,
                          size_t error_size)
{
    if (scope->inner_has_period) {
        snprintf(error, error_size,
                 "when: a run asks once, so expected no period in its scope, as in { now + 1h }");
        return NULL;
    }
    struct repeat *r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    r->scope = *scope;
    r->taken_us = taken_us;
    r->first_us = time_from(r, taken_us);
    r->next_us = time_from(r, from_us);
    if (repeat_due_us(r) == WHEN_FUTURE) {
        snprintf(error, error_size, "when: none of the times of this repetition is to come");
        repeat_free(&r);
    }
    return r;
}

void repeat_free(struct repeat **r)
{
    if (*r != NULL) {
        while ((*r)->runs != NULL) {
            repeat_forget(*r);
        }
        free(*r);
        *r = NULL;
    }
}

/* The end of a run's scope; WHEN_FUTURE when there is no such time. */
static int64_t end_of_run(const struct repeat *r, int64_t at_us)
{
    const struct when w = {.start = WHEN_AT,
                           .start_us = at_us,
                           .has_duration = true,
                           .duration_us = r->scope.inner_duration_us};
    int64_t start, end;
    bool instant;
    return at_us != WHEN_FUTURE && when_range(&w, at_us, &start, &end, &instant) == 0 ? end
                                                                                      : WHEN_FUTURE;
}

struct when repeat_scope(const struct repeat *r, int64_t at_us)
{
    struct when w = {.start = WHEN_AT, .start_us = at_us};
    if (r->scope.inner_duration_us > 0) {
        w.end = WHEN_AT;
        w.end_us = end_of_run(r, at_us);
    }
    return w;
}

int64_t repeat_due_us(const struct repeat *r)
{
    return end_of_run(r, r->next_us);
}

bool repeat_take(struct repeat *r, int64_t now_us, struct when *scope)
{
    *scope = repeat_scope(r, r->next_us);
    int64_t after = time_from(r, r->next_us + 1);
    r->next_us = time_from(r, now_us - r->scope.inner_duration_us + 1);
    return r->next_us != after;
}

void repeat_end(struct repeat *r, int64_t now_us)
{
    r->next_us = WHEN_FUTURE;
    r->ended_us = now_us;
}

struct when repeat_span(const struct repeat *r, int64_t now_us)
{
    struct when w = {.start = WHEN_AT, .end = WHEN_AT, .start_us = r->first_us};
    int64_t start, end;
    bool instant;
    when_range(&r->scope, r->taken_us, &start, &end, &instant);
    int64_t last = end_of_run(r, end);
    if (r->ended_us != 0) {
        last = last < r->ended_us ? last : r->ended_us;
    } else if (last < now_us + ONGOING_US) {
        last = now_us + ONGOING_US;
    }
    /* One that was ended before its first time has been what it was since it was taken up. */
    if (r->ended_us != 0 && w.start_us > r->ended_us) {
        w.start_us = r->taken_us < r->ended_us ? r->taken_us : r->ended_us;
        last = r->ended_us;
    }
    w.end_us = last < w.start_us ? w.start_us : last;
    w.has_period = r->scope.has_period;
    w.period_us = r->scope.period_us;
    return w;
}

int repeat_keep(struct repeat *r, const struct when *when, char *bytes, size_t size,
                const char *failure)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        free(bytes);
        return -1;
    }
    run->when = *when;
    run->bytes = bytes;
    run->size = size;
    run->failure = failure;
    LL_APPEND(r->runs, run);
    r->count++;
    r->bytes += size;
    return 0;
}

void repeat_forget(struct repeat *r)
{
    struct run *oldest = r->runs;
    LL_DELETE(r->runs, oldest);
    r->count--;
    r->bytes -= oldest->size;
    free(oldest->bytes);
    free(oldest);
}
