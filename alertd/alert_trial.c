/* SPDX-License-Identifier: Apache-2.0 */
/* It fires; once everybody has answered, it is over; once everybody has answered again, who asked
 * is told. */
#include "alertd/alert_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alertd/receivers.h"
#include "common/bus.h"
#include "common/daemon.h"
#include "common/json.h"
#include "common/log.h"
#include "common/message.h"
#include "common/utf8.h"

#define HIGH_WATER  8
#define PEER_BYTES  255
#define ARENA_BYTES ((size_t)1 << 16)
#define PATIENCE_US INT64_C(15000000) /* a request ends by itself after ten seconds */

struct trial_outcome {
    bool told;     /* it is one of those who are told */
    bool taken[2]; /* that it fires, that it is over */
    char answer[2][ALERT_ANSWER_BYTES];
};

struct alert_trial {
    struct alertd *d;
    zsock_t *socket;
    struct event *event;
    struct alert *alert; /* under way; NULL: none */
    bool over;           /* its end is told */
    int64_t until_us;
    uint64_t id;
    char peer[PEER_BYTES];
    size_t peer_size;
    struct trial_outcome outcome[TARGETS_MAX];
};

/* ---- answers ---- */

static void answer(struct alert_trial *t, struct tried_alert_message *m)
{
    static struct log_limit said;
    struct pack p;
    pack_init(&p);
    m->id = t->id;
    tried_alert_encode(&p, m);
    const struct slice frames[] = {{t->peer, t->peer_size}, pack_bytes(&p)};
    if ((!pack_ok(&p) || bus_send(t->socket, frames, 2) != 0) && log_allowed(&said, 5)) {
        log_warn("trial.answer", "error=\"the asker is gone\"");
    }
    pack_release(&p);
}

static void refuse(struct alert_trial *t, enum answer_status status, const char *why)
{
    answer(t, &(struct tried_alert_message){
                  .status = status, .message = slice_of(why), .receivers = slice_of("[]")});
}

static void print_outcome(FILE *f, const struct alert_trial *t, unsigned i)
{
    const struct trial_outcome *o = &t->outcome[i];
    bool taken = !o->told || (o->taken[0] && o->taken[1]);
    fputs("{\"receiver\":", f);
    json_print_string(f, t->d->targets->names[i]);
    fputs(",\"fires\":", f);
    json_print_string(f, o->answer[0]);
    fputs(",\"over\":", f);
    json_print_string(f, o->answer[1]);
    fprintf(f, ",\"taken\":%s}", taken ? "true" : "false");
}

static void report(struct alert_trial *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    for (unsigned i = 0; f != NULL && i < t->d->alerts.receivers; i++) {
        fputc(i == 0 ? '[' : ',', f);
        print_outcome(f, t, i);
    }
    if (f != NULL && fputc(']', f) != EOF && fclose(f) == 0) {
        answer(t,
               &(struct tried_alert_message){.message = slice_of(""), .receivers = {text, size}});
    } else {
        refuse(t, ANSWER_UNAVAILABLE, "out of memory");
    }
    free(text);
}

/* ---- how it goes ---- */

static bool has_answered(const struct alert_trial *t, unsigned i)
{
    return (t->over && !t->outcome[i].taken[0]) || t->alert->receipt[i].answer[0] != '\0' ||
           alert_known(t->alert, i) == ALERT_ALL;
}

static bool all_answered(const struct alert_trial *t)
{
    for (unsigned i = 0; i < t->d->alerts.receivers; i++) {
        if (!has_answered(t, i)) {
            return false;
        }
    }
    return true;
}

/* Whoever takes it without an answer is not told of it. Of who fails, and was not asked again since
 * it began, that is told. */
static void note(struct alert_trial *t, unsigned i)
{
    struct trial_outcome *o = &t->outcome[i];
    struct alert_receipt *r = &t->alert->receipt[i];
    bool known = alert_known(t->alert, i) == ALERT_ALL, asked = !t->over || o->taken[0];
    const char *why = receivers_why(t->d->receivers, i);
    const char *text = r->answer[0] != '\0' ? r->answer
                       : known              ? "not told of this route"
                       : why[0] != '\0'     ? why
                                            : "no answer";
    char *kept = o->answer[t->over];
    o->told = t->over ? o->told : !known || r->answer[0] != '\0';
    o->taken[t->over] = asked && o->told && known;
    snprintf(kept, ALERT_ANSWER_BYTES, "%s", asked ? text : "");
    utf8_repair(kept, kept + strlen(kept));
}

