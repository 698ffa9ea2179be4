/* SPDX-License-Identifier: Apache-2.0 */
/* What stored begins with, is told each second and at a reload, and leaves behind; its sockets. */
#include "stored/loop.h"

#include "common/daemon.h"
#include "common/log.h"
#include "common/told.h"
#include "stored/access/access_doors.h"
#include "stored/beside/beside.h"
#include "stored/beside/classes.h"
#include "stored/beside/days.h"
#include "stored/beside/expiry.h"
#include "stored/beside/feed_notify.h"
#include "stored/beside/figures.h"
#include "stored/beside/ledger_fold.h"
#include "stored/beside/rebuild.h"
#include "stored/beside/seal.h"
#include "stored/default_grading.h"
#include "stored/loop_parts.h"
#include "stored/publish.h"
#include "stored/silence/intervals.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence.h"

#define ANNOUNCE_HIGH_WATER 1000
#define SIGNS_HIGH_WATER    1000
#define LINGER_MS           1000 /* acknowledgements and answers on their way when it ends */

static struct loop self;

/* ---- record types ---- */

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
        loop_back_off(&self);
        return -1;
    }
    announce_grading(self.announce, &s->gradings);
    return 0;
}

/* Read again, at a reload. -1: the old ones stay. */
static int take_types(void)
{
    struct store *s = &self.store;
    struct record_types *types = record_types_configured(daemon_common());
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

/* ---- sockets ---- */

static int on_announce(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    if (announce_subscriptions(reader)) {
        announce_grading(self.announce, &self.store.gradings);
    }
    return 0;
}

static void tell_grading(void)
{
    announce_grading(self.announce, &self.store.gradings);
    loop_tell_arrived(&self);
}

static int on_store(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    if (publish_requests(&self.store, reader)) {
        tell_grading();
    }
    loop_look_now(&self); /* a rebuild begins, or ends */
    return 0;
}

static int on_signs(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    signs_receive(reader, daemon_clock_us());
    return 0;
}

static int open_sockets(zloop_t *loop)
{
    self.graded = bus_bind(ZMQ_PULL, ENDPOINT_GRADED, (int)self.store.settings->high_water);
    self.announce = bus_bind(ZMQ_XPUB, ENDPOINT_ANNOUNCE, ANNOUNCE_HIGH_WATER);
    self.store_socket = bus_bind(ZMQ_ROUTER, ENDPOINT_STORE, (int)self.store.settings->high_water);
    self.signs = bus_bind(ZMQ_PULL, ENDPOINT_SIGNS, SIGNS_HIGH_WATER);
    self.store.access_doors = access_doors_new(&self.store, loop, tell_grading);
    if (self.graded == NULL || self.announce == NULL || self.store_socket == NULL ||
        self.signs == NULL || self.store.access_doors == NULL) {
        return -1;
    }
    zsock_set_xpub_verbose(self.announce, 1);
    zsock_set_linger(self.announce, LINGER_MS);
    zsock_set_linger(self.store_socket, LINGER_MS);
    if (zloop_reader(loop, self.graded, loop_on_graded, &self) == -1 ||
        zloop_reader(loop, self.announce, on_announce, NULL) == -1 ||
        zloop_reader(loop, self.signs, on_signs, NULL) == -1 ||
        zloop_reader(loop, self.store_socket, on_store, NULL) == -1) {
        log_error("stored.loop", "error=\"memory is out\"");
        return -1;
    }
    return 0;
}

/* ---- starting, reloading, telling, stopping ---- */

static bool on_silence(int64_t silence_us)
{
    return loop_silent(&self, silence_us);
}

int loop_start(zloop_t *loop, const struct store_settings *settings)
{
    struct store *s = &self.store;
    self.loop = loop;
    deadline_init(&self.work, loop, loop_on_work, &self);
    deadline_init(&self.moment, loop, loop_on_moment, &self);
    deadline_init(&self.soon, loop, loop_on_soon, &self);
    s->settings = settings;
    s->schemas_dir = daemon_common()->schemas_dir;
    s->series.max = (uint32_t)s->settings->max_series;
    s->schemas = (struct interned_cache){.kind = &interned_schemas,
                                         .max = (uint32_t)s->settings->max_schemas};
    s->hops =
        (struct interned_cache){.kind = &interned_hops, .max = (uint32_t)s->settings->max_schemas};
    s->identity = identity_new();
    s->types = record_types_configured(daemon_common());
    s->distances = distances_new();
    self.flush = flush_new(s);
    s->seal = seal_new(s);
    s->rebuild = rebuild_new(s);
    s->fold = ledger_fold_new(s);
    s->notify = feed_notify_new(s);
    s->expiry = expiry_new(s);
    s->figures = figures_new(s);
    s->days = days_new(s);
    s->silence = silence_new(s);
    if (s->types == NULL || self.flush == NULL || s->identity == NULL || s->seal == NULL ||
        s->fold == NULL || s->notify == NULL || s->expiry == NULL || s->days == NULL ||
        s->figures == NULL || s->silence == NULL || s->distances == NULL ||
        retention_rules_read(&(struct document){0}, s->settings->retention, &s->rules) == -1 ||
        s->rebuild == NULL || inbox_init(&self.inbox, settings) == -1) {
        return -1;
    }
    pg_be_patient(s->settings->silence_s * 1000000, on_silence);
    daemon_note("database", "not tried yet");
    if (open_sockets(loop) == -1) {
        return -1;
    }
    deadline_by(&self.work, 0);
    return 0;
}

void loop_drain(void)
{
    loop_begin_draining(&self);
}

/* Retention: types that are new get a class; and the record types. */
int loop_reload(void)
{
    struct store *s = &self.store;
    int rc = take_types();
    pg_be_patient(s->settings->silence_s * 1000000, on_silence);
    if (retention_rules_read(&(struct document){0}, s->settings->retention, &s->rules) == -1) {
        return -1;
    }
    if (pg_is_open(&s->pg) && s->retention.count > 0 && classes_load(s, daemon_clock_us()) == -1) {
        loop_back_off(&self);
    }
    return rc;
}

void loop_tick(void)
{
    /* Also noticed while nothing is written. */
    if (!self.waiting && pg_is_open(&self.store.pg) && pg_check(&self.store.pg) == -1) {
        loop_back_off(&self);
    }
    if (!self.waiting) {
        loop_look_now(&self);
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
        loop_note_away(&self);
    }
    if (self.store.silence != NULL) {
        silence_count(self.store.silence);
    }
    if (self.store.distances != NULL) {
        gaps_tell(&self.store);
    }
}

void loop_stop(void)
{
    struct store *s = &self.store;
    silence_forget(s->silence);
    rebuild_free(&s->rebuild);
    beside_free_all(s);
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
