/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rebuild at a time: who asked for it, how far it is, what came of it. The work itself is in
 * rebuild_series.c and rebuild_hours.c.
 */
#include "stored/beside/rebuild.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/utf8.h"
#include "stored/asker.h"
#include "stored/beside/rebuild_work.h"
#include "stored/feed.h"

#define STEP_US     INT64_C(25000)    /* of each call; flushes have the rest */
#define PROGRESS_US INT64_C(1000000)  /* how often the asker hears of it */
#define PEER_BYTES  256               /* more than ZeroMQ's longest identity */
#define AGAIN_US    INT64_C(30000000) /* before what did not end well is begun again */

/* The roll-ups first: the periods of late records may rest on them (late_heads.c). */
enum phase { PHASE_NONE, PHASE_BEGIN, PHASE_HOURS, PHASE_SERIES };

struct rebuild {
    struct rebuild_job job;
    struct rebuild_series *series;
    struct rebuild_hours *hours;
    enum phase phase;
    zsock_t *socket; /* the asker's, not owned; NULL: nobody asked */
    char peer[PEER_BYTES];
    size_t peer_bytes;
    uint64_t id;
    int64_t told_us;
    bool look;       /* whether there are series with another gap */
    int64_t look_us; /* not before, of a steady clock */
};

struct rebuild *rebuild_new(struct store *store)
{
    struct rebuild *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->job.store = store;
    r->series = rebuild_series_new(&r->job);
    r->hours = rebuild_hours_new(&r->job);
    if (r->series == NULL || r->hours == NULL) {
        rebuild_free(&r);
    }
    return r;
}

void rebuild_free(struct rebuild **r)
{
    if (*r != NULL) {
        rebuild_series_free(&(*r)->series);
        rebuild_hours_free(&(*r)->hours);
        free(*r);
        *r = NULL;
    }
}

/* ---- answers ---- */

static void send_message(zsock_t *socket, struct slice peer, const struct rebuilt_message *m)
{
    static struct log_limit said;
    struct pack p;
    pack_init(&p);
    rebuilt_encode(&p, m);
    asker_tell(socket, peer, &p, "rebuild.answer", &said);
}

static void answer(struct rebuild *r, enum answer_status status, const char *message, bool finished)
{
    const struct rebuild_found *f = &r->job.found;
    struct slice first[REBUILD_TEXTS];
    if (r->socket == NULL) {
        return;
    }
    struct rebuilt_message m = {
        .id = r->id,
        .status = status,
        .message = slice_of(message),
        .finished = finished,
        .series = f->series,
        .series_all = f->series_all,
        .records = f->records,
        .hours = f->hours,
        .periods_missing = f->periods[DIFFERENCE_MISSING],
        .periods_surplus = f->periods[DIFFERENCE_SURPLUS],
        .periods_different = f->periods[DIFFERENCE_CHANGED],
        .events_missing = f->events[DIFFERENCE_MISSING],
        .events_surplus = f->events[DIFFERENCE_SURPLUS],
        .events_different = f->events[DIFFERENCE_CHANGED],
        .rollups_missing = f->rollups[DIFFERENCE_MISSING],
        .rollups_surplus = f->rollups[DIFFERENCE_SURPLUS],
        .rollups_different = f->rollups[DIFFERENCE_CHANGED],
        .first = first,
        .first_count = finished ? f->text_count : 0,
    };
    for (uint32_t i = 0; i < f->text_count; i++) {
        first[i] = slice_of(f->texts[i]);
    }
    send_message(r->socket, (struct slice){r->peer, r->peer_bytes}, &m);
}

static void note(const struct rebuild *r)
{
    const struct rebuild_found *f = &r->job.found;
    if (r->job.again) {
        daemon_note("rebuild", "periods by other gaps: series %" PRIu64 " of %" PRIu64, f->series,
                    f->series_all);
        return;
    }
    daemon_note("rebuild",
                "%s: series %" PRIu64 " of %" PRIu64 ", hours %" PRIu64 ", %" PRIu64 " %s",
                r->job.verify ? "verifying" : "repairing", f->series, f->series_all, f->hours,
                rebuild_differences(f), r->job.verify ? "differences" : "repaired");
}

