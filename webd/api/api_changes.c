/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A follower is a question to the feed with its cursor, asked again and again, and whom its answers
 * are told. Who begins elsewhere has a follower of its own until that has come to where another one
 * of the same question is.
 */
#include "webd/api/api_changes.h"

#include <event2/http_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/answer_rows.h"
#include "common/asking/sight.h"
#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/hash.h"
#include "common/log.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_listener.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"

#define LABEL          "QueryChanges"
#define HIGH_WATER     1000
#define FOLLOWER_BYTES ((size_t)64 * 1024)
#define ANSWER_BYTES   ((size_t)LIMIT_ANSWER_CELLS * 32)
#define PAGE_ROWS      1000
#define WAIT_MS        20000 /* queryd holds a question that has nothing to tell so long */
#define GATHER_US      250000
#define AGAIN_US       1000000 /* after queryd could not answer */
#define GRACE_US       INT64_C(5000000)
#define QUIET_US       INT64_C(15000000) /* so long nothing is told at most */
#define CURSOR_BYTES   256

struct api_follower {
    struct api_follower *next, *previous; /* utlist */
    struct web *web;
    struct arena *arena;
    struct gateway_question question; /* of all that ask for the same */
    struct slice key, identity;       /* what is asked, as bytes */
    unsigned char sight[SIGHT_BYTES];
    char cursor[CURSOR_BYTES]; /* where to go on; "": now */
    bool answered;
    uint64_t id; /* of the question under way; 0: none is */
    int64_t until_us;
    struct event *timer; /* the next question */
    struct api_listener *listeners;
};

struct api_changes {
    struct link link;
    struct api_follower *first;
    uint64_t last_id;
};

static void ask(struct api_follower *f);

/* ---- followers ---- */

static void tell_all(struct api_follower *f, struct slice text)
{
    struct api_listener *l, *next;
    DL_FOREACH_SAFE2(f->listeners, l, next, next)
    {
        (void)api_listener_tell(l, text);
    }
}

static void free_follower(struct api_follower *f)
{
    DL_DELETE2(f->web->changes->first, f, previous, next);
    if (f->timer != NULL) {
        event_free(f->timer);
    }
    struct arena *a = f->arena;
    arena_free(&a);
}

static void cancel(struct api_follower *f)
{
    if (f->id != 0) {
        query_link_cancel(&f->web->changes->link, f->id);
        f->id = 0;
    }
}

static void ask_in(struct api_follower *f, int64_t us)
{
    const struct timeval t = {us / 1000000, us % 1000000};
    evtimer_add(f->timer, &t);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    ask(context);
}

static bool asks_the_same(const struct api_follower *a, const struct api_follower *b)
{
    return slice_equal(a->key, b->key) && memcmp(a->sight, b->sight, sizeof a->sight) == 0;
}

/* Another one of the same question that has come to the same place. */
static struct api_follower *twin_of(const struct api_follower *f)
{
    struct api_follower *other;
    DL_FOREACH2(f->web->changes->first, other, next)
    {
        if (other != f && other->answered && asks_the_same(f, other) &&
            strcmp(f->cursor, other->cursor) == 0) {
            break;
        }
    }
    return other;
}

/* Its listeners are the other's from now on. */
static void join(struct api_follower *f, struct api_follower *other)
{
    struct api_listener *l, *next;
    DL_FOREACH_SAFE2(f->listeners, l, next, next)
    {
        DL_DELETE2(f->listeners, l, previous, next);
        DL_APPEND2(other->listeners, l, previous, next);
        l->of = &other->listeners;
    }
}

