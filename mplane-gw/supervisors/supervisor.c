/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to one supervisor: at most one request for polling and registering, and one that posts,
 * are under way at a time. Believes nothing that comes back: sizes and times are bounded, and
 * whatever goes wrong is tried again later.
 */
#include "mplane-gw/supervisors/supervisor.h"

#include <event2/event.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "common/daemon.h"
#include "common/http/tls.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/supervisors/supervisor_errands.h"
#include "mplane-gw/supervisors/supervisor_http.h"
#include "mplane-gw/supervisors/supervisor_offer.h"
#include "mplane-gw/supervisors/supervisor_outbox.h"
#include "mplane-gw/supervisors/supervisor_state.h"

#define ENVELOPE_BYTES (1024 * 1024)
#define SETTINGS_BYTES (64 * 1024)

/* What it replies when it is registered with or posted to is not looked at any further. */
#define NOTE_BYTES ((size_t)64 * 1024)

/* A failure that lasts is told about this often. */
#define SAY_US INT64_C(60000000)

struct supervisor {
    struct gateway *gateway;
    struct arena *arena; /* of the settings */
    struct supervisor_settings settings;
    SSL_CTX *tls;
    char *own_identity; /* as it knows us */
    char *identity;     /* of its certificate; NULL: not known yet */
    struct supervisor_state state;
    struct errands errands;
    struct supervisor_outbox outbox;
    struct offer *offer;   /* what it has been registered */
    struct offer *offered; /* what it is being registered */
    struct event *wake;
    struct http_request *talk, *post;
    enum supervisor_act act; /* of the talk */
    bool withdrawing;        /* the talk takes our leave */
    bool changed;            /* while the talk was under way */
    int64_t begun_us;        /* of the talk */
    struct arena *body;      /* of the talk */
    bool leaving, withdrawn;
    int64_t registered_at, polled_at; /* since 1970; 0 never */
    uint64_t errors;
    char error[120]; /* the last one; "" none since it went well */
    int64_t said_us;
};

static uint32_t random_number(void)
{
    uint32_t n = 0;
    (void)RAND_bytes((unsigned char *)&n, sizeof n); /* without one, nothing is spread */
    return n;
}

static void wake(struct supervisor *v)
{
    if (v->wake != NULL) {
        event_active(v->wake, EV_TIMEOUT, 0);
    }
}

static void went_well(struct supervisor *v)
{
    if (v->error[0] != '\0') {
        log_info("supervisor.back", "supervisor=%s", v->settings.url);
        v->error[0] = '\0';
    }
}

static void went_wrong(struct supervisor *v, const char *what, const char *error)
{
    int64_t now_us = daemon_clock_us();
    bool first = v->error[0] == '\0';
    v->errors++;
    gateway_count(v->gateway, COUNT_SUPERVISORS_FAILED);
    snprintf(v->error, sizeof v->error, "%s: %.100s", what, error);
    if (first || now_us - v->said_us >= SAY_US) {
        log_warn("supervisor.failed", "supervisor=%s what=%s error=%s errors=%llu", v->settings.url,
                 what, QUOTED(slice_of(error)), (unsigned long long)v->errors);
        v->said_us = now_us;
    }
}

/* Why a reply is not what was asked for. */
static const char *reason(const struct http_reply *reply, char *text, size_t size)
{
    if (reply->status == 0) {
        return reply->error;
    }
    snprintf(text, size, "status %ld, content type \"%.40s\"", reply->status, reply->content_type);
    return text;
}

static bool is_message(const struct http_reply *reply)
{
    size_t n = strcspn(reply->content_type, "; \t");
    return reply->status == 200 && n == strlen(MPLANE_CONTENT_TYPE) &&
           strncasecmp(reply->content_type, MPLANE_CONTENT_TYPE, n) == 0;
}

/* ---- polling and registering ---- */

static void note_identity(struct supervisor *v, const char *identity)
{
    if (identity == NULL || (v->identity != NULL && strcmp(identity, v->identity) == 0)) {
        return;
    }
    log_info("supervisor.identity", "supervisor=%s identity=%s before=%s", v->settings.url,
             QUOTED(slice_of(identity)), QUOTED(slice_of(v->identity == NULL ? "" : v->identity)));
    char *copy = strdup(identity);
    if (copy != NULL) {
        free(v->identity);
        v->identity = copy;
        v->changed = true; /* it may use others */
        errands_adopt(&v->errands, v->identity);
    }
}