/* What nobody asked for; what is left of it is looked for at once, or after a pause. */
static void finish_again(struct rebuild *r, enum answer_status status, const char *message)
{
    const struct rebuild_found *f = &r->job.found;
    log_info("rebuild.again_done",
             "series=%" PRIu64 " records=%" PRIu64 " differences=%" PRIu64 " result=\"%s\"",
             f->series, f->records, rebuild_differences(f), message);
    daemon_note("rebuild", "periods by other gaps: %" PRIu64 " series done; %.100s", f->series,
                message);
    r->look = true;
    r->look_us = daemon_clock_us() + (status == ANSWER_OK ? 0 : AGAIN_US);
    r->phase = PHASE_NONE;
}

/* Where that fails it is told when what is left is looked for. */
static void tell_feed(struct rebuild *r, const char *message)
{
    struct store *store = r->job.store;
    if (r->job.verify ||
        (pg_is_open(&store->pg) &&
         feed_rebuild_ended(store, message, rebuild_differences(&r->job.found)) == 0)) {
        return;
    }
    r->look = true;
    r->look_us = daemon_clock_us() + AGAIN_US;
}

static void finish(struct rebuild *r, enum answer_status status, const char *message)
{
    const struct rebuild_found *f = &r->job.found;
    if (r->job.again) {
        finish_again(r, status, message);
        return;
    }
    tell_feed(r, message);
    answer(r, status, message, true);
    log_info("rebuild.finished",
             "verify=%d series=%" PRIu64 " records=%" PRIu64 " hours=%" PRIu64
             " differences=%" PRIu64 " result=\"%s\"",
             r->job.verify, f->series, f->records, f->hours, rebuild_differences(f), message);
    daemon_note("rebuild", "%s: %" PRIu64 " %s; %.100s", r->job.verify ? "verified" : "repaired",
                rebuild_differences(f), r->job.verify ? "differences" : "repaired", message);
    rebuild_hours_end(r->hours);
    r->phase = PHASE_NONE;
}

void rebuild_end(struct rebuild *r, const char *why)
{
    if (r->phase != PHASE_NONE) {
        finish(r, ANSWER_UNAVAILABLE, why);
    }
}

/* All is done, but for series that were left out. */
static void finish_all(struct rebuild *r)
{
    const struct rebuild_found *f = &r->job.found;
    char text[160];
    if (f->left_out > 0) {
        snprintf(text, sizeof text,
                 "%" PRIu64 " series left out, since late records kept coming into %s: try again "
                 "later",
                 f->left_out, f->left_out == 1 ? "it" : "them");
        finish(r, ANSWER_TIMEOUT, text);
    } else {
        finish(r, ANSWER_OK,
               rebuild_differences(f) == 0 ? "identical"
               : r->job.verify             ? "not identical"
                                           : "repaired");
    }
}

/* ---- requests ---- */

static bool is_asker(const struct rebuild *r, struct slice peer, uint64_t id)
{
    return r->phase != PHASE_NONE && r->id == id &&
           slice_equal(peer, (struct slice){r->peer, r->peer_bytes});
}

void rebuild_request(struct rebuild *r, zsock_t *socket, struct slice peer,
                     const struct rebuild_message *request)
{
    const char *refused =
        r->phase != PHASE_NONE && r->job.again
            ? "periods are being computed again by other gaps; `ezrepo status` shows "
              "how far that is"
        : r->phase != PHASE_NONE         ? "another rebuild is under way"
        : !pg_is_open(&r->job.store->pg) ? "the database is away"
        : peer.len > sizeof r->peer      ? "the asker's name is too long"
                                         : NULL;
    if (refused != NULL) {
        const struct rebuilt_message m = {.id = request->id,
                                          .status = ANSWER_UNAVAILABLE,
                                          .message = slice_of(refused),
                                          .finished = 1};
        send_message(socket, peer, &m);
        return;
    }
    r->job = (struct rebuild_job){
        .store = r->job.store, .verify = request->verify == 1, .since_us = request->since_us};
    r->socket = socket;
    memcpy(r->peer, peer.at, peer.len);
    r->peer_bytes = peer.len;
    r->id = request->id;
    r->told_us = 0;
    r->phase = PHASE_BEGIN;
    log_info("rebuild.begun", "verify=%d since_us=%" PRId64, r->job.verify, r->job.since_us);
    note(r);
}

