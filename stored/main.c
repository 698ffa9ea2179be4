/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored: the only process that writes to PostgreSQL. Here is when things happen; what happens is
 * in the other files. It answers no queries.
 */
#include <stdlib.h>

#include "common/daemon.h"
#include "common/deadline.h"
#include "common/log.h"
#include "common/pg/conninfo.h"
#include "common/told.h"
#include "stored/access/access_doors.h"
#include "stored/announce.h"
#include "stored/beside/classes.h"
#include "stored/beside/days.h"
#include "stored/beside/expiry.h"
#include "stored/beside/feed_notify.h"
#include "stored/beside/ledger_fold.h"
#include "stored/beside/rebuild.h"
#include "stored/beside/seal.h"
#include "stored/db/migrate.h"
#include "stored/default_grading.h"
#include "stored/flush/flush.h"
#include "stored/inbox.h"
#include "stored/maintenance.h"
#include "stored/publish.h"
#include "stored/silence/intervals.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence.h"

#define BACKOFF_FIRST_MS    100
#define BACKOFF_MOST_MS     5000
#define DRAIN_QUIET_US      INT64_C(250000) /* nothing arrived for as long: nothing is on its way */
#define MOMENT_US           INT64_C(50000)  /* how often what is under way is looked after */
#define SOON_US             INT64_C(2000)
#define COPIES_TOLD_US      INT64_C(1000000)
#define ANNOUNCE_HIGH_WATER 1000
#define SIGNS_HIGH_WATER    1000
#define LINGER_MS           1000 /* acknowledgements and answers on their way when it ends */

uint64_t store_counters[STORE_COUNTER_COUNT];

static const struct counter_row counter_rows[] = {STORE_COUNTERS(COUNTER_ROW, GAUGE_ROW)};

static struct store_settings settings;

#define OPTION(name, preset, min, max, reloadable, help)                                           \
    {                                                                                              \
#name, CONFIG_INTEGER, offsetof(struct store_settings, name), preset, min, max,            \
            reloadable, help                                                                       \
    }

static const struct config_option options[] = {
    {"database", CONFIG_STRING, offsetof(struct store_settings, database), NULL, 0, 0, false,
     "libpq connection string of the database to write to"},
    {"grading_default", CONFIG_STRING, offsetof(struct store_settings, grading_default), "\"\"", 0,
     0, false,
     "grading document that becomes version 1 of an empty store; empty: the one in schemas_dir"},
    OPTION(flush_records, "16384", 1, 65536, true, "records of a transaction under load"),
    OPTION(flush_ms, "20", 1, 10000, true,
           "milliseconds from the begin of a transaction to that of the next, unless it is full"),
    OPTION(reorder_wait_ms, "250", 0, 60000, false,
           "milliseconds a missing batch is waited for before the ones after it are written"),
    OPTION(rejected_rows, "100000", 0, 100000000, true, "rows kept of what could not be accepted"),
    OPTION(ledger_senders, "20000", 0, 10000000, true,
           "senders of an hour with a row of their own in the ledger"),
    OPTION(ledger_days, "400", 0, 36500, true, "days the ledger goes back; 0: for ever"),
    OPTION(feed_days, "30", 0, 36500, true, "days the feed of changes goes back; 0: for ever"),
    {"notify", CONFIG_BOOLEAN, offsetof(struct store_settings, notify), "false", 0, 0, true,
     "whether who listens to ezrepo_feed by SQL is notified of what is new in the feed of changes"},
    {"retention", CONFIG_OBJECT, offsetof(struct store_settings, retention), "{}", 0, 0, true,
     "days records are kept, by record type, \"*\" all others; 0 or not named: for ever"},
    OPTION(max_series, "1000000", 1, 100000000, false, "series kept in memory"),
    OPTION(max_schemas, "10000", 1, 1000000, false,
           "schemas kept in memory, and as many lists of hops"),
    OPTION(seal_after_s, "600", 1, 86400, true,
           "seconds after its end an hour is counted into the roll-up"),
    OPTION(buffer_bytes, "33554432", 65536, 4294967296, false,
           "bytes of batches held while the database is slow or away"),
    OPTION(high_water, "64", 1, 100000, false, "batches in ZeroMQ's queue per classifyd"),
    OPTION(drain_ms, "5000", 0, 600000, true,
           "milliseconds after SIGTERM to go on with what still arrives"),
    OPTION(silence_s, "30", 1, 86400, true,
           "seconds PostgreSQL may say nothing to a statement before the connection is given up"),
    CONFIG_END};

