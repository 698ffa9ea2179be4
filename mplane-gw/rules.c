/* SPDX-License-Identifier: Apache-2.0 */
/* common/access/access_copy.c in libevent's loop. */
#include "mplane-gw/rules.h"

#include <stdlib.h>

#include "common/access/access_copy.h"
#include "common/log.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/supervisors/supervisors.h"
#include "schemas/messages.h"

struct rules {
    struct access_copy *copy;
    struct event *event; /* NULL: nobody is told yet of other rules */
};

static struct access *read_rules(const struct gateway *g, struct slice stored)
{
    return access_read(&(struct document){0}, "mplane-gw.access", g->settings.access, stored);
}

struct access *rules_read(const struct gateway *g)
{
    return read_rules(g, g->rules == NULL ? (struct slice){NULL, 0}
                                          : access_copy_document(g->rules->copy));
}

/* Other rules: supervisors learn what they may use by them. */
static int take(void *context, struct slice document)
{
    struct gateway *g = context;
    struct access *a = read_rules(g, document);
    if (a == NULL) {
        return -1;
    }
    gateway_use_access(g, a);
    if (g->rules->event != NULL) {
        (void)supervisors_reload(g);
    }
    return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct gateway *g = context;
    (void)fd, (void)what;
    access_copy_go_on(g->rules->copy);
}

int rules_start(struct gateway *g)
{
    const struct access_copy_options options = {
        .endpoint = ENDPOINT_ACCESS, .name = "mplane-gw.access", .take = take, .context = g};
    g->rules = calloc(1, sizeof *g->rules);
    if (g->rules == NULL) {
        log_error("access.start", "error=\"out of memory\"");
        return -1;
    }
    g->rules->copy = access_copy_new(&options);
    if (g->rules->copy == NULL) {
        return -1;
    }
    if (access_rules(g->access) == 0) {
        log_warn("access.empty", "effect=\"nobody may use any capability\"");
    }
    g->rules->event =
        event_new(g->base, (evutil_socket_t)zsock_fd(access_copy_socket(g->rules->copy)),
                  EV_READ | EV_PERSIST, on_readable, g);
    if (g->rules->event == NULL || event_add(g->rules->event, NULL) == -1) {
        log_error("access.start", "error=\"out of memory\"");
        return -1;
    }
    event_active(g->rules->event, EV_READ, 0);
    return 0;
}

void rules_stop(struct gateway *g)
{
    if (g->rules != NULL) {
        if (g->rules->event != NULL) {
            event_free(g->rules->event);
        }
        access_copy_free(&g->rules->copy);
        free(g->rules);
        g->rules = NULL;
    }
}

void rules_tick(struct gateway *g)
{
    access_copy_go_on(g->rules->copy);
}
