/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Specifications, redemptions and interrupts: judged, and turned into jobs. Every way to a job's
 * answer passes desk_may_use() and asks for the identity that the job belongs to.
 */
#include "mplane-gw/desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/jobs/ask.h"
#include "mplane-gw/jobs/repeats.h"
#include "mplane-gw/posts/delegate.h"

#define ERROR_BYTES 1024

/* A job's specification in its arena, at most so much: a grading document, escaped, several times.
 */
#define JOB_BYTES (32 * 1024 * 1024)

/* A body as a tree of small values; each byte of it gives at most so many of the tree. */
#define TREE_BYTES  ((size_t)96 * 1024 * 1024)
#define TREE_FACTOR 40

/* An answer, and the reply made of it, against the answer's bytes. */
#define RENDERED_FACTOR 6

/* What was made of a repeated specification's runs says until when it goes on: it gets old. */
#define RENDERED_FRESH_US 10000000

struct arena *desk_arena(void)
{
    return arena_new(TREE_BYTES + JOB_BYTES);
}

size_t desk_tree_bytes(size_t body_bytes)
{
    return body_bytes < TREE_BYTES / TREE_FACTOR ? body_bytes * TREE_FACTOR : TREE_BYTES;
}

static void refuse_malformed(const struct desk_request *r, struct desk_reply *reply,
                             const char *error)
{
    static struct log_limit said;
    gateway_count(r->gateway, COUNT_MALFORMED);
    reply->outcome = "malformed";
    if (log_allowed(&said, 10)) {
        log_info("request.malformed", "peer=%s identity=%s error=%s", r->peer, QUOTED(r->identity),
                 QUOTED(slice_of(error)));
    }
    desk_refuse(r, reply, "%s", error);
}

bool desk_may_use(const struct desk_request *r, struct desk_reply *reply,
                  const struct capability *k)
{
    static struct log_limit said;
    reply->capability = k;
    const char *why = capability_denied(k, r->gateway->access, r->identity);
    if (why == NULL) {
        return true;
    }
    gateway_count(r->gateway, COUNT_DENIED);
    reply->outcome = "denied";
    if (log_allowed(&said, 10)) {
        log_info("request.denied", "peer=%s identity=%s capability=%.*s door=%s", r->peer,
                 QUOTED(r->identity), (int)k->label.len, k->label.at, reply->door);
    }
    desk_refuse(r, reply, "not authorized to use the capability %.*s%s", (int)k->label.len,
                k->label.at, why);
    return false;
}

/* The reply is what this job says. */
static void reply_by(struct desk_reply *reply, struct job *job, bool wait)
{
    job_hold(job);
    reply->job = job;
    reply->wait = wait;
}

void desk_release(struct desk_reply *reply)
{
    rendered_release(&reply->rendered);
    if (reply->job != NULL) {
        job_release(reply->job);
        reply->job = NULL;
    }
}

/* The message that the job's answer, or its runs, make; in the arena. -1 when that is full. */
static int answer_of(struct arena *a, const struct job *job, const struct desk_reply *reply,
                     struct mplane_message *m)
{
    struct slice bytes = {job->bytes, job->size};
    return job->repeat != NULL ? answer_envelope_of(a, job->specification, job->repeat,
                                                    daemon_now_us(), reply->token, reply->label, m)
                               : answer_message_of(a, job->specification, &job->question, bytes,
                                                   reply->token, reply->label, m);
}

/* Makes the text of the job's reply and has the job keep it. NULL: too large, or out of memory. */
static struct rendered *make_rendered(struct gateway *g, struct job *job,
                                      const struct desk_reply *reply)
{
    size_t most = RENDERED_FACTOR * (size_t)g->settings.answer_bytes;
    struct arena *a = arena_new(JOB_BYTES + most);
    struct rendered *made = NULL;
    struct mplane_message m;
    if (a != NULL && answer_of(a, job, reply, &m) == 0) {
        made = rendered_new(a, &m, g->registry, most);
    }
    arena_free(&a);
    if (made != NULL) {
        jobs_render(ask_jobs(g), job, made, daemon_clock_us());
    }
    return made;
}

/* Whether what was made before still says what is so. The messages of an envelope have its label.
 */
