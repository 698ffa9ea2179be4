/* SPDX-License-Identifier: Apache-2.0 */
/* DEALER sockets in libevent's loop. */
#include "common/door/link.h"

#include "common/bus.h"
#include "common/daemon.h"
#include "common/log.h"

#define SLICE_US 5000

/* ZeroMQ's descriptor tells of a change only once: everything there is has to be taken. */
void link_drain(struct link *link)
{
    const struct timeval now = {0, 0};
    int64_t until_us = daemon_clock_us() + SLICE_US;
    struct bus_message m;
    int got;
    while ((got = bus_receive(link->socket, &m)) != 1) {
        if (got == 0 && m.count == 1) {
            link->take(link, m.frames[0]);
        } else {
            ++*link->malformed;
        }
        if (got == 0) {
            bus_release(&m);
        }
        if (daemon_clock_us() >= until_us) {
            evtimer_add(link->rest, &now);
            return;
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    link_drain(context);
}

int link_open(struct link *link)
{
    link->socket = link->only_present
                       ? bus_connect_present(ZMQ_DEALER, link->endpoint, link->high_water)
                       : bus_connect(ZMQ_DEALER, link->endpoint, link->high_water);
    if (link->socket == NULL) {
        return -1;
    }
    link->event = event_new(link->base, (evutil_socket_t)zsock_fd(link->socket),
                            EV_READ | EV_PERSIST, on_readable, link);
    link->rest = evtimer_new(link->base, on_readable, link);
    if (link->event == NULL || link->rest == NULL || event_add(link->event, NULL) == -1) {
        log_error("link.event", "peer=%s error=\"out of memory\"", link->peer);
        return -1;
    }
    event_active(link->event, EV_READ, 0);
    return 0;
}

void link_close(struct link *link)
{
    if (link->event != NULL) {
        event_free(link->event);
        link->event = NULL;
    }
    if (link->rest != NULL) {
        event_free(link->rest);
        link->rest = NULL;
    }
    zsock_destroy(&link->socket);
}

bool link_ready(const struct link *link)
{
    return (zsock_events(link->socket) & ZMQ_POLLOUT) != 0;
}

int link_send(struct link *link, const struct slice *frames, int count)
{
    int failed = bus_send(link->socket, frames, count);
    /* Sending may have swallowed the descriptor's news of something to read. */
    event_active(link->event, EV_READ, 0);
    return failed == 0 ? 0 : -1;
}

int link_send_packed(struct link *link, struct pack *p)
{
    struct slice bytes = pack_bytes(p);
    int failed = pack_ok(p) ? link_send(link, &bytes, 1) : -1;
    pack_release(p);
    return failed;
}
