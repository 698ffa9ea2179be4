/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The errands of a supervisor: one for each message it has sent. An errand ends with its answer
 * posted; until then it waits for its job as a client's connection does.
 */
#include "mplane-gw/supervisors/supervisor_errands.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/jobs/ask.h"
#include "mplane-gw/supervisors/supervisor_reply.h"

struct errand {
    struct waiter waiter; /* the first member: a waiter is its errand */
    struct errand *next, *previous;
    struct errands *owner;
    struct arena *arena;
    struct desk_reply reply;
    struct event *timer; /* when it fires there will be a receipt */
    bool listed;
    bool elsewhere;
    char url[SUPERVISOR_URL_BYTES];
    char *identity;
    int64_t begun_us;
};

static void errand_free(struct errand *d)
{
    if (d->listed) {
        DL_DELETE2(d->owner->first, d, previous, next);
        d->owner->count--;
    }
    job_leave(&d->waiter);
    desk_release(&d->reply);
    if (d->timer != NULL) {
        event_free(d->timer);
    }
    arena_free(&d->arena);
    free(d->identity);
    free(d);
}

static struct errand *errand_new(struct errands *e, const char *identity)
{
    struct errand *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->owner = e;
    d->begun_us = daemon_clock_us();
    d->arena = desk_arena();
    d->identity = strdup(identity);
    if (d->arena == NULL || d->identity == NULL) {
        errand_free(d);
        return NULL;
    }
    return d;
}

/* ---- answers ---- */

/* The reply's text in the errand's arena; .at NULL when that is full. */
static struct slice write_reply(struct errand *d)
{
    struct slice pieces[RENDERED_PIECES];
    const struct rendered *r = d->reply.rendered;
    if (r == NULL) {
        return mplane_message_write(d->arena, &d->reply.message, d->owner->gateway->registry);
    }
    unsigned count = rendered_pieces(d->arena, r, d->reply.label, pieces);
    struct slice text = {NULL, 0};
    size_t size = 1;
    for (unsigned i = 0; i < count; i++) {
        size += pieces[i].len;
    }
    char *to = count == 0 ? NULL : arena_alloc(d->arena, size);
    for (unsigned i = 0; to != NULL && i < count; i++) {
        memcpy(to + text.len, pieces[i].at, pieces[i].len);
        text.len += pieces[i].len;
    }
    text.at = to;
    return text;
}

/* A withdrawal is told where capabilities are registered; here it would be refused. */
static void post(struct errand *d)
{
    struct gateway *g = d->owner->gateway;
    struct mplane_message *m = &d->reply.message;
    if (m->kind == MPLANE_ENVELOPE && d->reply.job->repeat->count == 0) {
        /* Programs that relay take each message out of an envelope: of an empty one nobody hears.
         */
        rendered_release(&d->reply.rendered);
        *m = mplane_exception(d->reply.token, slice_of("ended before its first run"));
    }
    if (m->kind == MPLANE_WITHDRAWAL) {
        *m = mplane_exception(d->reply.token, slice_of("the capability has been withdrawn"));
    }
    struct slice text = write_reply(d);
    if (text.at == NULL) {
        *m = mplane_exception(d->reply.token, slice_of(ANSWER_OVERSIZED));
        text = mplane_message_write(d->arena, m, g->registry);
    }
    if (text.at != NULL) {
        desk_count(g, m);
        desk_audit(g, &d->reply, d->identity, d->owner->settings->url, NULL, d->begun_us);
        d->owner->post(d->owner->context, d->url, d->elsewhere ? NULL : d->identity, text);
    }
}

static void refuse(struct errand *d, const char *place, const char *why)
{
    struct desk_request r = {.gateway = d->owner->gateway, .arena = d->arena, .place = place};
    desk_refuse(&r, &d->reply, "%s", why);
    post(d);
    errand_free(d);
}

static void on_answered(struct waiter *w, struct job *job)
{
    struct errand *d = (struct errand *)w;
    (void)job;
    desk_render(d->owner->gateway, d->arena, &d->reply);
    post(d);
    errand_free(d);
}