static bool is_current(struct arena *a, const struct job *job, struct slice label)
{
    struct slice pieces[RENDERED_PIECES];
    return job->rendered != NULL &&
           (job->repeat == NULL || ((job->state != JOB_RUNNING ||
                                     daemon_clock_us() - job->rendered_us < RENDERED_FRESH_US) &&
                                    rendered_pieces(a, job->rendered, label, pieces) == 1));
}

static void render_answer(struct gateway *g, struct arena *a, struct desk_reply *reply)
{
    struct job *job = reply->job;
    reply->first = !job->delivered;
    job->delivered = job->state != JOB_RUNNING;
    if (job->state == JOB_FAILED) {
        reply->message = answer_exception(a, reply->token, "%s", job->failure);
        return;
    }
    reply->rendered = is_current(a, job, reply->label) ? rendered_hold(job->rendered)
                                                       : make_rendered(g, job, reply);
    if (reply->rendered == NULL) {
        reply->message = answer_exception(a, reply->token, ANSWER_OVERSIZED);
        return;
    }
    reply->message =
        (struct mplane_message){.kind = reply->rendered->kind, .row_count = reply->rendered->rows};
    job->published = job->question.publish && reply->message.kind == MPLANE_RESULT;
}

void desk_render(struct gateway *g, struct arena *a, struct desk_reply *reply)
{
    const struct job *job = reply->job;
    bool so_far = reply->redeemed && job->repeat != NULL && job->repeat->count > 0;
    if (job->state == JOB_RUNNING && !so_far) {
        desk_postpone(reply);
    } else {
        render_answer(g, a, reply);
    }
}

void desk_postpone(struct desk_reply *reply)
{
    struct job *job = reply->job;
    rendered_release(&reply->rendered);
    job->kept = true;
    job->delivered = job->delivered && !reply->first;
    reply->message = answer_receipt(job->specification, reply->token, reply->label);
    if (job->progress[0] != '\0') {
        job->told = (struct mplane_metadata){slice_of(MPLANE_PROGRESS), slice_of(job->progress)};
        reply->message.metadata = &job->told;
        reply->message.metadata_count = 1;
    }
}

/* ---- specifications ---- */

/* Whose specification it is, and since when a repeated one's times count. */
struct specification_origin {
    struct slice identity, token, label;
    int64_t taken_us, next_us;
};

static bool is_repeated_query(const struct mplane_message *m, const struct capability *k)
{
    return m->when.repeat && slice_is(k->message.verb, "query");
}

/*
 * What the job asks queryd or stored; of a repeated query what its first run will ask, so that what
 * is wrong with it is said now.
 */
static int make_question(struct job *job, const struct specification_origin *o, char *error,
                         size_t size)
{
    struct mplane_message single = *job->specification;
    if (is_repeated_query(&single, job->capability)) {
        job->repeat = repeat_new(&single.when, o->taken_us, o->next_us, error, size);
        if (job->repeat == NULL) {
            return -1;
        }
        single.when = repeat_scope(job->repeat, job->repeat->next_us);
    }
    return question_of(&single, job->capability->kind, daemon_now_us(), &job->question, error,
                       size);
}

/* With a copy of the specification, since the peer's body does not live as long as the job. */
static struct job *make_job(const struct mplane_message *m, const struct specification_origin *o,
                            const struct capability *k, char *error, size_t size)
{
    struct job *job = calloc(1, sizeof *job);
    snprintf(error, size, "out of memory");
    if (job == NULL || (job->arena = arena_new(JOB_BYTES)) == NULL) {
        job_free(job);
        return NULL;
    }
    job->specification = mplane_message_copy(job->arena, m);
    if (job->specification == NULL) {
        snprintf(error, size, "the specification is too large");
        job_free(job);
        return NULL;
    }
    job->capability = k;
    job->identity = arena_copy(job->arena, o->identity);
    job->token = arena_copy(job->arena, o->token);
    job->label = arena_copy(job->arena, o->label);
    if (job->identity.at == NULL || job->token.at == NULL ||
        make_question(job, o, error, size) == -1) {
        job_free(job);
        return NULL;
    }
    return job;
}

/* Whether two specifications ask the same: what a token is computed from is the same. */
static bool same_question(struct arena *a, const struct mplane_message *x,
                          const struct mplane_message *y)
{
    char token_x[TOKEN_TEXT], token_y[TOKEN_TEXT];
    return token_of_specification(a, x, token_x) == 0 &&
           token_of_specification(a, y, token_y) == 0 && strcmp(token_x, token_y) == 0;
}