static enum supervisor_outcome took_poll(struct supervisor *v, const struct http_reply *reply,
                                         struct errands_news *news)
{
    char text[128];
    if (reply->status == 428) {
        return SUPERVISOR_UNKNOWN;
    }
    if (!is_message(reply)) {
        went_wrong(v, "poll", reason(reply, text, sizeof text));
    } else if (errands_take(&v->errands, reply->identity, reply->body, news) == -1) {
        went_wrong(v, "poll", news->error);
    } else {
        gateway_count(v->gateway, COUNT_SUPERVISORS_POLLS);
        v->polled_at = daemon_now_us();
        went_well(v);
        return SUPERVISOR_OK;
    }
    return reply->sent ? SUPERVISOR_FAILED : SUPERVISOR_UNSENT;
}

/* A path with a slash too many, say, is answered with 200 but another content type. */
static enum supervisor_outcome took_registration(struct supervisor *v,
                                                 const struct http_reply *reply)
{
    char text[128];
    if (!is_message(reply)) {
        went_wrong(v, v->withdrawing ? "withdrawal" : "registration",
                   reason(reply, text, sizeof text));
        return reply->sent ? SUPERVISOR_FAILED : SUPERVISOR_UNSENT;
    }
    went_well(v);
    offer_free(&v->offer);
    v->offer = v->offered;
    v->offered = NULL;
    log_info("supervisor.registered", "supervisor=%s identity=%s capabilities=%zu", v->settings.url,
             QUOTED(slice_of(v->identity)), offer_count(v->offer));
    if (v->act == SUPERVISOR_REGISTER) {
        v->registered_at = daemon_now_us();
    }
    return SUPERVISOR_OK;
}

static void on_talked(void *context, const struct http_reply *reply)
{
    struct supervisor *v = context;
    struct errands_news news = {0};
    enum supervisor_outcome outcome;
    v->talk = NULL;
    note_identity(v, reply->identity);
    if (v->act == SUPERVISOR_POLL) {
        outcome = took_poll(v, reply, &news);
    } else {
        outcome = took_registration(v, reply);
    }
    offer_free(&v->offered);
    arena_free(&v->body);
    int64_t now_us = daemon_clock_us();
    if (v->withdrawing) {
        v->withdrawn = true;
    } else {
        supervisor_did(&v->state, v->act, outcome, v->begun_us, now_us, random_number());
    }
    if (v->changed) {
        v->changed = false;
        supervisor_changed(&v->state, now_us);
    }
    if (news.has_callback) {
        supervisor_callback(&v->state, now_us + news.callback_us - daemon_now_us(), now_us);
    }
    wake(v);
}

/* What cannot even be begun has failed. */
static void fail_talk(struct supervisor *v, enum supervisor_act act, const char *error)
{
    struct http_reply failed = {.error = error, .content_type = ""};
    v->act = act;
    on_talked(v, &failed);
}

/* Sends it; text.at NULL: a poll. */
static void talk(struct supervisor *v, enum supervisor_act act, const char *url, struct slice text)
{
    struct http_order o = {
        .url = url,
        .body = text,
        .identity = text.at == NULL ? NULL : v->identity,
        .tls = v->tls,
        .body_max = text.at == NULL ? (size_t)v->gateway->settings.http.body_bytes : NOTE_BYTES,
        /* Beyond it all is uncertain anyway. */
        .timeout_ms = (long)v->settings.expiry_s * 3000,
        .done = on_talked,
        .context = v};
    v->act = act;
    v->begun_us = daemon_clock_us();
    v->talk = supervisor_http_send(v->gateway, &o);
    if (v->talk == NULL) {
        fail_talk(v, act, "out of memory");
    }
}

/* Registers what `to` has and withdraws what only v->offer has; `to` is taken over. */
static void register_offer(struct supervisor *v, enum supervisor_act act, struct offer *from,
                           struct offer *to)
{
    struct slice text = {NULL, 0};
    v->offered = to;
    v->body = arena_new(ENVELOPE_BYTES);
    if (v->body != NULL) {
        text = offer_envelope(v->body, from, to, v->gateway->capabilities, v->gateway->registry);
    }
    if (text.at == NULL) {
        fail_talk(v, act, "out of memory");
    } else {
        talk(v, act, v->settings.registration_url, text);
    }
}

/* What its identity may use now; NULL: out of memory. */
static struct offer *offer_of(const struct supervisor *v)
{
    return offer_new(v->gateway->capabilities, v->gateway->access, slice_of(v->identity));
}

static void register_all(struct supervisor *v)
{
    struct offer *to = offer_of(v);
    if (offer_count(to) > 0) {
        register_offer(v, SUPERVISOR_REGISTER, NULL, to);
        return;
    }
    offer_free(&to);
    fail_talk(v, SUPERVISOR_REGISTER, "no capability may be used by its identity");
}

