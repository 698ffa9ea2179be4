/* SPDX-License-Identifier: Apache-2.0 */
/* Reading is stopped and taken up again at the bufferevents, where evhttp does not notice. */
#include "mplane-gw/bodies.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <utlist.h>

#include "common/log.h"
#include "mplane-gw/gateway.h"

static struct body *large_ones; /* in the order in which they became large */
static size_t used, waiting_count;
static struct event *resume_event;

size_t bodies_bytes(void)
{
    return used;
}

size_t bodies_waiting(void)
{
    return waiting_count;
}

static bool is_full(void)
{
    return used > (size_t)gateway.settings.bodies_bytes;
}

/* Whether another large body is being read: if not, this one goes on, lest all wait for ever. */
static bool another_is_read(const struct body *b)
{
    const struct body *other;
    DL_FOREACH2(large_ones, other, next)
    {
        if (other != b && !other->waits && !other->whole) {
            return true;
        }
    }
    return false;
}

static size_t beyond_small(size_t bytes)
{
    return bytes > BODIES_SMALL ? bytes - BODIES_SMALL : 0;
}

static void set_bytes(struct body *b, size_t bytes)
{
    bool large = bytes > BODIES_SMALL;
    used = used - beyond_small(b->bytes) + beyond_small(bytes);
    b->bytes = bytes;
    if (large && !b->large) {
        DL_APPEND2(large_ones, b, previous, next);
    } else if (!large && b->large) {
        DL_DELETE2(large_ones, b, previous, next);
    }
    b->large = large;
}

/* Of a body that is refused for its size evhttp goes on reading the rest, and drops it. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct body *b = context;
    size_t most = (size_t)(gateway.settings.body_bytes + gateway.settings.headers_bytes);
    size_t bytes = b->bytes + info->n_added;
    (void)input;
    if (info->n_added == 0) {
        return;
    }
    set_bytes(b, bytes < most ? bytes : most);
    if (b->large && is_full() && !b->waits && !b->whole && !b->ends && another_is_read(b)) {
        b->waits = true;
        waiting_count++;
        gateway_count(COUNT_BODIES_HELD_BACK);
        bufferevent_disable(b->bufferevent, EV_READ);
    }
}

/* Those that have waited for the longest go on: one at least, more while there is room. */
static void on_resume(evutil_socket_t fd, short what, void *unused)
{
    struct body *b, *next;
    (void)fd, (void)what, (void)unused;
    DL_FOREACH_SAFE2(large_ones, b, next, next)
    {
        if (b->waits && (b->ends || !is_full() || !another_is_read(b))) {
            b->waits = false;
            waiting_count--;
            bufferevent_enable(b->bufferevent, EV_READ);
        }
    }
}

/* Not at once: reading another connection here would happen in the midst of this one's. */
static void resume_soon(void)
{
    if (waiting_count > 0) {
        event_active(resume_event, EV_TIMEOUT, 0);
    }
}

int bodies_start(struct event_base *base)
{
    resume_event = event_new(base, -1, 0, on_resume, NULL);
    if (resume_event == NULL) {
        log_error("bodies.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

void bodies_stop(void)
{
    if (resume_event != NULL) {
        event_free(resume_event);
        resume_event = NULL;
    }
}

int bodies_watch(struct body *b, struct bufferevent *bufferevent)
{
    b->bufferevent = bufferevent;
    return evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, b) == NULL ? -1 : 0;
}

void bodies_set_whole(struct body *b, bool whole)
{
    b->whole = whole;
    resume_soon();
}

void bodies_release(struct body *b)
{
    set_bytes(b, evbuffer_get_length(bufferevent_get_input(b->bufferevent)));
    resume_soon();
}

void bodies_end(struct body *b)
{
    b->ends = true;
    resume_soon();
}

void bodies_leave(struct body *b)
{
    waiting_count -= b->waits;
    b->waits = false;
    set_bytes(b, 0);
    resume_soon();
}