/*
 * The job that this specification asked for before, if it is under way or nobody has had its
 * answer: a repeated request is not a second question. What was delivered makes room for a new one,
 * for the counts of today are not those of ten minutes ago; but what was published is not published
 * twice for a sender who gave it a token and sends it again. -1 after a refusal.
 */
static int find_job(const struct desk_request *r, struct desk_reply *reply,
                    const struct mplane_message *m, struct job **job)
{
    *job = jobs_by_token(ask_jobs(r->gateway), r->identity, reply->token);
    if (*job == NULL) {
        return 0;
    }
    bool same = same_question(r->arena, m, (*job)->specification);
    bool other =
        !sight_is(r->gateway->access, r->identity, (*job)->capability->label, (*job)->sight);
    bool used_up = other || ((*job)->delivered && !((*job)->published && m->token.len > 0));
    if ((*job)->state != JOB_RUNNING && (used_up || !same)) {
        jobs_remove(ask_jobs(r->gateway), *job);
        *job = NULL;
        return 0;
    }
    if (!same) {
        desk_refuse(r, reply, "token: another question of yours under way has this token");
        return -1;
    }
    return 0;
}

static void handle_specification(const struct desk_request *r, const struct mplane_message *m,
                                 struct desk_reply *reply)
{
    struct gateway *g = r->gateway;
    char error[ERROR_BYTES] = "";
    const struct capability *k = capabilities_match(g->capabilities, m, error, sizeof error);
    if (k == NULL) {
        desk_refuse(r, reply, "%s", error);
        return;
    }
    if (!desk_may_use(r, reply, k)) {
        /* Who is only bound is told so. */
        if (!access_allows(g->access, r->identity, k->label) &&
            gateway_could_use(g, r->identity, k->label)) {
            reply->message = answer_withdrawal(&k->message);
        }
        return;
    }
    if (m->export.at != NULL && k->message.export.at == NULL) {
        desk_refuse(r, reply, "%.*s: export: the capability exports nothing", (int)k->label.len,
                    k->label.at);
        return;
    }
    const struct mplane_message *whole = capabilities_complete(r->arena, k, m);
    snprintf(error, sizeof error, "out of memory");
    if (whole == NULL || !mplane_message_fulfils(r->arena, whole, &k->message, g->registry,
                                                 daemon_now_us(), error, sizeof error)) {
        desk_refuse(r, reply, "%.*s: %s", (int)k->label.len, k->label.at, error);
        return;
    }
    if (k->kind == CAPABILITY_COLLECT) {
        delegate_specification(r, m, k, reply);
        return;
    }
    struct job *job;
    if (find_job(r, reply, m, &job) == -1) {
        return;
    }
    if (job == NULL) {
        int64_t now_us = daemon_now_us();
        struct specification_origin o = {r->identity, reply->token, reply->label, now_us, now_us};
        job = make_job(m, &o, k, error, sizeof error);
        if (job == NULL) {
            desk_refuse(r, reply, "%.*s: %s", (int)k->label.len, k->label.at, error);
            return;
        }
        const char *why = job->repeat != NULL ? repeats_add(g, job) : ask(g, job);
        if (why != NULL) {
            desk_refuse(r, reply, "%s", why);
            return;
        }
    }
    reply_by(reply, job, job->repeat == NULL);
}

/* The job of an entry; NULL and error. */
static struct job *restore_job(const struct gateway *g, struct arena *a,
                               const struct repeats_entry *e, char *error, size_t size)
{
    const struct mplane_message *m =
        mplane_message_read(a, e->specification, g->registry, error, size);
    const struct capability *k =
        m == NULL ? NULL : capabilities_match(g->capabilities, m, error, size);
    if (k == NULL) {
        return NULL;
    }
    if (!is_repeated_query(m, k)) {
        snprintf(error, size, "expected a repeated query");
        return NULL;
    }
    struct specification_origin o = {e->identity, m->token, m->label, e->taken_us, e->next_us};
    return make_job(m, &o, k, error, size);
}

/* Whether its identity may use the capability is looked at before each run. */
int desk_restore(struct gateway *g, const struct repeats_entry *e, char *error, size_t error_size)
{
    struct arena *a = arena_new(JOB_BYTES);
    snprintf(error, error_size, "out of memory");
    struct job *job = a == NULL ? NULL : restore_job(g, a, e, error, error_size);
    arena_free(&a);
    if (job == NULL) {
        return -1;
    }
    const char *why = repeats_add(g, job);
    if (why != NULL) {
        snprintf(error, error_size, "%s", why);
        return -1;
    }
    return 0;
}

