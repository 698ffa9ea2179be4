/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/api_follower.h"

#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/answer_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_reply.h"

#define PAGE_ROWS 1000
#define WAIT_MS   20000 /* queryd holds a question that has nothing to tell so long */
#define GATHER_US 250000
#define AGAIN_US  1000000 /* after queryd could not answer */
#define GRACE_US  INT64_C(5000000)

/* ---- followers ---- */

static void tell_all(struct api_follower *f, struct slice text)
{
    struct api_listener *l, *next;
    DL_FOREACH_SAFE2(f->listeners, l, next, next)
    {
        (void)api_listener_tell(l, text);
    }
}

void api_follower_free(struct api_follower *f)
{
    DL_DELETE2(f->web->changes->first, f, previous, next);
    if (f->timer != NULL) {
        event_free(f->timer);
    }
    struct arena *a = f->arena;
    arena_free(&a);
}

void api_follower_cancel(struct api_follower *f)
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
    api_follower_ask(context);
}

void api_follower_add(struct api_follower *f)
{
    f->timer = evtimer_new(f->web->base, on_time, f);
    DL_APPEND2(f->web->changes->first, f, previous, next);
}

bool api_follower_asks_the_same(const struct api_follower *a, const struct api_follower *b)
{
    return slice_equal(a->key, b->key) && memcmp(a->sight, b->sight, sizeof a->sight) == 0;
}

/* Another one of the same question that has come to the same place. */
static struct api_follower *twin_of(const struct api_follower *f)
{
    struct api_follower *other;
    DL_FOREACH2(f->web->changes->first, other, next)
    {
        if (other != f && other->answered && api_follower_asks_the_same(f, other) &&
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
void api_follower_ask(struct api_follower *f)
{
    struct query_message *q = &f->question.query;
    struct api_follower *twin = f->answered ? twin_of(f) : NULL;
    struct sight sight;
    if (twin != NULL) {
        join(f, twin);
    }
    if (f->listeners == NULL) {
        api_follower_free(f);
        return;
    }
    if (sight_find(f->web->access, f->identity, slice_of(API_FOLLOWER_LABEL), &sight) == -1 ||
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
    api_follower_free(f);
}

void api_follower_answer(struct api_follower *f, const struct answer_message *m)
{
    f->id = 0;
    if (m->status == ANSWER_INVALID) {
        refuse_all(f, m->message);
        return;
    }
    struct slice cursor = m->status == ANSWER_OK && answer_rows(m) > 0 ? cell_of(m, "list.cursor")
                                                                       : (struct slice){NULL, 0};
    if (cursor.at == NULL || cursor.len >= API_FOLLOWER_CURSOR) {
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
