/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h's signals and seconds on libevent. Knows nothing of what else hangs on the loop. */
#include "common/door/event_loop.h"

#include "common/daemon.h"
#include "common/log.h"

static void look_around(struct event_loop *l)
{
    if (daemon_draining() && !daemon_is_finished() &&
        l->drained(daemon_clock_us() - l->drain_since_us)) {
        daemon_finished(0);
    }
    if (daemon_is_finished()) {
        event_base_loopbreak(l->base);
    }
}

static void on_signal_fd(evutil_socket_t fd, short what, void *loop)
{
    (void)fd, (void)what;
    daemon_signals();
    look_around(loop);
}

static void on_second(evutil_socket_t fd, short what, void *loop)
{
    (void)fd, (void)what;
    daemon_tick();
    look_around(loop);
}

static void on_drain(evutil_socket_t fd, short what, void *loop)
{
    struct event_loop *l = loop;
    (void)fd, (void)what;
    if (l->close_idle != NULL) {
        l->close_idle();
    }
    look_around(l);
}

static void on_libevent_log(int severity, const char *text)
{
    static struct log_limit said;
    if (severity == EVENT_LOG_ERR && log_allowed(&said, 5)) {
        log_error("libevent", "text=\"%s\"", text);
    } else if (severity == EVENT_LOG_WARN) {
        log_debug("libevent", "text=\"%s\"", text);
    }
}

static void on_libevent_fatal(int error)
{
    log_panic("libevent", "error=%d", error);
}

static int start_timers(struct event_loop *l)
{
    struct timeval second = {1, 0};
    l->signal_event = event_new(l->base, daemon_signal_fd(), EV_READ | EV_PERSIST, on_signal_fd, l);
    l->second_event = event_new(l->base, -1, EV_PERSIST, on_second, l);
    l->drain_event = event_new(l->base, -1, EV_PERSIST, on_drain, l);
    return l->signal_event != NULL && l->second_event != NULL && l->drain_event != NULL &&
                   event_add(l->signal_event, NULL) == 0 && event_add(l->second_event, &second) == 0
               ? 0
               : -1;
}

int event_loop_open(struct event_loop *l)
{
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    l->base = event_base_new();
    if (l->base == NULL || start_timers(l) == -1) {
        log_error("daemon.loop", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

int event_loop_run(struct event_loop *l)
{
    while (!daemon_is_finished()) {
        if (event_base_dispatch(l->base) == -1) {
            log_error("daemon.loop", "error=\"cannot poll\"");
            return -1;
        }
    }
    return 0;
}

void event_loop_drain(struct event_loop *l)
{
    struct timeval soon = {0, 20000};
    l->drain_since_us = daemon_clock_us();
    event_add(l->drain_event, &soon);
}

void event_loop_close(struct event_loop *l)
{
    struct event *events[] = {l->signal_event, l->second_event, l->drain_event};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    if (l->base != NULL) {
        event_base_free(l->base);
        l->base = NULL;
    }
    libevent_global_shutdown();
}
