/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each receiver a batch is under way at a time. One that fails is tried again after a while that
 * grows, with what there is to be told by then.
 */
#include "alertd/receivers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alertd/alert_keeper.h"
#include "alertd/alert_trial.h"
#include "alertd/receiver.h"
#include "alertd/secret_file.h"
#include "common/daemon.h"
#include "common/log.h"

#define SIGNING_LEAST    16 /* bytes */
#define CREDENTIAL_LEAST 1

struct receivers {
    struct curl_loop loop;
    unsigned count;
    struct receiver receiver[TARGETS_MAX];
};

/* ---- a batch ---- */

static void choose(struct receiver *r)
{
    struct alerts *t = &r->d->alerts;
    if (r->to->kind == TARGET_ALERTMANAGER) {
        const struct batch_time at = {daemon_now_us(), daemon_clock_us(),
                                      r->d->settings.resend_s * 1000000};
        alert_batch_again(&r->batch, t, r->number, &at);
    } else {
        alert_batch_once(&r->batch, t, r->number, r->to, daemon_clock_us());
    }
}

static void back_off(struct receiver *r)
{
    r->wait_us = alert_batch_wait_us(r->wait_us);
    r->next_us = daemon_clock_us() + r->wait_us;
}

/* Of the batch the first `count` were taken, or not. */
static void settle(struct receiver *r, unsigned count, bool taken, const char *text)
{
    for (unsigned i = 0; i < count; i++) {
        alert_taken(r->batch.item[i].alert, r->number, r->batch.item[i].change, taken, text,
                    daemon_now_us(), daemon_clock_us());
    }
}

static void release(struct receiver *r)
{
    for (unsigned i = 0; i < r->batch.count; i++) {
        r->batch.item[i].alert->busy--;
    }
    r->batch.count = 0;
    r->busy = false;
}

static void judge(struct receiver *r, bool taken, const char *text)
{
    static struct log_limit said;
    snprintf(r->why, sizeof r->why, "%s", taken ? "" : text);
    if (taken) {
        r->wait_us = 0;
    } else if (log_allowed(&said, 5)) {
        log_warn("receiver.failed", "name=%s error=\"%s\"", r->to->name, r->why);
    }
}

/* Who refuses something is there: others are told soon, but not in a rush if it refuses all. */
static void note_refused(struct receiver *r)
{
    counters[COUNT_PASSED_OVER] += alert_batch_refused(&r->batch, r->number, daemon_clock_us());
    r->wait_us = 0;
}

void receiver_done(struct receiver *r, enum receiver_answer answer, const char *text)
{
    bool taken = answer == RECEIVER_TAKEN || answer == RECEIVER_REFUSED;
    judge(r, answer == RECEIVER_TAKEN, text);
    settle(r, r->batch.count, taken, text);
    counters[COUNT_SENT] += answer == RECEIVER_TAKEN ? r->batch.count : 0;
    counters[COUNT_SENDS_REFUSED] += answer == RECEIVER_REFUSED || answer == RECEIVER_REFUSED_SOME;
    counters[COUNT_SENDS_FAILED] += answer == RECEIVER_FAILED;
    if (answer == RECEIVER_REFUSED_SOME) {
        note_refused(r);
    }
    release(r);
    if (!taken) {
        back_off(r);
    }
    receivers_go_on(r->d->receivers);
    alert_keeper_go_on(r->d->keeper);
    alert_trial_go_on(r->d->trial);
}

static void tell_syslog(struct receiver *r)
{
    unsigned sent;
    bool taken = receiver_syslog_send(r, &sent) == 0;
    const char *text = taken ? "sent" : strerror(errno);
    judge(r, taken, text);
    settle(r, sent, true, "sent");
    counters[COUNT_SENT] += sent;
    counters[COUNT_SENDS_FAILED] += !taken;
    if (!taken && sent < r->batch.count) {
        alert_taken(r->batch.item[sent].alert, r->number, 0, false, text, daemon_now_us(),
                    daemon_clock_us());
    }
    release(r);
    if (!taken) {
        back_off(r);
    }
}

static void send_batch(struct receiver *r)
{
    r->busy = true;
    for (unsigned i = 0; i < r->batch.count; i++) {
        r->batch.item[i].alert->busy++;
    }
    if (r->to->kind == TARGET_SYSLOG) {
        tell_syslog(r);
    } else if (receiver_http_begin(r) == -1) {
        log_error("receiver.send", "name=%s error=\"out of memory\"", r->to->name);
        release(r);
        back_off(r);
    }
}