/* ---- redemptions and interrupts ---- */

/* The peer's own job of that token; NULL after a refusal, the same whoever else has such a job. */
static struct job *own_job(const struct desk_request *r, struct desk_reply *reply)
{
    struct job *job = jobs_by_token(ask_jobs(r->gateway), r->identity, reply->token);
    if (job == NULL) {
        desk_refuse(r, reply,
                    "unknown job: you have none of the token \"%.*s\", or it is no longer kept",
                    SLICE_SHOWN(reply->token, 100));
        return NULL;
    }
    if (!desk_may_use(r, reply, job->capability)) {
        return NULL;
    }
    if (!sight_is(r->gateway->access, r->identity, job->capability->label, job->sight)) {
        if (job->state != JOB_RUNNING) {
            jobs_remove(ask_jobs(r->gateway), job);
        }
        desk_refuse(r, reply, "what you may see was changed since this was asked, ask again");
        return NULL;
    }
    if (reply->label.at == NULL) {
        reply->label = job->label;
    }
    return job;
}

static void handle_redemption(const struct desk_request *r, struct desk_reply *reply)
{
    struct job *job = own_job(r, reply);
    if (job != NULL) {
        reply_by(reply, job, false);
        reply->redeemed = true;
    }
}

static void handle_interrupt(const struct desk_request *r, struct desk_reply *reply)
{
    struct job *job = own_job(r, reply);
    if (job != NULL) {
        /* A publication goes on; its reply is then a receipt. */
        reply_by(reply, job, false);
        if (job->repeat != NULL) {
            repeats_interrupt(r->gateway, job);
        } else {
            ask_interrupt(r->gateway, job, "interrupted before there was an answer");
        }
    }
}

/* ---- any message ---- */

/*
 * The same answer several times in one reply is of use to nobody but who wants to cost memory. The
 * same question may be asked under several labels, without tokens.
 */
static bool is_repeated_in(const struct desk_request *r, const struct desk_reply *reply)
{
    for (size_t i = 0; i < r->earlier_count; i++) {
        if (strcmp(r->earlier[i].door, reply->door) == 0 &&
            slice_equal(r->earlier[i].token, reply->token)) {
            return true;
        }
    }
    return false;
}

void desk_handle(const struct desk_request *r, struct desk_reply *reply)
{
    char error[ERROR_BYTES] = "", token[TOKEN_TEXT];
    struct mplane_members members;
    memset(reply, 0, sizeof *reply);
    reply->door = "message";
    mplane_members_sort(r->tree, &members);
    reply->token = mplane_members_text(&members, MPLANE_KEY_TOKEN);
    bool named = reply->token.len > 0;
    if (!named) {
        reply->token = r->fallback;
    }
    const struct mplane_message *m =
        mplane_message_read(r->arena, r->tree, r->gateway->registry, error, sizeof error);
    if (m == NULL) {
        refuse_malformed(r, reply, error);
        return;
    }
    reply->label = m->label;
    reply->verb = m->verb;
    reply->door = mplane_kind_name(m->kind);
    /* Also a receipt whose token was left out names its job: by what the token is a digest of. */
    if (!named && m->has_when && token_of_specification(r->arena, m, token) == 0) {
        struct slice kept = arena_copy(r->arena, slice_of(token));
        reply->token = kept.at == NULL ? reply->token : kept;
    }
    if ((named || m->kind != MPLANE_SPECIFICATION) && is_repeated_in(r, reply)) {
        desk_refuse(r, reply, "token: a %s of this token stands in this envelope before",
                    reply->door);
    } else if (m->kind == MPLANE_SPECIFICATION) {
        handle_specification(r, m, reply);
    } else if ((m->kind == MPLANE_REDEMPTION || m->kind == MPLANE_INTERRUPT) &&
               delegate_redemption(r, m, reply)) {
        return;
    } else if (m->kind == MPLANE_REDEMPTION) {
        handle_redemption(r, reply);
    } else if (m->kind == MPLANE_INTERRUPT) {
        handle_interrupt(r, reply);
    } else {
        desk_refuse(r, reply,
                    "expected a specification, a redemption or an interrupt, found a message of "
                    "the kind %s",
                    mplane_kind_name(m->kind));
    }
}