static struct {
    zloop_t *loop;
    zsock_t *graded, *announce, *store_socket, *signs;
    struct store store;
    struct flush *flush;
    struct inbox inbox;
    struct acks acks;
    bool paused;            /* nothing is read from `graded` */
    struct deadline work;   /* for what work() does */
    struct deadline moment; /* for what is done beside it, and while draining */
    struct deadline soon;   /* for what of that is answered soon */
    int64_t database_at_us; /* not before this is the database tried (again) */
    int64_t backoff_ms;
    int64_t tell_copies_at_us;
    int64_t flush_at_us;   /* when the next transaction may begin although it is not full */
    int64_t away_since_us; /* of day; 0: it is there */
    int64_t received_at_us, drain_until_us;
    bool waiting; /* in the midst of a statement */
    bool loading; /* not ready yet: perhaps in the midst of an upgrade, which has a note of its own
                   */
} self;

static void work(void);

/* ---- timing ---- */

/* What is done beside the flushes is looked after within a moment. While nothing is under way, and
 * nothing comes, that is so once a second (tick). */
static void look_in_a_moment(void)
{
    deadline_by(&self.moment, daemon_clock_us() + MOMENT_US);
}

static void look_now(void)
{
    deadline_by(&self.moment, 0);
}

/* An answer that is to come soon is not left to the next moment. */
static void await_answer(void)
{
    int64_t clock_us = daemon_clock_us();
    if (seal_is_quick(self.store.seal, clock_us) || days_under_way(self.store.days)) {
        deadline_by(&self.soon, clock_us + SOON_US);
    }
}

static void on_work(void *context)
{
    (void)context;
    work();
    look_in_a_moment();
}

/* ---- the database ---- */

static void note_away(void)
{
    daemon_note("database", "away for %lld s: %.170s",
                (long long)((daemon_now_us() - self.away_since_us) / 1000000),
                self.store.pg.message);
}

/* Meanwhile the status is written, and the version announced. An upgrade is broken off by a
 * SIGTERM. */
static bool on_silence(int64_t silence_us)
{
    bool tells = self.away_since_us == 0 && !self.loading;
    self.waiting = true;
    if (tells) {
        daemon_note("database", "silent for %lld s", (long long)(silence_us / 1000000));
    }
    daemon_tick();
    self.waiting = false;
    if (tells) {
        daemon_note("database", "connected");
    }
    return !(self.loading && daemon_is_asked_to_end());
}

static void note_connected(void)
{
    self.backoff_ms = 0;
    self.away_since_us = 0;
    daemon_note("database", "connected");
}

/* A step with the database failed: when it may be tried again. */
static void back_off(void)
{
    static struct log_limit said;
    count_add(COUNT_DATABASE_ERRORS, 1);
    self.backoff_ms = self.backoff_ms == 0 ? BACKOFF_FIRST_MS : self.backoff_ms * 2;
    if (self.backoff_ms > BACKOFF_MOST_MS) {
        self.backoff_ms = BACKOFF_MOST_MS;
    }
    self.database_at_us = daemon_clock_us() + self.backoff_ms * 1000;
    deadline_by(&self.work, self.database_at_us);
    self.away_since_us = self.away_since_us == 0 ? daemon_now_us() : self.away_since_us;
    note_away();
    if (log_allowed(&said, 3)) {
        log_warn("database.away", "again_ms=%lld error=\"%s\"", (long long)self.backoff_ms,
                 self.store.pg.message);
    }
}