/* Whoever asked is told that it will take longer. */
static void post_receipt(struct errand *d)
{
    desk_render(d->owner->gateway, d->arena, &d->reply);
    post(d);
}

static void on_slow(evutil_socket_t fd, short what, void *context)
{
    struct errand *d = context;
    (void)fd, (void)what;
    post_receipt(d);
}

/* What the errand needs of the reply to the poll, which does not live as long. -1: out of memory.
 */
static int keep(struct errand *d)
{
    struct slice *kept[] = {&d->reply.token, &d->reply.label, &d->reply.verb};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (kept[i]->at != NULL) {
            *kept[i] = arena_copy(d->arena, *kept[i]);
            if (kept[i]->at == NULL) {
                return -1;
            }
        }
    }
    return 0;
}

static void enlist(struct errand *d)
{
    DL_APPEND2(d->owner->first, d, previous, next);
    d->owner->count++;
    d->listed = true;
    d->waiter.answered = on_answered;
    job_wait(d->reply.job, &d->waiter);
}

static void wait_for_job(struct errand *d)
{
    struct errands *e = d->owner;
    struct timeval t = gateway_timeval(e->gateway->settings.answer_timeout_ms * 1000);
    if (e->count >= ERRANDS_MAX || keep(d) == -1 ||
        (d->timer = evtimer_new(e->gateway->base, on_slow, d)) == NULL) {
        job_release(d->reply.job);
        refuse(d, "", "too many questions of yours are under way");
        return;
    }
    enlist(d);
    if (d->reply.wait) {
        evtimer_add(d->timer, &t);
    } else {
        post_receipt(d);
    }
}

/* ---- one message ---- */

static struct errand *find(const struct errands *e, struct slice token)
{
    for (struct errand *d = e->first; d != NULL; d = d->next) {
        if (slice_equal(d->reply.token, token)) {
            return d;
        }
    }
    return NULL;
}

static void find_url(struct errand *d, const struct mplane_members *m, const struct errand *earlier)
{
    static struct log_limit said;
    if (earlier != NULL) {
        snprintf(d->url, sizeof d->url, "%s", earlier->url);
        d->elsewhere = earlier->elsewhere;
        return;
    }
    struct slice link = mplane_members_text(m, MPLANE_KEY_LINK);
    enum supervisor_link where = supervisor_result_url(d->owner->settings, link, d->url);
    d->elsewhere = where == SUPERVISOR_LINK_ELSEWHERE;
    if (where == SUPERVISOR_LINK_REFUSED) {
        gateway_count(d->owner->gateway, COUNT_SUPERVISORS_LINKS_REFUSED);
        if (log_allowed(&said, 5)) {
            log_warn("supervisor.link", "supervisor=%s link=%s effect=\"answered at %s\"",
                     d->owner->settings->url, QUOTED(link), d->url);
        }
    }
}

/*
 * The answer to an interrupt is its job's, and that is posted once: by the errand that waits for
 * it, or before. A second copy would be taken for the answer to a later question.
 */
static bool is_answered_otherwise(const struct job *job, bool interrupt)
{
    return interrupt && job->state != JOB_RUNNING && job->delivered;
}

static void take_message(struct errands *e, const char *identity, const struct mplane_members *m,
                         const char *place)
{
    struct errand *d = errand_new(e, identity);
    if (d == NULL) {
        log_error("supervisor.message", "error=\"out of memory\"");
        return;
    }
    bool interrupt = m->at[MPLANE_KEY_INTERRUPT] != NULL;
    bool specification = m->at[MPLANE_KEY_SPECIFICATION] != NULL;
    find_url(d, m, interrupt ? find(e, mplane_members_text(m, MPLANE_KEY_TOKEN)) : NULL);
    struct slice text = json_text(d->arena, m->message);
    struct desk_request r = {e->gateway,
                             d->arena,
                             slice_of(d->identity),
                             (struct slice){NULL, 0},
                             e->settings->url,
                             m->message,
                             desk_fallback_token(d->arena, text),
                             place};
    desk_handle(&r, &d->reply);
    if (d->reply.job == NULL) {
        post(d);
        errand_free(d);
    } else if (is_answered_otherwise(d->reply.job, interrupt)) {
        errand_free(d);
    } else if (d->reply.job->state == JOB_RUNNING && specification) {
        wait_for_job(d);
    } else {
        desk_render(d->owner->gateway, d->arena, &d->reply);
        post(d);
        errand_free(d);
    }
}

