/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of the flushes: made, lost, tried again; what is read when it is there. What its
 * state is, is said in the note `database`.
 */
#include "common/daemon.h"
#include "common/log.h"
#include "stored/access/access_doors.h"
#include "stored/beside/beside.h"
#include "stored/beside/classes.h"
#include "stored/beside/rebuild.h"
#include "stored/db/migrate.h"
#include "stored/default_grading.h"
#include "stored/loop_parts.h"
#include "stored/maintenance.h"
#include "stored/silence/intervals.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS  5000

void loop_note_away(const struct loop *self)
{
    daemon_trouble("database", true, "away for %lld s: %.170s",
                   (long long)((daemon_now_us() - self->away_since_us) / 1000000),
                   self->store.pg.message);
}

bool loop_silent(struct loop *self, int64_t silence_us)
{
    bool tells = self->away_since_us == 0 && !self->loading;
    self->waiting = true;
    if (tells) {
        daemon_trouble("database", true, "silent for %lld s", (long long)(silence_us / 1000000));
    }
    daemon_tick();
    self->waiting = false;
    if (tells) {
        daemon_note("database", "connected");
    }
    return !(self->loading && daemon_is_asked_to_end());
}

void loop_note_connected(struct loop *self)
{
    self->backoff_ms = 0;
    self->away_since_us = 0;
    daemon_note("database", "connected");
}

void loop_back_off(struct loop *self)
{
    static struct log_limit said;
    count_add(COUNT_DATABASE_ERRORS, 1);
    self->backoff_ms = self->backoff_ms == 0 ? BACKOFF_FIRST_MS : self->backoff_ms * 2;
    if (self->backoff_ms > BACKOFF_MOST_MS) {
        self->backoff_ms = BACKOFF_MOST_MS;
    }
    self->database_at_us = daemon_clock_us() + self->backoff_ms * 1000;
    deadline_by(&self->work, self->database_at_us);
    self->away_since_us = self->away_since_us == 0 ? daemon_now_us() : self->away_since_us;
    loop_note_away(self);
    if (log_allowed(&said, 3)) {
        log_warn("database.away", "again_ms=%lld error=\"%s\"", (long long)self->backoff_ms,
                 self->store.pg.message);
    }
}

bool loop_database_is_ready(const struct loop *self, int64_t clock_us)
{
    return pg_is_open(&self->store.pg) && clock_us >= self->database_at_us;
}

/* What the store holds, read afresh. 0; 1 later perhaps; -1 somebody has to do something. */
static int load_store(struct loop *self)
{
    struct store *s = &self->store;
    int rc = migrate(&s->pg, &s->params, s->schemas_dir);
    if (rc != 0) {
        return rc;
    }
    access_table_release(&s->access);
    series_clear(&s->series);
    interned_clear(&s->schemas);
    interned_clear(&s->hops);
    arrival_connected(&s->arrival);
    signs_connected();
    maintenance_connected(s);
    ledger_forget(&s->ledger);
    s->ledger.entries = 1; /* there may be some from before */
    s->rejected_new = s->settings->rejected_rows;
    int changed = flush_connected(s) == -1 ? -1 : gaps_settle(s);
    if (changed == 1) {
        rebuild_gaps_changed(s->rebuild);
    }
    if (changed == -1 || intervals_settle(s) == -1 ||
        gradings_load(&s->gradings, &s->pg, &s->params) == -1 ||
        access_table_load(&s->access, &s->pg) == -1 ||
        calendar_load(&s->calendar, &s->pg, daemon_clock_us()) == -1 ||
        classes_load(s, daemon_clock_us()) == -1 ||
        classes_go_on(s, daemon_now_us(), daemon_clock_us()) == -1 || rebuild_again(s) == -1 ||
        silence_connected(s->silence) == -1) {
        return 1;
    }
    rebuild_look(s->rebuild);
    return default_grading_publish(s);
}

void loop_connect(struct loop *self)
{
    struct store *s = &self->store;
    if (daemon_clock_us() < self->database_at_us) {
        return;
    }
    beside_close_all(s);
    if (pg_open(&s->pg, &sql_statements, s->settings->database, "ezrepo-stored") == -1) {
        loop_back_off(self);
        return;
    }
    self->loading = true;
    if (self->away_since_us != 0) {
        daemon_trouble("database", daemon_is_settled(), "there again, and being read");
    }
    int rc = load_store(self);
    self->loading = false;
    if (rc != 0) {
        pg_close(&s->pg);
    }
    if (rc == -1) { /* it was logged why */
        daemon_trouble("database", true, "cannot be used as it is: the log says why");
        daemon_finished(1);
        return;
    }
    if (rc == 1) {
        loop_back_off(self);
        return;
    }
    order_forget(self->inbox.order); /* it may have been put back */
    count_add(COUNT_DATABASE_CONNECTS, 1);
    loop_note_connected(self);
    loop_look_now(self);
    log_info("database.connected", "grading=%u hours=%u", s->gradings.version,
             s->calendar.hour_count);
    announce_grading(self->announce, &s->gradings);
    access_doors_tick(s->access_doors);
}
