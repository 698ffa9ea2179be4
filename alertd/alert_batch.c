/* SPDX-License-Identifier: Apache-2.0 */
/* The list of alerts is gone through: tests, then all in the order in which they fired. */
#include "alertd/alert_batch.h"

#include <string.h>
#include <utlist.h>

#define BYTES     ((size_t)256 * 1024)
#define UNKEPT_US INT64_C(2000000) /* the store is waited for so long */
#define LEAST_US  INT64_C(1000000)
#define MOST_US   INT64_C(60000000)

static bool is_full(const struct alert_batch *b)
{
    return b->count == BATCH_ALERTS || b->bytes > BYTES;
}

static void put(struct alert_batch *b, struct alert *a, uint64_t change)
{
    b->item[b->count].alert = a;
    b->item[b->count++].change = change;
    b->bytes += strlen(a->labels) + strlen(a->annotations);
}

/* ---- again and again ---- */

static bool wants(struct alert *a, unsigned receiver, const struct batch_time *at)
{
    struct alert_receipt *r = &a->receipt[receiver];
    if (a->newer != NULL) {
        r->change = a->change; /* by its labels it fires, or was told later that it is over */
        return false;
    }
    if (!a->is_own && a->kept != a->change && at->clock_us - a->changed_clock_us < UNKEPT_US) {
        return false;
    }
    bool live = a->resolved_us == 0 || at->now_us - a->resolved_us < ALERT_SETTLE_US;
    return alert_known(a, receiver) != ALERT_ALL ||
           (live && (r->sent_clock_us == 0 || at->clock_us - r->sent_clock_us >= at->resend_us));
}

void alert_batch_again(struct alert_batch *b, struct alerts *t, unsigned receiver,
                       const struct batch_time *at)
{
    struct alert *a;
    *b = (struct alert_batch){0};
    DL_FOREACH2(t->all, a, next)
    {
        if (is_full(b)) {
            break;
        }
        if (wants(a, receiver, at)) {
            put(b, a, a->change);
        }
    }
}

/* ---- once ---- */

static bool waits(const struct alert *a, unsigned receiver)
{
    for (const struct alert *older = a->older; older != NULL; older = older->older) {
        if (alert_known(older, receiver) != ALERT_ALL) {
            return true;
        }
    }
    return false;
}

static bool is_alone(const struct alert *a, unsigned receiver)
{
    return a->is_test || a->receipt[receiver].alone;
}

/* Whether it is of the route, and of the kind of news, that the batch has. */
static bool fits(const struct alert_batch *b, const struct alert *a, unsigned receiver)
{
    const struct alert *first = b->item[0].alert;
    return b->count == 0 || (b->fires == (alert_known(a, receiver) == ALERT_NOTHING) &&
                             strcmp(first->route, a->route) == 0 && !is_alone(first, receiver) &&
                             !is_alone(a, receiver));
}

/* Whether it was told that it fires, maybe by an alertd before, whose routes were others. */
static bool was_told(const struct alert *a, unsigned receiver)
{
    return a->receipt[receiver].change != 0 && a->receipt[receiver].answer[0] != '\0';
}

/* A test of no route is for everybody. Who was told that it fires is told its end. */
static bool is_not_for(const struct target *to, const struct alert *a, unsigned receiver)
{
    return a->is_test ? a->route[0] != '\0' && !target_takes(to, a->route)
                      : a->is_own || (!target_takes(to, a->route) && !was_told(a, receiver));
}

static bool is_news(const struct alert *a, unsigned receiver)
{
    return alert_known(a, receiver) != ALERT_ALL && (a->is_own || a->kept == a->change);
}

static void put_news(struct alert_batch *b, struct alert *a, unsigned receiver)
{
    b->fires = alert_known(a, receiver) == ALERT_NOTHING;
    put(b, a, b->fires ? a->fired_change : a->change);
}

/* What was not refused by itself. */
static void put_unrefused(struct alert_batch *b, struct alerts *t, unsigned receiver,
                          const struct target *to)
{
    struct alert *a;
    DL_FOREACH2(t->all, a, next)
    {
        if (is_full(b)) {
            break;
        }
        if (is_not_for(to, a, receiver)) {
            a->receipt[receiver].change = a->change;
        }
        if (is_news(a, receiver) && a->receipt[receiver].wait_us == 0 && fits(b, a, receiver) &&
            !waits(a, receiver)) {
            put_news(b, a, receiver);
        }
    }
}

/* Of what was refused by itself and is due again that which is so for longest. */
static void put_refused(struct alert_batch *b, struct alerts *t, unsigned receiver,
                        int64_t clock_us)
{
    struct alert *a, *due = NULL;
    DL_FOREACH2(t->all, a, next)
    {
        const struct alert_receipt *r = &a->receipt[receiver];
        if (r->wait_us != 0 && r->again_clock_us <= clock_us && is_news(a, receiver) &&
            !waits(a, receiver) &&
            (due == NULL || r->again_clock_us < due->receipt[receiver].again_clock_us)) {
            due = a;
        }
    }
    if (due != NULL) {
        put_news(b, due, receiver);
    }
}

void alert_batch_once(struct alert_batch *b, struct alerts *t, unsigned receiver,
                      const struct target *to, int64_t clock_us)
{
    *b = (struct alert_batch){0};
    put_unrefused(b, t, receiver, to);
    if (b->count == 0) {
        put_refused(b, t, receiver, clock_us);
    }
}

bool alert_batch_refused(const struct alert_batch *b, unsigned receiver, int64_t clock_us)
{
    bool alone = b->count == 1;
    for (unsigned i = 0; i < b->count; i++) {
        struct alert_receipt *r = &b->item[i].alert->receipt[receiver];
        r->alone = true;
        r->wait_us = alone ? alert_batch_wait_us(r->wait_us) : 0;
        r->again_clock_us = clock_us + r->wait_us;
    }
    return alone;
}

int64_t alert_batch_wait_us(int64_t before_us)
{
    return before_us == 0 ? LEAST_US : before_us < MOST_US / 2 ? 2 * before_us : MOST_US;
}
