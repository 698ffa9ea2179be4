/* SPDX-License-Identifier: Apache-2.0 */
/* The list of supervisors, kept as the settings say. */
#include "mplane-gw/supervisors/supervisors.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/supervisors/supervisor.h"
#include "mplane-gw/supervisors/supervisor_http.h"

/* Those in the settings and those being left. */
#define PLACES ((size_t)SUPERVISORS_MAX * 2)

/* After what is under way has been answered or given up, this long for its answers to leave. */
#define LEAVE_US 2000000

struct place {
    struct supervisor *supervisor; /* NULL: a free place */
    bool leaving;
};

struct supervisors {
    struct place places[PLACES];
    uint64_t dropped_before; /* by those that are gone */
    int64_t drained_at_us;   /* 0: not draining */
    bool given_up;
    size_t noted; /* lines of the status */
};

/* What was checked before; NULL after a fault all the same, such as no memory. */
static struct supervisors_settings *read_settings(const struct gateway_settings *from)
{
    return settings_supervisors(&(struct document){0}, from);
}

static void remove_at(struct supervisors *all, struct place *p)
{
    struct supervisor_report r;
    supervisor_report(p->supervisor, &r);
    all->dropped_before += r.dropped;
    supervisor_free(&p->supervisor);
    p->leaving = false;
}

/* When all are taken, who is being left has had its time. */
static struct place *free_place(struct supervisors *all)
{
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->supervisor == NULL) {
            return p;
        }
    }
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->leaving) {
            remove_at(all, p);
            return p;
        }
    }
    return NULL;
}

static struct place *find(struct supervisors *all, const char *url)
{
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->supervisor != NULL && strcasecmp(supervisor_url(p->supervisor), url) == 0) {
            return p;
        }
    }
    return NULL;
}

static int add(struct gateway *g, const struct supervisor_settings *s)
{
    struct place *p = free_place(g->supervisors);
    if (p == NULL) {
        return -1; /* cannot be: there are twice as many as may be in the settings */
    }
    p->supervisor = supervisor_new(g, s);
    return p->supervisor == NULL ? -1 : 0;
}

int supervisors_prepare(struct gateway *g)
{
    g->supervisors = calloc(1, sizeof *g->supervisors);
    if (g->supervisors == NULL) {
        log_error("supervisors.prepare", "error=\"out of memory\"");
        return -1;
    }
    struct supervisors_settings *s = read_settings(&g->settings);
    int result = s == NULL ? -1 : 0;
    for (size_t i = 0; result == 0 && i < s->count; i++) {
        result = add(g, &s->supervisor[i]);
    }
    supervisors_settings_free(&s);
    return result;
}

int supervisors_check(struct gateway *g, const struct gateway_settings *from)
{
    struct supervisors_settings *s = read_settings(from);
    int result = s == NULL ? -1 : 0;
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        struct supervisor *v = supervisor_new(g, &s->supervisor[i]);
        result = v == NULL ? -1 : result;
        supervisor_free(&v);
    }
    supervisors_settings_free(&s);
    return result;
}

int supervisors_start(struct gateway *g)
{
    struct supervisors *all = g->supervisors;
    if (supervisor_http_start(g) == -1) {
        return -1;
    }
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->supervisor != NULL && supervisor_start(p->supervisor) == -1) {
            return -1;
        }
    }
    return 0;
}

static int take(struct gateway *g, const struct supervisor_settings *s)
{
    struct supervisors *all = g->supervisors;
    struct place *p = find(all, s->url);
    if (p != NULL) {
        p->leaving = false;
        return supervisor_configure(p->supervisor, s);
    }
    if (add(g, s) == -1) {
        return -1;
    }
    return supervisor_start(find(all, s->url)->supervisor);
}

/* Takes leave of those that the settings no longer have. */
static void leave_others(struct supervisors *all, const struct supervisors_settings *s)
{
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        bool wanted = p->supervisor == NULL || p->leaving;
        for (size_t i = 0; i < s->count && !wanted; i++) {
            wanted = strcasecmp(supervisor_url(p->supervisor), s->supervisor[i].url) == 0;
        }
        if (!wanted) {
            p->leaving = true;
            supervisor_leave(p->supervisor, true);
        }
    }
}

int supervisors_reload(struct gateway *g)
{
    struct supervisors_settings *s = read_settings(&g->settings);
    int result = 0;
    if (s == NULL || g->supervisors->drained_at_us != 0) {
        supervisors_settings_free(&s);
        return -1;
    }
    leave_others(g->supervisors, s);
    for (size_t i = 0; i < s->count; i++) {
        if (take(g, &s->supervisor[i]) == -1) {
            result = -1;
        }
    }
    supervisors_settings_free(&s);
    return result;
}

static void remove_those_left(struct supervisors *all)
{
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->leaving && supervisor_has_left(p->supervisor)) {
            remove_at(all, p);
        }
    }
}

/* A line of the status each; an empty text takes a line away. */
static void note(size_t number, const char *text)
{
    char key[32];
    snprintf(key, sizeof key, "supervisor.%zu", number);
    daemon_note(key, "%s", text);
}

void supervisors_tick(struct gateway *g)
{
    struct supervisors *all = g->supervisors;
    uint64_t registered = 0, waiting = 0, dropped = 0;
    size_t number = 0;
    remove_those_left(all);
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        struct supervisor_report r;
        if (p->supervisor == NULL) {
            continue;
        }
        supervisor_report(p->supervisor, &r);
        registered += r.registered;
        waiting += r.waiting;
        dropped += r.dropped;
        if (!p->leaving) {
            note(number++, r.text);
        }
    }
    for (size_t i = number; i < all->noted; i++) {
        note(i, "");
    }
    all->noted = number;
    g->counters[COUNT_SUPERVISORS_REGISTERED] = registered;
    g->counters[COUNT_SUPERVISORS_WAITING] = waiting;
    g->counters[COUNT_SUPERVISORS_DROPPED] = all->dropped_before + dropped;
}

void supervisors_drain(struct gateway *g)
{
    struct supervisors *all = g->supervisors;
    all->drained_at_us = daemon_clock_us();
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        if (p->supervisor != NULL && !p->leaving) {
            supervisor_leave(p->supervisor, false);
        }
    }
}

static void give_up(struct supervisors *all)
{
    for (struct place *p = all->places; p < all->places + PLACES && !all->given_up; p++) {
        if (p->supervisor != NULL) {
            supervisor_give_up(p->supervisor, "the gateway was stopped, ask again later");
        }
    }
    all->given_up = true;
}

bool supervisors_drained(const struct gateway *g)
{
    struct supervisors *all = g->supervisors;
    int64_t waited_us = daemon_clock_us() - all->drained_at_us;
    int64_t patience_us = g->settings.answer_timeout_ms * 1000;
    if (waited_us > patience_us) {
        give_up(all);
    }
    bool left = true;
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        left = left && (p->supervisor == NULL || supervisor_has_left(p->supervisor));
    }
    return left || waited_us > patience_us + LEAVE_US;
}

void supervisors_stop(struct gateway *g)
{
    struct supervisors *all = g->supervisors;
    if (all == NULL) {
        return;
    }
    for (struct place *p = all->places; p < all->places + PLACES; p++) {
        supervisor_free(&p->supervisor);
    }
    free(all);
    g->supervisors = NULL;
    supervisor_http_stop(g);
}