void rebuild_cancel(struct rebuild *r, struct slice peer, uint64_t id)
{
    if (is_asker(r, peer, id)) {
        finish(r, ANSWER_CANCELLED, "given up by who asked");
    }
}

/* ---- the work ---- */

/* 0; 2 when there is only waiting left to do; -1. */
static int step(struct rebuild *r)
{
    int rc;
    switch (r->phase) {
    case PHASE_BEGIN:
        if ((!r->job.verify && feed_rebuild_begins(r->job.store, "asked for") == -1) ||
            rebuild_series_begin(r->series) == -1 || rebuild_hours_begin(r->hours) == -1) {
            return -1;
        }
        r->phase = PHASE_HOURS;
        return 0;
    case PHASE_HOURS:
        rc = rebuild_hours_step(r->hours);
        if (rc == 1) {
            r->phase = PHASE_SERIES;
            rc = 0;
        } else if (rc == 3) {
            finish(r, ANSWER_UNAVAILABLE, rebuild_hours_error(r->hours));
            rc = 0;
        }
        return rc;
    case PHASE_SERIES:
        rc = rebuild_series_step(r->series);
        if (rc == 1) {
            finish_all(r);
            rc = 0;
        }
        return rc;
    case PHASE_NONE:
        break;
    }
    return 0;
}

/* What a failed step leaves of the connection. */
static int settle_failure(struct rebuild *r)
{
    struct pg *pg = &r->job.store->pg;
    enum pg_fault fault = pg->fault;
    log_error("rebuild.failed", "sqlstate=%s error=\"%s\"", pg->sqlstate, pg->message);
    pg_rollback(pg);
    if (fault == PG_DATA) { /* would be refused again */
        rebuild_end(r, pg->message);
        return 0;
    }
    return -1;
}

/* ---- without anybody asking ---- */

void rebuild_look(struct rebuild *r)
{
    r->look = true;
    r->look_us = 0;
}

void rebuild_gaps_changed(struct rebuild *r)
{
    rebuild_end(r, "the gaps of record types have changed");
    rebuild_look(r);
}

/* 0, or -1: the database. */
static int begin_again(struct rebuild *r)
{
    struct store *store = r->job.store;
    int64_t count = rebuild_again_count(store, true);
    r->look = count != 0;
    r->look_us = daemon_clock_us() + AGAIN_US;
    if (count <= 0) {
        return count == 0 ? feed_settle(store) : -1;
    }
    r->job = (struct rebuild_job){
        .store = store, .since_us = INT64_MIN, .again = true, .meanwhile = true};
    r->socket = NULL;
    if (rebuild_series_begin(r->series) == -1) {
        return -1;
    }
    r->job.found.series_all = (uint64_t)count;
    r->phase = PHASE_SERIES;
    log_info("rebuild.again", "series=%" PRId64 " reason=\"other gaps\"", count);
    note(r);
    return 0;
}

int rebuild_go_on(struct rebuild *r, int64_t clock_us)
{
    int64_t until_us = clock_us + STEP_US;
    if (r->phase == PHASE_NONE && r->look && clock_us >= r->look_us && begin_again(r) == -1) {
        return settle_failure(r);
    }
    if (r->phase == PHASE_NONE) {
        return 0;
    }
    int rc;
    do {
        rc = step(r);
    } while (rc == 0 && r->phase != PHASE_NONE && daemon_clock_us() < until_us);
    rc = rc == -1 ? settle_failure(r) : 0;
    if (r->phase != PHASE_NONE && clock_us - r->told_us >= PROGRESS_US) {
        r->told_us = clock_us;
        answer(r, ANSWER_OK, "", false);
        note(r);
    }
    return rc;
}

bool rebuild_is_under_way(const struct rebuild *r)
{
    return r->phase != PHASE_NONE;
}

void rebuild_notice(struct rebuild *r, const struct series *series, const struct period_key *key)
{
    if (r->phase == PHASE_SERIES) {
        rebuild_series_notice(r->series, series, key);
    }
}