/* What the store holds, read afresh. 0; 1 later perhaps; -1 somebody has to do something. */
static int load_store(void)
{
    struct store *s = &self.store;
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
    s->rejected_new = settings.rejected_rows;
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

static void connect_database(void)
{
    struct store *s = &self.store;
    if (daemon_clock_us() < self.database_at_us) {
        return;
    }
    seal_close(s->seal);
    expiry_close(s->expiry);
    days_close(s->days);
    ledger_fold_close(s->fold);
    feed_notify_close(s->notify);
    if (pg_open(&s->pg, &sql_statements, settings.database, "ezrepo-stored") == -1) {
        back_off();
        return;
    }
    self.loading = true;
    if (self.away_since_us != 0) {
        daemon_note("database", "there again, and being read");
    }
    int rc = load_store();
    self.loading = false;
    if (rc != 0) {
        pg_close(&s->pg);
    }
    if (rc == -1) { /* it was logged why */
        daemon_note("database", "cannot be used as it is: the log says why");
        daemon_finished(1);
        return;
    }
    if (rc == 1) {
        back_off();
        return;
    }
    order_forget(self.inbox.order); /* it may have been put back */
    count_add(COUNT_DATABASE_CONNECTS, 1);
    note_connected();
    look_now();
    log_info("database.connected", "grading=%u hours=%u", s->gradings.version,
             s->calendar.hour_count);
    announce_grading(self.announce, &s->gradings);
    access_doors_tick(s->access_doors);
}

/* ---- batches ---- */

static int on_graded(zloop_t *loop, zsock_t *reader, void *context);

/* Reads only while there is room, so that nothing spins and ZeroMQ pushes back. */
static void pause_or_resume(void)
{
    bool full = inbox_is_full(&self.inbox);
    if (full && !self.paused) {
        zloop_reader_end(self.loop, self.graded);
        self.paused = true;
    } else if (!full && self.paused && zloop_reader(self.loop, self.graded, on_graded, NULL) == 0) {
        self.paused = false;
    }
}

static bool database_is_ready(int64_t clock_us)
{
    return pg_is_open(&self.store.pg) && clock_us >= self.database_at_us;
}

/* Enough for a flush, or, while there is no database to write it to, all there is room for. */
static void receive_batches(void)
{
    int64_t clock_us = daemon_clock_us();
    bool ready = database_is_ready(clock_us);
    while (!inbox_is_full(&self.inbox) &&
           !(ready && self.inbox.ready_records >= (uint64_t)settings.flush_records) &&
           inbox_receive(&self.inbox, self.graded, &self.acks, clock_us)) {
        self.received_at_us = clock_us;
        inbox_sort(&self.inbox, clock_us, false);
    }
    count_add(COUNT_ACKNOWLEDGED_BATCHES, acks_send(&self.acks, self.announce));
}

static int on_graded(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)reader, (void)context;
    receive_batches();
    work();
    look_in_a_moment();
    return 0;
}

/*
 * The next transaction begins flush_ms after this one; when this one took longer than that, almost
 * at once: while it was written the queues were full and whoever sends waited, so a quarter of the
 * time is left to them, at most flush_ms, or transactions would stay as small as the queues are.
 */
static void set_next_flush(int64_t began_us, int64_t ended_us)
{
    int64_t flush_us = settings.flush_ms * 1000, quarter_us = (ended_us - began_us) / 4;
    int64_t gathered_us = ended_us + (quarter_us < flush_us ? quarter_us : flush_us);
    int64_t earliest_us = began_us + flush_us;
    self.flush_at_us = gathered_us > earliest_us ? gathered_us : earliest_us;
}

/* As long as both are heard of, but not with each transaction. */
static void tell_copies(int64_t clock_us)
{
    if (self.flush->copy_count == 0 || clock_us < self.tell_copies_at_us) {
        return;
    }
    self.tell_copies_at_us = clock_us + COPIES_TOLD_US;
    for (uint32_t i = 0; i < self.flush->copy_count; i++) {
        announce_copy(self.announce, &self.flush->copies[i]);
    }
    log_warn("spool.copied",
             "copies=%u reason=\"two ingestds work with copies of one spool\" "
             "effect=\"the one started last takes no more\"",
             self.flush->copy_count);
}

/*
 * Batches wait for partitions while these are made, as many as there can be with the others in the
 * database. Those that wait no more are ready.
 */
static void look_after_days(int64_t clock_us)
{
    struct store *s = &self.store;
    if (days_go_on(s->days, clock_us)) {
        inbox_take_up(&self.inbox, s);
    }
    if (days_under_way(s->days) || self.inbox.aside_count == 0 || !database_is_ready(clock_us)) {
        return;
    }
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, clock_us) == -1) {
        return;
    }
    inbox_take_up(&self.inbox, s); /* what somebody else has made */
    struct calendar_part wanted[DAYS_AT_ONCE];
    days_make(s->days, wanted, inbox_wanted(&self.inbox, s->days, clock_us, wanted, DAYS_AT_ONCE),
              clock_us);
}