/* Asks, unless nobody listens any more or another one does it. */
static void ask(struct api_follower *f)
{
    struct query_message *q = &f->question.query;
    struct api_follower *twin = f->answered ? twin_of(f) : NULL;
    struct sight sight;
    if (twin != NULL) {
        join(f, twin);
    }
    if (f->listeners == NULL) {
        free_follower(f);
        return;
    }
    if (sight_find(f->web->access, f->identity, slice_of(LABEL), &sight) == -1 ||
        memcmp(sight.mark, f->sight, sizeof f->sight) != 0) {
        return; /* they are ended, too: api_changes_end_all() */
    }
    q->id = f->id = ++f->web->changes->last_id;
    q->asker = f->identity;
    q->after = slice_of(f->cursor[0] == '\0' ? CURSOR_NOW : f->cursor);
    q->limit = PAGE_ROWS;
    q->wait_ms = f->answered ? WAIT_MS : 0;
    q->timeout_ms = (uint64_t)f->web->settings.query_timeout_ms;
    q->sees = sight.patterns;
    q->sees_count = sight.count;
    f->until_us = daemon_clock_us() + (int64_t)(q->timeout_ms + q->wait_ms) * 1000 + GRACE_US;
    if (query_link_ask(&f->web->changes->link, q) == -1) {
        f->id = 0;
        ask_in(f, AGAIN_US);
    }
    q->sees = NULL;
    q->sees_count = 0;
}

/* ---- answers ---- */

/* An event with all rows but the last one, which tells where to go on. -1: memory is out. */
static int write_event(FILE *out, const struct api_follower *f, const struct answer_message *m,
                       struct slice kind)
{
    bool history = slice_is(kind, "history") || slice_is(kind, "cut");
    fprintf(out, "id: %s\nevent: %.*s\ndata: [", f->cursor, history ? (int)kind.len : 7,
            history ? kind.at : "changes");
    int rc =
        api_answer_write_rows(out, CAPABILITY_CHANGES, m, answer_rows(m) - 1, f->web->registry);
    fputs("]\n\n", out);
    return rc;
}

static void tell_answer(struct api_follower *f, const struct answer_message *m, struct slice kind)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int rc = out == NULL ? -1 : write_event(out, f, m, kind);
    if (out == NULL || fclose(out) == EOF || rc == -1) {
        web_count(f->web, COUNT_FAILED);
        free(text);
        return;
    }
    tell_all(f, (struct slice){text, size});
    free(text);
}

static struct slice cell_of(const struct answer_message *m, const char *column)
{
    for (uint32_t i = 0; i < m->columns_count; i++) {
        if (slice_is(m->columns[i], column)) {
            return answer_row(m, answer_rows(m) - 1)[i];
        }
    }
    return (struct slice){NULL, 0};
}

/* What is asked is none, or the cursor is: who waits for the first answer is refused. */
static void refuse_all(struct api_follower *f, struct slice message)
{
    struct api_listener *l, *next;
    DL_FOREACH_SAFE2(f->listeners, l, next, next)
    {
        struct evhttp_request *request = l->request;
        struct connection *c = connection_of(request);
        if (l->started || c == NULL) {
            api_listener_end(l);
            continue;
        }
        api_listener_forget(l);
        web_count(f->web, COUNT_QUESTIONS_INVALID);
        connection_set_phase(c, CONNECTION_SENDING);
        api_refuse(request, c, HTTP_BADREQUEST, "invalid", "%.*s", SLICE_SHOWN(message, 1500));
    }
    free_follower(f);
}

static void answer(struct api_follower *f, const struct answer_message *m)
{
    f->id = 0;
    if (m->status == ANSWER_INVALID) {
        refuse_all(f, m->message);
        return;
    }
    struct slice cursor = m->status == ANSWER_OK && answer_rows(m) > 0 ? cell_of(m, "list.cursor")
                                                                       : (struct slice){NULL, 0};
    if (cursor.at == NULL || cursor.len >= CURSOR_BYTES) {
        ask_in(f, AGAIN_US);
        return;
    }
    struct slice kind = cell_of(m, "feed.kind");
    bool told =
        !f->answered || answer_rows(m) > 1 || slice_is(kind, "history") || slice_is(kind, "cut");
    snprintf(f->cursor, sizeof f->cursor, "%.*s", (int)cursor.len, cursor.at);
    f->answered = true;
    if (told) {
        tell_answer(f, m, kind);
    }
    ask_in(f, slice_is(kind, "more") ? 0 : GATHER_US);
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct web *w = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct answer_message m;
    struct api_follower *f = NULL;
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        web_count(w, COUNT_ANSWERS_MALFORMED);
    } else {
        DL_SEARCH_SCALAR2(w->changes->first, f, id, m.id, next);
        if (f == NULL) {
            web_count(w, COUNT_ANSWERS_LATE);
        } else {
            answer(f, &m);
        }
    }
    arena_free(&a);
}