static void refuse_message(struct errands *e, const char *identity, const struct mplane_members *m,
                           const char *place, const char *why)
{
    struct errand *d = errand_new(e, identity);
    if (d != NULL) {
        find_url(d, m, NULL);
        d->reply.door = "message";
        d->reply.outcome = "limited";
        d->reply.token = mplane_members_text(m, MPLANE_KEY_TOKEN);
        if (d->reply.token.at == NULL) {
            d->reply.token = desk_fallback_token(d->arena, json_text(d->arena, m->message));
        }
        refuse(d, place, why);
    }
}

/* ---- the reply to a poll ---- */

struct taking {
    struct errands *errands;
    const char *identity;
    size_t messages;
};

/* Who is asked too much at once says so to what is too much. */
static void take(void *context, const struct mplane_members *m, const char *place)
{
    struct taking *t = context;
    gateway_count(t->errands->gateway, COUNT_SUPERVISORS_MESSAGES);
    if (++t->messages > (size_t)t->errands->gateway->settings.envelope_max) {
        refuse_message(t->errands, t->identity, m, place, "too many messages at once, ask again");
    } else {
        take_message(t->errands, t->identity, m, place);
    }
}

int errands_take(struct errands *e, const char *identity, struct slice body,
                 struct errands_news *news)
{
    static struct log_limit said;
    struct taking taking = {e, identity, 0};
    struct supervisor_reply reply = {.now_us = daemon_now_us(), .take = take, .context = &taking};
    struct arena *a = desk_arena();
    int result = a == NULL ? -1 : supervisor_reply_read(a, body, &reply);
    snprintf(news->error, sizeof news->error, "%s", a == NULL ? "out of memory" : reply.error);
    news->messages = taking.messages;
    news->has_callback = reply.has_callback;
    news->callback_us = reply.callback_us;
    for (size_t i = 0; i < reply.bad_callbacks; i++) {
        gateway_count(e->gateway, COUNT_MALFORMED);
    }
    if (reply.bad_callbacks > 0 && log_allowed(&said, 10)) {
        log_info("supervisor.callback", "error=%s", QUOTED(slice_of(reply.error)));
    }
    arena_free(&a);
    return result;
}

void errands_adopt(struct errands *e, const char *identity)
{
    struct job *job = NULL;
    while ((job = jobs_next(ask_jobs(e->gateway), job)) != NULL) {
        if (job->repeat == NULL || job->state != JOB_RUNNING || e->count >= ERRANDS_MAX ||
            !slice_is(job->identity, identity) || find(e, job->token) != NULL) {
            continue;
        }
        struct errand *d = errand_new(e, identity);
        if (d == NULL) {
            return;
        }
        struct slice none = {NULL, 0};
        supervisor_result_url(e->settings, none, d->url);
        d->reply.door = mplane_kind_name(MPLANE_SPECIFICATION);
        d->reply.capability = job->capability;
        d->reply.job = job;
        d->reply.token = job->token;
        d->reply.label = job->label;
        job_hold(job);
        enlist(d);
    }
}

void errands_give_up(struct errands *e, const char *why)
{
    while (e->first != NULL) {
        struct errand *d = e->first;
        struct job *job = d->reply.job;
        if (job->repeat != NULL && e->gateway->settings.repeats_file[0] != '\0') {
            errand_free(d);
            continue;
        }
        job_leave(&d->waiter);
        job_release(job);
        refuse(d, "", why);
    }
}

void errands_drop(struct errands *e)
{
    while (e->first != NULL) {
        struct errand *d = e->first;
        ask_leave(e->gateway, &d->waiter);
        errand_free(d);
    }
}