/* One transaction. False when the database did not take it. */
static bool flush_portion(void)
{
    int64_t began_us = daemon_clock_us();
    uint32_t count = inbox_portion(&self.inbox, (uint64_t)settings.flush_records);
    uint64_t records = 0;
    int64_t oldest_us = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct batch_header_message *h = &self.inbox.ready[i]->header;
        records += h->count;
        oldest_us = h->received_us < oldest_us ? h->received_us : oldest_us;
    }
    int64_t written = flush_write(self.flush, self.inbox.ready, count, began_us);
    int64_t ended_us = daemon_clock_us();
    inbox_wrote(&self.inbox, ended_us - began_us);
    set_next_flush(began_us, ended_us);
    if (written == 0) {
        inbox_put_aside(&self.inbox, self.flush->needs, self.flush->need_count);
        self.flush_at_us = 0; /* the others do not wait */
        look_after_days(began_us);
        await_answer();
        return true;
    }
    if (written == -1) {
        log_error("flush.failed", "part=%s sqlstate=%s error=\"%s\"", self.flush->part,
                  self.store.pg.sqlstate, self.store.pg.message);
        back_off();
        return false;
    }
    inbox_committed(&self.inbox, (uint32_t)written, &self.acks);
    count_add(COUNT_ACKNOWLEDGED_BATCHES, acks_send(&self.acks, self.announce));
    tell_copies(began_us);
    count_add(COUNT_FLUSHES, 1);
    int64_t lag_us = daemon_now_us() - oldest_us;
    count_set(COUNT_LAG_MS, lag_us < 0 ? 0 : (uint64_t)lag_us / 1000);
    count_set(COUNT_FLUSH_MS, (uint64_t)(daemon_clock_us() - began_us) / 1000);
    count_set(COUNT_FLUSH_RECORDS, records);
    if (self.away_since_us != 0) {
        note_connected();
    }
    return true;
}

static bool flush_is_due(int64_t clock_us)
{
    const struct inbox *in = &self.inbox;
    return in->ready_count > 0 && (in->ready_records >= (uint64_t)settings.flush_records ||
                                   self.drain_until_us != 0 || clock_us >= self.flush_at_us);
}

/* Who holds questions, and who listens by SQL. */
static void tell_arrived(void)
{
    if (announce_arrived(self.announce, &self.store.arrival) && settings.notify) {
        feed_notify_due(self.store.notify);
        look_now();
    }
}

/* Everything that can be done now is done; then the timer is set for what comes later. */
static void work(void)
{
    int64_t clock_us = daemon_clock_us();
    if (!pg_is_open(&self.store.pg)) {
        connect_database();
        clock_us = daemon_clock_us();
    }
    inbox_sort(&self.inbox, clock_us, false);
    if (database_is_ready(clock_us)) {
        inbox_return(&self.inbox, &self.store.gradings);
    }
    if (database_is_ready(clock_us) && flush_is_due(clock_us) && flush_portion()) {
        clock_us = daemon_clock_us();
        inbox_sort(&self.inbox, clock_us, false);
    }
    pause_or_resume();
    int64_t at_us =
        flush_is_due(clock_us) ? clock_us : inbox_deadline(&self.inbox, self.flush_at_us);
    if (!database_is_ready(clock_us)) {
        at_us = self.database_at_us;
    }
    if (at_us != INT64_MAX) {
        deadline_by(&self.work, at_us);
    }
    tell_arrived();
}

/* ---- the other sockets ---- */

static int on_announce(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    if (announce_subscriptions(reader)) {
        announce_grading(self.announce, &self.store.gradings);
    }
    return 0;
}

static int on_store(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    if (publish_requests(&self.store, reader)) {
        announce_grading(self.announce, &self.store.gradings);
        tell_arrived();
    }
    look_now(); /* a rebuild begins, or ends */
    return 0;
}

static int on_signs(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    signs_receive(reader, daemon_clock_us());
    return 0;
}

/* Who is there, and who is not: what waits in the socket is heard first. Then windows of
 * maintenance that begin or end. */
static void tell_the_rest(void)
{
    int64_t clock_us = daemon_clock_us();
    signs_receive(self.signs, clock_us);
    if (signs_go_on(&self.store, daemon_now_us(), clock_us) == -1 ||
        maintenance_go_on(&self.store, daemon_now_us()) == -1) {
        back_off();
    }
}

/* ---- draining ---- */