/* ---- listening ---- */

/* The bytes of what is asked, whoever asks and from where on. 0, or -1: memory is out. */
static int set_key(struct api_follower *f)
{
    struct query_message q = f->question.query;
    struct pack p;
    q.after = q.asker = slice_of("");
    q.limit = q.wait_ms = q.id = q.timeout_ms = 0;
    pack_init(&p);
    query_encode(&p, &q);
    if (pack_ok(&p)) {
        f->key = arena_copy(f->arena, pack_bytes(&p));
    }
    pack_release(&p);
    return f->key.at == NULL ? -1 : 0;
}

/* By Last-Event-ID, as a browser sends it that comes again; else by list.after. -1: too long. */
static int set_cursor(struct api_follower *f, struct evhttp_request *request)
{
    const char *last =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Last-Event-ID");
    struct slice cursor = last == NULL ? f->question.query.after : slice_of(last);
    if (cursor.len >= CURSOR_BYTES) {
        return -1;
    }
    if (!slice_is(cursor, CURSOR_NOW)) {
        snprintf(f->cursor, sizeof f->cursor, "%.*s", (int)cursor.len, cursor.at);
    }
    return 0;
}

/* Reads what is asked. NULL after it was answered why not. */
static struct api_follower *read_request(struct web *w, struct evhttp_request *request,
                                         const struct connection *c, const struct visitor *v)
{
    char error[2048] = "out of memory";
    struct arena *a = arena_new(FOLLOWER_BYTES);
    struct api_follower *f = a == NULL ? NULL : arena_calloc(a, 1, sizeof *f);
    struct sight sight;
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    if (f == NULL || sight_find(w->access, slice_of(v->identity), slice_of(LABEL), &sight) == -1) {
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy",
                   "out of memory, or what your roles may see cannot be asked for");
        arena_free(&a);
        return NULL;
    }
    *f = (struct api_follower){.web = w, .arena = a};
    memcpy(f->sight, sight.mark, sizeof f->sight);
    f->identity = arena_copy(a, slice_of(v->identity));
    if (api_question_read(a, CAPABILITY_CHANGES, query, daemon_now_us(), &f->question, error,
                          sizeof error) == -1 ||
        set_cursor(f, request) == -1 || set_key(f) == -1 || f->identity.at == NULL) {
        web_count(w, COUNT_QUESTIONS_INVALID);
        api_refuse(request, c, HTTP_BADREQUEST, "invalid", "%s", error);
        arena_free(&a);
        return NULL;
    }
    return f;
}

/* One that asks the same and is there, where it begins now; else the new one. */
static struct api_follower *follower_for(struct api_follower *made)
{
    struct api_changes *all = made->web->changes;
    struct api_follower *other;
    DL_FOREACH2(all->first, other, next)
    {
        if (other->answered && asks_the_same(made, other) &&
            (made->cursor[0] == '\0' || strcmp(made->cursor, other->cursor) == 0)) {
            struct arena *a = made->arena;
            arena_free(&a);
            return other;
        }
    }
    made->timer = evtimer_new(made->web->base, on_time, made);
    DL_APPEND2(all->first, made, previous, next);
    return made;
}

/* Each takes one of the connections of its address, from which others come, too. */
static bool has_too_many(struct web *w, const struct visitor *v)
{
    uint64_t asker = hash_bytes(0, v->identity, strlen(v->identity));
    struct api_follower *f;
    struct api_listener *l;
    int64_t own = 0;
    DL_FOREACH2(w->changes->first, f, next)
    {
        DL_FOREACH2(f->listeners, l, next)
        {
            own += l->asker == asker;
        }
    }
    return own >= w->settings.streams_max_per_identity;
}

