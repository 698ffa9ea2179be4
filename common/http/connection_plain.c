/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections without TLS, on this machine only. evhttp tells that it has done with one only when a
 * request has come by it; so each holds a reference to its bufferevent, and it is looked, too,
 * whether evhttp has taken its callbacks off. As they have no SSL object to hang on, they are found
 * by their bufferevent.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/connection_parts.h"
#include "common/log.h"

/* All of the process, of any server. */
static struct connection *known;

struct connection *connection_plain_of(const struct bufferevent *b)
{
    struct connection *c;
    HASH_FIND_PTR(known, &b, c);
    return c;
}

/* evhttp has done with it, or is about to free it. */
static void part(struct connection *c)
{
    struct bufferevent *b = c->body.bufferevent;
    refusals_leave(c);
    bodies_unwatch(&c->body);
    connection_leave(c);
    if (c->hh.tbl != NULL) {
        HASH_DEL(known, c);
    }
    free(c->identity);
    free(c);
    bufferevent_decref(b);
}

static void on_closed(struct evhttp_connection *evcon, void *context)
{
    struct bufferevent *b = evhttp_connection_get_bufferevent(evcon);
    struct connection *c = connection_plain_of(b);
    (void)context;
    if (c != NULL) {
        part(c);
    }
}

void connection_plain_asks(struct evhttp_connection *evcon)
{
    evhttp_connection_set_closecb(evcon, on_closed, NULL);
}

struct bufferevent *connection_plain_new(struct connections *all, struct event_base *base)
{
    struct bufferevent *b = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct connection *c = b == NULL ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        log_error("connection.new", "error=\"out of memory\"");
        if (b != NULL) {
            bufferevent_free(b);
        }
        return NULL;
    }
    c->plain = b;
    c->anonymous = true;
    c->ends_us = INT64_MAX;
    connection_attach(all, c, CONNECTION_IDLE);
    HASH_ADD_PTR(known, plain, c);
    bufferevent_incref(b);
    if (c->hh.tbl == NULL || bodies_watch(&all->bodies, &c->body, b) == -1 ||
        refusals_watch(c) == -1) {
        log_error("connection.new", "error=\"out of memory\"");
        part(c);
        bufferevent_free(b);
        return NULL;
    }
    return b;
}

/* Of one that is just being made evhttp has no callbacks yet, nor its descriptor. */
#define NEW_US 1000000

static bool has_left(const struct connection *c)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(c->plain, NULL, NULL, &on_event, NULL);
    return on_event == NULL &&
           (bufferevent_getfd(c->plain) != -1 || daemon_clock_us() - c->since_us > NEW_US);
}

void connection_plain_sweep(struct connections *all)
{
    struct connection *c, *next;
    DL_FOREACH_SAFE2(all->first, c, next, next)
    {
        if (c->ssl == NULL && has_left(c)) {
            part(c);
        }
    }
}