static void go_on_draining(void)
{
    int64_t clock_us = daemon_clock_us();
    bool late = clock_us >= self.drain_until_us;
    bool quiet = clock_us - self.received_at_us >= DRAIN_QUIET_US;
    receive_batches();
    if (quiet || late) {
        inbox_sort(&self.inbox, clock_us, true);
    }
    look_after_days(clock_us);
    work();
    uint32_t unwritten =
        self.inbox.ready_count + self.inbox.aside_count + order_waiting(self.inbox.order);
    if (late || (quiet && unwritten == 0)) {
        if (unwritten > 0) {
            log_warn("drain.unfinished", "batches=%u effect=\"not acknowledged, so pushed again\"",
                     unwritten);
        }
        seal_close(self.store.seal);
        expiry_close(self.store.expiry);
        days_close(self.store.days);
        if (pg_is_open(&self.store.pg) && flush_checkpoint(&self.store) == -1) {
            log_warn("drain.checkpoint", "error=\"%s\"", self.store.pg.message);
        }
        daemon_finished(0);
    }
}

static void drain(void)
{
    int64_t clock_us = daemon_clock_us();
    rebuild_end(self.store.rebuild, "stored is stopping");
    self.drain_until_us = clock_us + settings.drain_ms * 1000;
    self.received_at_us = clock_us;
    look_now();
}