/* Who did not take that it fires is not told that it is over. */
static void begin_end(struct alert_trial *t)
{
    alerts_end(&t->d->alerts, t->alert, daemon_now_us(), daemon_clock_us());
    t->over = true;
    t->until_us = daemon_clock_us() + PATIENCE_US;
    for (unsigned i = 0; i < t->d->alerts.receivers; i++) {
        struct alert_receipt *r = &t->alert->receipt[i];
        r->answer[0] = '\0';
        r->change = t->outcome[i].taken[0] ? r->change : t->alert->change;
    }
    receivers_go_on(t->d->receivers);
}

static void finish(struct alert_trial *t)
{
    alerts_test_end(&t->d->alerts, t->alert);
    report(t);
    t->alert->busy--;
    t->alert = NULL;
}

static void go_on(struct alert_trial *t)
{
    while (t->alert != NULL && (all_answered(t) || daemon_clock_us() >= t->until_us)) {
        for (unsigned i = 0; i < t->d->alerts.receivers; i++) {
            note(t, i);
        }
        if (t->over) {
            finish(t);
        } else {
            begin_end(t);
        }
    }
}

/* ---- what is asked ---- */

static void begin(struct alert_trial *t, const struct try_alert_message *m)
{
    const struct alert_routes *routes = t->d->routes;
    const struct route *route = m->route.len == 0 ? NULL : alert_routes_find(routes, m->route);
    t->id = m->id;
    if (m->route.len > 0 && route == NULL) {
        refuse(t, ANSWER_INVALID, "there is no route of this name");
    } else if (t->d->targets->count == 0) {
        refuse(t, ANSWER_UNAVAILABLE,
               "nobody is told of alerts: alertmanagers, webhooks and syslog "
               "are empty in the section alertd of the configuration");
    } else {
        t->alert = alerts_test(&t->d->alerts, routes, route, daemon_now_us(), daemon_clock_us());
        if (t->alert == NULL) {
            refuse(t, ANSWER_UNAVAILABLE, "out of memory");
            return;
        }
        t->alert->busy++;
        t->over = false;
        t->until_us = daemon_clock_us() + PATIENCE_US;
        receivers_hurry(t->d->receivers);
    }
}

static void take(struct alert_trial *t, const struct bus_message *request)
{
    struct try_alert_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    struct slice peer = request->frames[0];
    if (a == NULL || request->count != 2 || peer.len > PEER_BYTES ||
        message_number(request->frames[1]) != MESSAGE_try_alert ||
        try_alert_decode_all(request->frames[1], a, &m) == -1) {
        counters[COUNT_MALFORMED]++;
    } else {
        memcpy(t->peer, peer.at, peer.len);
        t->peer_size = peer.len;
        begin(t, &m);
    }
    arena_free(&a);
}

/* One at a time: who asks meanwhile waits. */
void alert_trial_go_on(struct alert_trial *t)
{
    struct bus_message request;
    int got = 0;
    go_on(t);
    while (t->alert == NULL && (got = bus_receive(t->socket, &request)) != 1) {
        if (got == 0) {
            take(t, &request);
            bus_release(&request);
        }
        go_on(t);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    alert_trial_go_on(context);
}

/* ---- around ---- */

struct alert_trial *alert_trial_new(struct alertd *d)
{
    struct alert_trial *t = calloc(1, sizeof *t);
    if (t == NULL) {
        log_error("trial.start", "error=\"out of memory\"");
        return NULL;
    }
    t->d = d;
    t->socket = bus_bind(ZMQ_ROUTER, ENDPOINT_TRIAL, HIGH_WATER);
    t->event = t->socket == NULL ? NULL
                                 : event_new(d->base, (evutil_socket_t)zsock_fd(t->socket),
                                             EV_READ | EV_PERSIST, on_readable, t);
    if (t->event == NULL || event_add(t->event, NULL) == -1) {
        log_error("trial.start", "error=\"cannot be asked\"");
        alert_trial_free(&t);
    }
    return t;
}

void alert_trial_free(struct alert_trial **t)
{
    if (*t != NULL) {
        if ((*t)->event != NULL) {
            event_free((*t)->event);
        }
        zsock_destroy(&(*t)->socket);
        free(*t);
        *t = NULL;
    }
}