static void update(struct supervisor *v)
{
    struct offer *to = offer_of(v);
    if (to != NULL && offer_same(v->offer, to)) {
        offer_free(&to);
        int64_t now_us = daemon_clock_us();
        supervisor_did(&v->state, SUPERVISOR_UPDATE, SUPERVISOR_OK, now_us, now_us, 0);
        wake(v);
        return;
    }
    register_offer(v, SUPERVISOR_UPDATE, v->offer, to);
}

static void take_leave(struct supervisor *v)
{
    if (v->withdrawn) {
        return;
    }
    if (!supervisor_is_sure(&v->state, daemon_clock_us()) || offer_count(v->offer) == 0) {
        v->withdrawn = true; /* it forgets us by itself */
        return;
    }
    v->withdrawing = true;
    register_offer(v, SUPERVISOR_UPDATE, v->offer, NULL);
}

static void act(struct supervisor *v)
{
    if (v->talk != NULL) {
        return;
    }
    if (v->leaving) {
        take_leave(v);
        return;
    }
    switch (supervisor_next(&v->state, daemon_clock_us())) {
    case SUPERVISOR_POLL:
        talk(v, SUPERVISOR_POLL, v->settings.specification_url, (struct slice){NULL, 0});
        break;
    case SUPERVISOR_REGISTER:
        register_all(v);
        break;
    case SUPERVISOR_UPDATE:
        update(v);
        break;
    case SUPERVISOR_WAIT:
        break;
    }
}

/* ---- posting ---- */

static void on_posted(void *context, const struct http_reply *reply)
{
    struct supervisor *v = context;
    char text[128];
    enum outbox_fate fate = reply->status == 0                            ? OUTBOX_UNREACHED
                            : reply->status >= 200 && reply->status < 300 ? OUTBOX_SENT
                            : reply->status >= 500                        ? OUTBOX_REFUSED
                                                                          : OUTBOX_WRONG;
    v->post = NULL;
    if (fate == OUTBOX_SENT) {
        gateway_count(v->gateway, COUNT_SUPERVISORS_POSTED);
    } else {
        went_wrong(v, "post", reason(reply, text, sizeof text));
    }
    outbox_did(&v->outbox, fate, daemon_clock_us(), random_number());
    wake(v);
}

static void post_next(struct supervisor *v)
{
    if (v->post != NULL) {
        return;
    }
    struct outbox_message *m =
        outbox_next(&v->outbox, v->gateway->settings.result_keep_s * 1000000, daemon_clock_us());
    if (m == NULL) {
        return;
    }
    struct http_order o = {.url = m->url,
                           .body = {m->bytes, m->size},
                           .identity = m->identity,
                           .tls = v->tls,
                           .body_max = NOTE_BYTES,
                           .timeout_ms = (long)v->settings.expiry_s * 3000,
                           .done = on_posted,
                           .context = v};
    v->post = supervisor_http_send(v->gateway, &o);
    if (v->post == NULL) {
        struct http_reply failed = {.error = "out of memory", .content_type = ""};
        on_posted(v, &failed);
    }
}

static void on_answer(void *context, const char *url, const char *identity, struct slice text)
{
    struct supervisor *v = context;
    outbox_add(&v->outbox, url, identity, text, (size_t)v->gateway->settings.results_bytes,
               v->post != NULL, daemon_clock_us());
    wake(v);
}

/* ---- its time ---- */

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct supervisor *v = context;
    (void)fd, (void)what;
    act(v);
    post_next(v);
    int64_t due_us = v->talk != NULL || v->leaving ? INT64_MAX : supervisor_due(&v->state);
    if (v->post == NULL && v->outbox.count > 0 && v->outbox.due_us < due_us) {
        due_us = v->outbox.due_us;
    }
    if (due_us != INT64_MAX) {
        int64_t wait_us = due_us - daemon_clock_us();
        wait_us = wait_us < 1000 ? 1000 : wait_us;
        struct timeval t = gateway_timeval(wait_us);
        event_add(v->wake, &t);
    }
}

/* ---- from outside ---- */

/* Settings and certificates anew, or -1 and all as it was; *renamed: others give us another
 * identity.
 */