static void keep_and_drop(void)
{
    struct store *s = &self.store;
    if (!days_under_way(s->days) && classes_go_on(s, daemon_now_us(), daemon_clock_us()) == -1) {
        log_error("retention.step", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
        back_off();
    } else {
        expiry_go_on(s->expiry, daemon_now_us(), daemon_clock_us());
        if (expiry_ended(s->expiry) && classes_remove_unused(s) == -1) {
            log_error("retention.step", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
            back_off();
        }
    }
}

/* Of what is done beside the flushes, on other connections, what there may be thousands of: hours
 * with few records, days. */
static void go_on_beside(void)
{
    int64_t clock_us = daemon_clock_us();
    seal_go_on(self.store.seal, daemon_now_us(), clock_us);
    look_after_days(clock_us);
    if (self.inbox.ready_count > 0) {
        work(); /* they may have waited for a day */
    }
    await_answer();
}

static void on_soon(void *context)
{
    (void)context;
    if (self.drain_until_us == 0 && pg_is_open(&self.store.pg)) {
        go_on_beside();
    }
}

static void go_on(void)
{
    go_on_beside();
    if (database_is_ready(daemon_clock_us()) &&
        rebuild_go_on(self.store.rebuild, daemon_clock_us()) == -1) {
        back_off();
    }
    if (database_is_ready(daemon_clock_us())) {
        tell_the_rest();
    }
    if (database_is_ready(daemon_clock_us()) && silence_go_on(self.store.silence) == -1) {
        log_error("silence.step", "sqlstate=%s error=\"%s\"", self.store.pg.sqlstate,
                  self.store.pg.message);
        if (pg_is_open(&self.store.pg) && self.store.pg.fault != PG_AWAY) {
            count_add(COUNT_DATABASE_ERRORS, 1); /* its own: flushes go on */
        } else {
            back_off();
        }
    }
    ledger_fold_go_on(self.store.fold, daemon_clock_us());
    feed_notify_go_on(self.store.notify, daemon_clock_us());
    if (database_is_ready(daemon_clock_us())) {
        keep_and_drop();
    }
    /* What failed was no flush, and goes well by now. */
    if (self.away_since_us != 0 && self.inbox.ready_count == 0 &&
        database_is_ready(daemon_clock_us())) {
        note_connected();
    }
}

static bool is_under_way(void)
{
    const struct store *s = &self.store;
    return seal_is_under_way(s->seal) || days_under_way(s->days) || self.inbox.aside_count > 0 ||
           rebuild_is_under_way(s->rebuild) || ledger_fold_is_under_way(s->fold) ||
           feed_notify_is_under_way(s->notify) || expiry_is_under_way(s->expiry) ||
           silence_is_under_way(s->silence);
}

/* What has ended just now may have a next step. The time that this takes is a part of the moment: a
 * rebuild has half of it. */
static void on_moment(void *context)
{
    (void)context;
    int64_t next_us = daemon_clock_us() + MOMENT_US;
    bool busy = is_under_way();
    if (self.drain_until_us != 0) {
        go_on_draining();
        busy = true;
    } else if (!pg_is_open(&self.store.pg)) {
        work();
        busy = false;
    } else {
        go_on();
        tell_arrived();
        busy = busy || is_under_way() || !pg_is_open(&self.store.pg);
    }
    if (busy) {
        deadline_by(&self.moment, next_us);
    }
}

/* ---- record types ---- */

static struct record_types *read_types(const struct config_common *common)
{
    return record_types_of(common->schemas_dir, common->record_types_dir, common->formats_dir);
}

/* What follows from others. 0, or -1: the database; all of it is looked at again at the next
 * connect.
 */
static int apply_types(void)
{
    struct store *s = &self.store;
    int changed = gaps_settle(s);
    if (changed == 1) {
        rebuild_gaps_changed(s->rebuild);
    }
    int intervals = changed == -1 ? -1 : intervals_settle(s);
    if (intervals == 1) {
        silence_doubt_all(s->silence);
    }
    if (intervals == -1 || default_grading_publish(s) != 0) {
        log_error("record_types.taken", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
        pg_close(&s->pg);
        back_off();
        return -1;
    }
    announce_grading(self.announce, &s->gradings);
    return 0;
}

/* Read again, at a reload. -1: the old ones stay. */
static int take_types(void)
{
    struct store *s = &self.store;
    struct record_types *types = read_types(daemon_common());
    if (types == NULL) {
        return -1;
    }
    record_types_free(&s->types);
    s->types = types;
    if (pg_is_open(&s->pg) && apply_types() == -1) {
        told_add("record types: read; what follows from them is done when the database is there");
    }
    return 0;
}

/* ---- the skeleton's callbacks ---- */

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct store_settings *s = given;
    struct record_types *types = read_types(common);
    int rc = types == NULL ? -1 : 0; /* it said why */
    record_types_free(&types);
    conninfo_check(d, "stored.database", s->database);
    struct retention_rules rules;
    retention_rules_read(d, s->retention, &rules);
    if (s->grading_default[0] != '\0') {
        default_grading_check(d, s->grading_default);
    }
    return rc;
}

static int open_sockets(zloop_t *loop)
{
    self.graded = bus_bind(ZMQ_PULL, ENDPOINT_GRADED, (int)settings.high_water);
    self.announce = bus_bind(ZMQ_XPUB, ENDPOINT_ANNOUNCE, ANNOUNCE_HIGH_WATER);
    self.store_socket = bus_bind(ZMQ_ROUTER, ENDPOINT_STORE, (int)settings.high_water);
    self.signs = bus_bind(ZMQ_PULL, ENDPOINT_SIGNS, SIGNS_HIGH_WATER);
    self.store.access_doors = access_doors_new(&self.store, loop);
    if (self.graded == NULL || self.announce == NULL || self.store_socket == NULL ||
        self.signs == NULL || self.store.access_doors == NULL) {
        return -1;
    }
    zsock_set_xpub_verbose(self.announce, 1);
    zsock_set_linger(self.announce, LINGER_MS);
    zsock_set_linger(self.store_socket, LINGER_MS);
    if (zloop_reader(loop, self.graded, on_graded, NULL) == -1 ||
        zloop_reader(loop, self.announce, on_announce, NULL) == -1 ||
        zloop_reader(loop, self.signs, on_signs, NULL) == -1 ||
        zloop_reader(loop, self.store_socket, on_store, NULL) == -1) {
        log_error("stored.loop", "error=\"memory is out\"");
        return -1;
    }
    return 0;
}

static int start(zloop_t *loop)
{
    struct store *s = &self.store;
    self.loop = loop;
    deadline_init(&self.work, loop, on_work, NULL);
    deadline_init(&self.moment, loop, on_moment, NULL);
    deadline_init(&self.soon, loop, on_soon, NULL);
    s->settings = &settings;
    s->schemas_dir = daemon_common()->schemas_dir;
    s->series.max = (uint32_t)settings.max_series;
    s->schemas =
        (struct interned_cache){.kind = &interned_schemas, .max = (uint32_t)settings.max_schemas};
    s->hops =
        (struct interned_cache){.kind = &interned_hops, .max = (uint32_t)settings.max_schemas};
    s->identity = identity_new();
    s->types = read_types(daemon_common());
    s->distances = distances_new();
    self.flush = flush_new(s);
    s->seal = seal_new(s);
    s->rebuild = rebuild_new(s);
    s->fold = ledger_fold_new(s);
    s->notify = feed_notify_new(s);
    s->expiry = expiry_new(s);
    s->days = days_new(s);
    s->silence = silence_new(s);
    if (s->types == NULL || self.flush == NULL || s->identity == NULL || s->seal == NULL ||
        s->fold == NULL || s->notify == NULL || s->expiry == NULL || s->days == NULL ||
        s->silence == NULL || s->distances == NULL ||
        retention_rules_read(&(struct document){0}, settings.retention, &s->rules) == -1 ||
        s->rebuild == NULL || inbox_init(&self.inbox, &settings) == -1) {
        return -1;
    }
    pg_be_patient(settings.silence_s * 1000000, on_silence);
    daemon_note("database", "not tried yet");
    if (open_sockets(loop) == -1) {
        return -1;
    }
    deadline_by(&self.work, 0);
    return 0;
}

/* Retention: types that are new get a class; and the record types. */
static int reload(void)
{
    struct store *s = &self.store;
    int rc = take_types();
    pg_be_patient(settings.silence_s * 1000000, on_silence);
    if (retention_rules_read(&(struct document){0}, settings.retention, &s->rules) == -1) {
        return -1;
    }
    if (pg_is_open(&s->pg) && s->retention.count > 0 && classes_load(s, daemon_clock_us()) == -1) {
        back_off();
    }
    return rc;
}

static void tick(void)
{
    /* Also noticed while nothing is written. */
    if (!self.waiting && pg_is_open(&self.store.pg) && pg_check(&self.store.pg) == -1) {
        back_off();
    }
    if (!self.waiting) {
        look_now();
    }
    announce_version(self.announce, &self.store.gradings);
    if (self.store.access_doors != NULL) {
        access_doors_tick(self.store.access_doors);
    }
    if (self.inbox.order != NULL) {
        count_set(COUNT_REORDER_WAITING, order_waiting(self.inbox.order));
        count_set(COUNT_REORDER_SKIPPED, order_skipped(self.inbox.order));
    }
    signs_tell(daemon_clock_us());
    count_set(COUNT_BUFFERED_BYTES, self.inbox.bytes);
    count_set(COUNT_DAYS_WAITING, self.inbox.aside_count);
    count_set(COUNT_SERIES, series_count(&self.store.series));
    count_set(COUNT_GRADING_VERSION, self.store.gradings.version);
    count_set(COUNT_ACCESS_VERSION, self.store.access.version);
    if (self.away_since_us != 0 && !self.waiting && !self.loading) {
        note_away();
    }
    if (self.store.silence != NULL) {
        silence_count(self.store.silence);
    }
    if (self.store.distances != NULL) {
        gaps_tell(&self.store);
    }
}

static void stop(void)
{
    struct store *s = &self.store;
    seal_free(&s->seal);
    expiry_free(&s->expiry);
    days_free(&s->days);
    silence_free(&s->silence);
    rebuild_free(&s->rebuild);
    ledger_fold_free(&s->fold);
    feed_notify_free(&s->notify);
    flush_free(&self.flush);
    if (self.inbox.order != NULL) {
        inbox_release(&self.inbox);
    }
    acks_release(&self.acks);
    series_clear(&s->series);
    interned_clear(&s->schemas);
    interned_clear(&s->hops);
    arrival_forget(&s->arrival);
    identity_free(&s->identity);
    ledger_forget(&s->ledger);
    calendar_release(&s->calendar);
    gradings_release(&s->gradings);
    access_table_release(&s->access);
    record_types_free(&s->types);
    gaps_release(&s->gaps);
    distances_free(&s->distances);
    pg_params_release(&s->params);
    pg_close(&s->pg);
    zsock_destroy(&self.graded);
    zsock_destroy(&self.announce);
    zsock_destroy(&self.store_socket);
    zsock_destroy(&self.signs);
    access_doors_free(&s->access_doors);
}

static const struct daemon stored = {
    .name = "stored",
    .summary = "writes graded records, their periods and events to PostgreSQL",
    .options = options,
    .settings = &settings,
    .settings_size = sizeof settings,
    .counter_rows = counter_rows,
    .counters = store_counters,
    .counter_count = STORE_COUNTER_COUNT,
    .check = check,
    .start = start,
    .drain = drain,
    .reload = reload,
    .tick = tick,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&stored, argc, argv);
}
