/* SPDX-License-Identifier: Apache-2.0 */
#include "common/door/access_watch.h"

#include <stdlib.h>

#include "common/log.h"
#include "schemas/messages.h"

struct access_watch {
    struct access_copy *copy;
    struct event *event;
};

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    const struct access_watch *w = context;
    (void)fd, (void)what;
    access_copy_go_on(w->copy);
}

static int listen_to(struct access_watch *w, struct event_base *base)
{
    w->event = event_new(base, (evutil_socket_t)zsock_fd(access_copy_socket(w->copy)),
                         EV_READ | EV_PERSIST, on_readable, w);
    if (w->event == NULL || event_add(w->event, NULL) == -1) {
        log_error("access.start", "error=\"out of memory\"");
        return -1;
    }
    event_active(w->event, EV_READ, 0);
    return 0;
}

struct access_watch *access_watch_new(struct event_base *base, const char *name,
                                      int (*take)(void *context, struct slice document),
                                      void *context)
{
    const struct access_copy_options options = {
        .endpoint = ENDPOINT_ACCESS, .name = name, .take = take, .context = context};
    struct access_watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        log_error("access.start", "error=\"out of memory\"");
        return NULL;
    }
    w->copy = access_copy_new(&options);
    if (w->copy == NULL || listen_to(w, base) == -1) {
        access_watch_free(&w);
    }
    return w;
}

void access_watch_free(struct access_watch **watch)
{
    struct access_watch *w = *watch;
    if (w == NULL) {
        return;
    }
    if (w->event != NULL) {
        event_free(w->event);
    }
    access_copy_free(&w->copy);
    free(w);
    *watch = NULL;
}

void access_watch_tick(struct access_watch *w)
{
    access_copy_go_on(w->copy);
}

struct slice access_watch_document(const struct access_watch *w)
{
    return w == NULL ? (struct slice){NULL, 0} : access_copy_document(w->copy);
}

uint64_t access_watch_version(const struct access_watch *w)
{
    return w == NULL ? 0 : access_copy_version(w->copy);
}