/* Until it is busy, fails, or knows all. */
static void go_on(struct receiver *r, int64_t clock_us)
{
    while (!r->busy && clock_us >= r->next_us) {
        choose(r);
        if (r->batch.count == 0) {
            break;
        }
        send_batch(r);
    }
}

void receivers_go_on(struct receivers *all)
{
    int64_t clock_us = daemon_clock_us();
    for (unsigned i = 0; i < all->count && !daemon_draining(); i++) {
        go_on(&all->receiver[i], clock_us);
    }
}

bool receivers_are_idle(const struct receivers *all)
{
    unsigned i = 0;
    while (i < all->count && !all->receiver[i].busy) {
        i++;
    }
    return i == all->count;
}

void receivers_hurry(struct receivers *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        all->receiver[i].next_us = 0;
    }
    receivers_go_on(all);
}

unsigned receivers_failing(const struct receivers *all, const char **name, const char **why)
{
    unsigned failing = 0;
    for (unsigned i = 0; i < all->count; i++) {
        if (all->receiver[i].why[0] != '\0') {
            *name = all->receiver[i].to->name;
            *why = all->receiver[i].why;
            failing++;
        }
    }
    return failing;
}

const char *receivers_why(const struct receivers *all, unsigned number)
{
    return all->receiver[number].why;
}

/* ---- around ---- */

static int read_one(const char *name, const char *file, size_t least, char **secret)
{
    if (file != NULL) {
        *secret = secret_read(name, file, least);
    }
    return file == NULL || *secret != NULL ? 0 : -1;
}

static void check_one(struct document *d, const char *name, const char *file, size_t least)
{
    if (file != NULL) {
        secret_check(d, name, file, least);
    }
}

void receivers_check(struct document *d, const struct alert_targets *targets)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        const struct target *t = &targets->target[i];
        check_one(d, t->name, t->secret_file, SIGNING_LEAST);
        check_one(d, t->name, t->basic_file, CREDENTIAL_LEAST);
        check_one(d, t->name, t->bearer_file, CREDENTIAL_LEAST);
    }
}

int receivers_prepare(struct alertd *d)
{
    int rc = 0;
    for (uint32_t i = 0; i < d->targets->count; i++) {
        const struct target *t = &d->targets->target[i];
        struct receiver_secrets *s = &d->secrets[i];
        if (read_one(t->name, t->secret_file, SIGNING_LEAST, &s->signing) == -1 ||
            read_one(t->name, t->basic_file, CREDENTIAL_LEAST, &s->basic) == -1 ||
            read_one(t->name, t->bearer_file, CREDENTIAL_LEAST, &s->bearer) == -1) {
            rc = -1;
        }
    }
    return rc;
}

static int open_receiver(struct receivers *all, struct alertd *d, unsigned number)
{
    struct receiver *r = &all->receiver[number];
    *r = (struct receiver){.d = d, .to = &d->targets->target[number], .number = number};
    all->count++;
    return r->to->kind == TARGET_SYSLOG ? 0 : receiver_http_open(r, &all->loop);
}

struct receivers *receivers_new(struct alertd *d)
{
    struct receivers *all = calloc(1, sizeof *all);
    int rc = all == NULL ? -1 : curl_loop_open(&all->loop, d->base);
    for (unsigned i = 0; rc == 0 && i < d->targets->count; i++) {
        rc = open_receiver(all, d, i);
    }
    if (rc == -1) {
        log_error("receivers.start", "error=\"out of memory\"");
        receivers_free(d, &all);
    }
    return all;
}

void receivers_free(struct alertd *d, struct receivers **all)
{
    for (unsigned i = 0; *all != NULL && i < (*all)->count; i++) {
        receiver_http_close(&(*all)->receiver[i]);
        release(&(*all)->receiver[i]);
    }
    if (*all != NULL) {
        curl_loop_close(&(*all)->loop);
        free(*all);
        *all = NULL;
    }
    for (int i = 0; i < TARGETS_MAX; i++) {
        secret_free(&d->secrets[i].signing);
        secret_free(&d->secrets[i].basic);
        secret_free(&d->secrets[i].bearer);
    }
}