void api_changes_listen(struct web *w, struct evhttp_request *request, struct connection *c,
                        const struct visitor *v)
{
    const char *denied = visitor_denied(w, v, CAPABILITY_CHANGES, slice_of(LABEL));
    if (denied != NULL) {
        web_count(w, COUNT_QUESTIONS_DENIED);
        api_refuse(request, c, API_FORBIDDEN, "denied", LABEL ": you may not ask this%s", denied);
        return;
    }
    if (request->major == 1 && request->minor == 0) { /* its answer comes in chunks */
        web_count(w, COUNT_QUESTIONS_INVALID);
        api_refuse(request, c, HTTP_BADREQUEST, "invalid", "expected HTTP/1.1");
        return;
    }
    if (has_too_many(w, v)) {
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, API_TOO_MANY, "limited",
                   LABEL ": too many of your streams are open, at most %" PRIi64,
                   w->settings.streams_max_per_identity);
        return;
    }
    struct api_follower *made = read_request(w, request, c, v);
    struct api_listener *l = made == NULL ? NULL : calloc(1, sizeof *l);
    if (made == NULL) {
        return;
    }
    struct api_follower *f = follower_for(made);
    if (l == NULL || f->timer == NULL) {
        free(l);
        if (f->listeners == NULL) {
            free_follower(f);
        }
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return;
    }
    api_listener_add(l, w, &f->listeners, request, c, v);
    if (!f->answered) {
        ask(f);
        return;
    }
    char text[CURSOR_BYTES + 64];
    snprintf(text, sizeof text, "id: %s\nevent: changes\ndata: []\n\n", f->cursor);
    (void)api_listener_tell(l, slice_of(text));
}

/* ---- around ---- */

static void end_all_of(struct api_follower *f)
{
    while (f->listeners != NULL) {
        api_listener_end(f->listeners);
    }
    cancel(f);
    free_follower(f);
}

void api_changes_end_all(struct web *w)
{
    struct api_follower *f, *next;
    DL_FOREACH_SAFE2(w->changes->first, f, next, next)
    {
        end_all_of(f);
    }
}

static void look_at_listeners(struct api_follower *f, int64_t now_us)
{
    struct api_listener *l, *next;
    DL_FOREACH_SAFE2(f->listeners, l, next, next)
    {
        if (now_us - l->begun_us > (int64_t)API_CHANGES_S * 1000000) {
            api_listener_end(l);
        } else if (l->started && now_us - l->told_us > QUIET_US) {
            (void)api_listener_tell(l, slice_of(":\n\n"));
        }
    }
}

void api_changes_end_sessions(struct web *w)
{
    struct api_follower *f;
    struct api_listener *l, *next;
    DL_FOREACH2(w->changes->first, f, next)
    {
        DL_FOREACH_SAFE2(f->listeners, l, next, next)
        {
            if (l->by_session) {
                api_listener_end(l);
            }
        }
    }
}

void api_changes_tick(struct web *w)
{
    struct api_follower *f, *next;
    int64_t now_us = daemon_clock_us();
    link_drain(&w->changes->link);
    DL_FOREACH_SAFE2(w->changes->first, f, next, next)
    {
        look_at_listeners(f, now_us);
        if (f->listeners == NULL) {
            cancel(f);
            free_follower(f);
        } else if (f->id != 0 && now_us >= f->until_us) {
            cancel(f);
            ask(f);
        }
    }
}

struct api_changes *api_changes_new(struct web *w)
{
    struct api_changes *s = calloc(1, sizeof *s);
    if (s == NULL) {
        log_error("changes.start", "error=\"out of memory\"");
        return NULL;
    }
    if (query_link_open(&s->link, w->base, w, take_answer, &w->counters[COUNT_ANSWERS_MALFORMED],
                        HIGH_WATER) == -1) {
        api_changes_free(&s);
    }
    return s;
}

void api_changes_free(struct api_changes **s)
{
    if (*s == NULL) {
        return;
    }
    while ((*s)->first != NULL) {
        end_all_of((*s)->first);
    }
    link_close(&(*s)->link);
    free(*s);
    *s = NULL;
}