static int load(struct supervisor *v, const struct supervisor_settings *s, bool *renamed)
{
    struct tls_files files = {s->option, s->files.certificate, s->files.key, s->files.ca,
                              s->files.crl};
    struct supervisor_settings copy;
    struct arena *arena = arena_new(SETTINGS_BYTES);
    SSL_CTX *tls = tls_client_context(&files);
    char *own = tls == NULL ? NULL : tls_own_identity(tls);
    if (own == NULL || arena == NULL || supervisor_settings_copy(arena, s, &copy) == -1) {
        log_error("supervisor.files", "supervisor=%s error=\"cannot be used%s\"", s->url,
                  tls != NULL && own == NULL ? ": the certificate's subject names nobody" : "");
        SSL_CTX_free(tls);
        free(own);
        arena_free(&arena);
        return -1;
    }
    *renamed = v->own_identity != NULL && strcmp(own, v->own_identity) != 0;
    SSL_CTX_free(v->tls);
    free(v->own_identity);
    arena_free(&v->arena);
    v->tls = tls;
    v->own_identity = own;
    v->arena = arena;
    v->settings = copy;
    return 0;
}

struct supervisor *supervisor_new(struct gateway *g, const struct supervisor_settings *s)
{
    struct supervisor *v = calloc(1, sizeof *v);
    bool renamed;
    if (v == NULL || load(v, s, &renamed) == -1) {
        free(v);
        return NULL;
    }
    v->gateway = g;
    v->errands =
        (struct errands){.gateway = g, .settings = &v->settings, .post = on_answer, .context = v};
    return v;
}

int supervisor_start(struct supervisor *v)
{
    supervisor_state_start(&v->state, v->settings.poll_s * 1000000, v->settings.expiry_s * 1000000,
                           daemon_clock_us());
    v->wake = evtimer_new(v->gateway->base, on_wake, v);
    if (v->wake == NULL) {
        log_error("supervisor.start", "supervisor=%s error=\"out of memory\"", v->settings.url);
        return -1;
    }
    wake(v);
    return 0;
}

int supervisor_configure(struct supervisor *v, const struct supervisor_settings *s)
{
    bool renamed = false;
    int loaded = load(v, s, &renamed);
    int64_t now_us = daemon_clock_us();
    v->state.poll_us = v->settings.poll_s * 1000000;
    v->state.expiry_us = v->settings.expiry_s * 1000000;
    if (renamed || v->leaving) {
        supervisor_renamed(&v->state, now_us);
        v->leaving = v->withdrawn = v->withdrawing = false;
    }
    v->changed = v->talk != NULL;
    supervisor_changed(&v->state, now_us);
    wake(v);
    return loaded;
}

const char *supervisor_url(const struct supervisor *v)
{
    return v->settings.url;
}

void supervisor_leave(struct supervisor *v, bool at_once)
{
    v->leaving = true;
    if (at_once) {
        errands_drop(&v->errands);
        if (v->post != NULL) {
            supervisor_http_cancel(v->post);
            v->post = NULL;
        }
        outbox_clear(&v->outbox);
    }
    wake(v);
}

bool supervisor_has_left(const struct supervisor *v)
{
    return v->withdrawn && v->talk == NULL && v->errands.first == NULL &&
           (v->outbox.count == 0 || v->outbox.failures > 0);
}

void supervisor_give_up(struct supervisor *v, const char *why)
{
    errands_give_up(&v->errands, why);
}

void supervisor_free(struct supervisor **p)
{
    struct supervisor *v = *p;
    *p = NULL;
    if (v == NULL) {
        return;
    }
    errands_drop(&v->errands);
    if (v->talk != NULL) {
        supervisor_http_cancel(v->talk);
    }
    if (v->post != NULL) {
        supervisor_http_cancel(v->post);
    }
    outbox_clear(&v->outbox);
    offer_free(&v->offer);
    offer_free(&v->offered);
    arena_free(&v->body);
    if (v->wake != NULL) {
        event_free(v->wake);
    }
    SSL_CTX_free(v->tls);
    arena_free(&v->arena);
    free(v->own_identity);
    free(v->identity);
    free(v);
}

/* ---- for people ---- */

static void time_text(int64_t us, char text[24])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(text, 24, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void supervisor_report(const struct supervisor *v, struct supervisor_report *r)
{
    char since[24] = "", polled[24] = "never";
    bool registered = v->state.registered && !v->withdrawn;
    if (v->polled_at != 0) {
        time_text(v->polled_at, polled);
    }
    if (registered) {
        time_text(v->registered_at, since);
    }
    r->registered = registered;
    r->waiting = v->outbox.count;
    r->dropped = v->outbox.dropped;
    snprintf(r->text, sizeof r->text, "%s %s%s, polled %s, %llu errors%s%s", v->settings.url,
             registered               ? "registered since "
             : v->error[0] != '\0'    ? "away"
             : v->state.must_register ? "waits until it has forgotten an earlier registration"
                                      : "not registered yet",
             since, polled, (unsigned long long)v->errors, v->error[0] == '\0' ? "" : ", ",
             v->error);
}
