/* SPDX-License-Identifier: Apache-2.0 */
/* Reading is stopped and taken up again at the bufferevents, where evhttp does not notice. */
#include "common/http/bodies.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <utlist.h>

#include "common/http/http_limits.h"
#include "common/log.h"

/* Whether another large body, of this share unless NULL, is being read: if not, this one goes on,
 * lest all wait for ever. */
static bool another_is_read(const struct body *b, const size_t *share)
{
    const struct body *other;
    DL_FOREACH2(b->of->large, other, next)
    {
        if (other != b && !other->waits && !other->whole &&
            (share == NULL || other->share == share)) {
            return true;
        }
    }
    return false;
}

static bool must_wait(const struct body *b)
{
    const struct bodies *all = b->of;
    return (all->used > (size_t)all->limits->bodies_bytes && another_is_read(b, NULL)) ||
           (b->share != NULL && *b->share > (size_t)all->limits->bodies_bytes_per_address &&
            another_is_read(b, b->share));
}

static size_t beyond_small(size_t bytes)
{
    return bytes > BODIES_SMALL ? bytes - BODIES_SMALL : 0;
}

static void set_bytes(struct body *b, size_t bytes)
{
    struct bodies *all = b->of;
    bool large = bytes > BODIES_SMALL;
    all->used = all->used - beyond_small(b->bytes) + beyond_small(bytes);
    if (b->share != NULL) {
        *b->share = *b->share - beyond_small(b->bytes) + beyond_small(bytes);
    }
    b->bytes = bytes;
    if (large && !b->large) {
        DL_APPEND2(all->large, b, previous, next);
    } else if (!large && b->large) {
        DL_DELETE2(all->large, b, previous, next);
    }
    b->large = large;
}

/* Of a body that is refused for its size evhttp goes on reading the rest, and drops it. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct body *b = context;
    struct bodies *all = b->of;
    (void)input;
    if (all == NULL || info->n_added == 0) {
        return;
    }
    size_t most = (size_t)(all->limits->body_bytes + all->limits->headers_bytes);
    size_t bytes = b->bytes + info->n_added;
    set_bytes(b, bytes < most ? bytes : most);
    if (b->large && !b->waits && !b->whole && !b->ends && must_wait(b)) {
        b->waits = true;
        all->waiting++;
        all->held_back++;
        bufferevent_disable(b->bufferevent, EV_READ);
    }
}

/* Those that have waited for the longest go on: one at least, more while there is room. */
static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct bodies *all = context;
    struct body *b, *next;
    (void)fd, (void)what;
    DL_FOREACH_SAFE2(all->large, b, next, next)
    {
        if (b->waits && (b->ends || !must_wait(b))) {
            b->waits = false;
            all->waiting--;
            bufferevent_enable(b->bufferevent, EV_READ);
        }
    }
}

/* Not at once: reading another connection here would happen in the midst of this one's. */
static void resume_soon(const struct bodies *all)
{
    if (all != NULL && all->waiting > 0 && all->resume_event != NULL) {
        event_active(all->resume_event, EV_TIMEOUT, 0);
    }
}

int bodies_start(struct bodies *all, struct event_base *base)
{
    all->resume_event = event_new(base, -1, 0, on_resume, all);
    if (all->resume_event == NULL) {
        log_error("bodies.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

void bodies_stop(struct bodies *all)
{
    if (all->resume_event != NULL) {
        event_free(all->resume_event);
        all->resume_event = NULL;
    }
}

int bodies_watch(struct bodies *all, struct body *b, struct bufferevent *bufferevent)
{
    b->of = all;
    b->bufferevent = bufferevent;
    return evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, b) == NULL ? -1 : 0;
}

void bodies_unwatch(struct body *b)
{
    evbuffer_remove_cb(bufferevent_get_input(b->bufferevent), on_input, b);
}

void bodies_set_whole(struct body *b, bool whole)
{
    b->whole = whole;
    resume_soon(b->of);
}

void bodies_share(struct body *b, size_t *share)
{
    if (b->share != NULL) {
        *b->share -= beyond_small(b->bytes);
    }
    b->share = share;
    if (share != NULL) {
        *share += beyond_small(b->bytes);
    }
}

void bodies_release(struct body *b)
{
    set_bytes(b, evbuffer_get_length(bufferevent_get_input(b->bufferevent)));
    resume_soon(b->of);
}

void bodies_end(struct body *b)
{
    b->ends = true;
    resume_soon(b->of);
}

void bodies_leave(struct body *b)
{
    if (b->of == NULL) {
        return;
    }
    b->of->waiting -= b->waits;
    b->waits = false;
    set_bytes(b, 0);
    b->share = NULL;
    resume_soon(b->of);
    b->of = NULL;
}
