/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on between the flushes and on other connections: when it is looked after. */
#include "common/daemon.h"
#include "common/log.h"
#include "stored/access/people.h"
#include "stored/beside/beside.h"
#include "stored/beside/classes.h"
#include "stored/beside/days.h"
#include "stored/beside/expiry.h"
#include "stored/beside/feed_notify.h"
#include "stored/beside/figures.h"
#include "stored/beside/ledger_fold.h"
#include "stored/beside/rebuild.h"
#include "stored/beside/seal.h"
#include "stored/loop_parts.h"
#include "stored/maintenance.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence.h"

#define MOMENT_US INT64_C(50000) /* how often what is under way is looked after */
#define SOON_US   INT64_C(2000)

void loop_look_in_a_moment(struct loop *self)
{
    deadline_by(&self->moment, daemon_clock_us() + MOMENT_US);
}

void loop_look_now(struct loop *self)
{
    deadline_by(&self->moment, 0);
}

void loop_await_answer(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    if (seal_is_quick(self->store.seal, clock_us) || days_under_way(self->store.days)) {
        deadline_by(&self->soon, clock_us + SOON_US);
    }
}

void loop_look_after_days(struct loop *self, int64_t clock_us)
{
    struct store *s = &self->store;
    if (days_go_on(s->days, clock_us)) {
        inbox_take_up(&self->inbox, s);
    }
    if (days_under_way(s->days) || self->inbox.aside_count == 0 ||
        !loop_database_is_ready(self, clock_us)) {
        return;
    }
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, clock_us) == -1) {
        return;
    }
    inbox_take_up(&self->inbox, s); /* what somebody else has made */
    struct calendar_part wanted[DAYS_AT_ONCE];
    days_make(s->days, wanted, inbox_wanted(&self->inbox, s->days, clock_us, wanted, DAYS_AT_ONCE),
              clock_us);
}

static void keep_and_drop(struct loop *self)
{
    struct store *s = &self->store;
    if (!days_under_way(s->days) && classes_go_on(s, daemon_now_us(), daemon_clock_us()) == -1) {
        log_error("retention.step", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
        loop_back_off(self);
    } else {
        expiry_go_on(s->expiry, daemon_now_us(), daemon_clock_us());
        if (expiry_ended(s->expiry) && classes_remove_unused(s) == -1) {
            log_error("retention.step", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
            loop_back_off(self);
        }
    }
}

/* Who is there, and who is not: what waits in the socket is heard first. Then windows of
 * maintenance that begin or end, and sessions that are over. */
static void tell_the_rest(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    signs_receive(self->signs, clock_us);
    if (signs_go_on(&self->store, daemon_now_us(), clock_us) == -1 ||
        maintenance_go_on(&self->store, daemon_now_us()) == -1 ||
        people_go_on(&self->store, clock_us) == -1) {
        loop_back_off(self);
    }
}

/* Of what is done beside the flushes, on other connections, what there may be thousands of: hours
 * with few records, days. */
static void go_on_beside(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    seal_go_on(self->store.seal, daemon_now_us(), clock_us);
    loop_look_after_days(self, clock_us);
    if (self->inbox.ready_count > 0) {
        loop_work(self); /* they may have waited for a day */
    }
    loop_await_answer(self);
}

void loop_on_soon(void *context)
{
    struct loop *self = context;
    if (self->drain_until_us == 0 && pg_is_open(&self->store.pg)) {
        go_on_beside(self);
    }
}

static void go_on(struct loop *self)
{
    go_on_beside(self);
    if (loop_database_is_ready(self, daemon_clock_us()) &&
        rebuild_go_on(self->store.rebuild, daemon_clock_us()) == -1) {
        loop_back_off(self);
    }
    if (loop_database_is_ready(self, daemon_clock_us())) {
        tell_the_rest(self);
    }
    if (loop_database_is_ready(self, daemon_clock_us()) &&
        silence_go_on(self->store.silence) == -1) {
        log_error("silence.step", "sqlstate=%s error=\"%s\"", self->store.pg.sqlstate,
                  self->store.pg.message);
        if (pg_is_open(&self->store.pg) && self->store.pg.fault != PG_AWAY) {
            count_add(COUNT_DATABASE_ERRORS, 1); /* its own: flushes go on */
        } else {
            loop_back_off(self);
        }
    }
    ledger_fold_go_on(self->store.fold, daemon_clock_us());
    feed_notify_go_on(self->store.notify, daemon_clock_us());
    figures_go_on(self->store.figures, daemon_now_us(), daemon_clock_us());
    if (loop_database_is_ready(self, daemon_clock_us())) {
        keep_and_drop(self);
    }
    /* What failed was no flush, and goes well by now. */
    if (self->away_since_us != 0 && self->inbox.ready_count == 0 &&
        loop_database_is_ready(self, daemon_clock_us())) {
        loop_note_connected(self);
    }
}

static bool is_under_way(const struct loop *self)
{
    const struct store *s = &self->store;
    return beside_any_is_under_way(s) || self->inbox.aside_count > 0 ||
           rebuild_is_under_way(s->rebuild) || silence_is_under_way(s->silence);
}

/* What has ended just now may have a next step. The time that this takes is a part of the moment: a
 * rebuild has half of it. */
void loop_on_moment(void *context)
{
    struct loop *self = context;
    int64_t next_us = daemon_clock_us() + MOMENT_US;
    bool busy = is_under_way(self);
    if (self->drain_until_us != 0) {
        loop_go_on_draining(self);
        busy = true;
    } else if (!pg_is_open(&self->store.pg)) {
        loop_work(self);
        busy = false;
    } else {
        go_on(self);
        loop_tell_arrived(self);
        busy = busy || is_under_way(self) || !pg_is_open(&self->store.pg);
    }
    if (busy) {
        deadline_by(&self->moment, next_us);
    }
}
