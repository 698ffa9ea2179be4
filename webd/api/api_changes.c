/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens, and by which follower. */
#include "webd/api/api_changes.h"

#include <event2/http_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/hash.h"
#include "common/log.h"
#include "webd/api/api_follower.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"

#define HIGH_WATER     1000
#define FOLLOWER_BYTES ((size_t)64 * 1024)
#define ANSWER_BYTES   ((size_t)LIMIT_ANSWER_CELLS * 32)
#define QUIET_US       INT64_C(15000000) /* so long nothing is told at most */

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
            api_follower_answer(f, &m);
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
    if (cursor.len >= API_FOLLOWER_CURSOR) {
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
    if (f == NULL ||
        sight_find(w->access, slice_of(v->identity), slice_of(API_FOLLOWER_LABEL), &sight) == -1) {
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
        if (other->answered && api_follower_asks_the_same(made, other) &&
            (made->cursor[0] == '\0' || strcmp(made->cursor, other->cursor) == 0)) {
            struct arena *a = made->arena;
            arena_free(&a);
            return other;
        }
    }
    api_follower_add(made);
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
    const char *denied = visitor_denied(w, v, CAPABILITY_CHANGES, slice_of(API_FOLLOWER_LABEL));
    if (denied != NULL) {
        web_count(w, COUNT_QUESTIONS_DENIED);
        api_refuse(request, c, API_FORBIDDEN, "denied",
                   API_FOLLOWER_LABEL ": you may not ask this%s", denied);
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
                   API_FOLLOWER_LABEL ": too many of your streams are open, at most %" PRIi64,
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
            api_follower_free(f);
        }
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return;
    }
    api_listener_add(l, w, &f->listeners, request, c, v);
    if (!f->answered) {
        api_follower_ask(f);
        return;
    }
    char text[API_FOLLOWER_CURSOR + 64];
    snprintf(text, sizeof text, "id: %s\nevent: changes\ndata: []\n\n", f->cursor);
    (void)api_listener_tell(l, slice_of(text));
}

/* ---- around ---- */

static void end_all_of(struct api_follower *f)
{
    while (f->listeners != NULL) {
        api_listener_end(f->listeners);
    }
    api_follower_cancel(f);
    api_follower_free(f);
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
            api_follower_cancel(f);
            api_follower_free(f);
        } else if (f->id != 0 && now_us >= f->until_us) {
            api_follower_cancel(f);
            api_follower_ask(f);
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
