/* SPDX-License-Identifier: Apache-2.0 */
/* The listener over plain HTTP: evhttp, and who is connected to it. */
#include "common/http/plain_listener.h"

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/listen.h"
#include "common/log.h"

#define CONNECTIONS_MAX 64
#define OF_ONE_ADDRESS  16
#define HEADERS_BYTES   8192

/*
 * evhttp does not tell when it has done with a connection. A visitor therefore holds a reference to
 * its bufferevent, and looks whether evhttp has taken its callbacks off.
 */
struct plain_visitor {
    struct plain_visitor *next, *previous; /* utlist */
    struct bufferevent *socket;
    int64_t since_us;
    char address[64]; /* "" before it is known */
    bool ending;      /* it was told to go */
};

struct plain_listener {
    const struct plain_kind *kind;
    int socket; /* -1: the listener has it */
    struct evhttp *http;
    struct evconnlistener *listener;
    struct plain_visitor *visitors;
    unsigned visitor_count;
};

struct plain_listener *plain_listener_new(const struct plain_kind *kind, const char *address)
{
    struct plain_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("listener.start", "error=\"out of memory\"");
        return NULL;
    }
    l->kind = kind;
    l->socket = listen_open(kind->option, address);
    if (l->socket == -1) {
        free(l);
        return NULL;
    }
    return l;
}

static bool has_left(const struct plain_visitor *v)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(v->socket, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void look_at_visitors(struct plain_listener *l)
{
    struct plain_visitor *v, *next;
    int64_t now_us = daemon_clock_us();
    int64_t limit_us = *l->kind->limit_s * 1000000;
    DL_FOREACH_SAFE2(l->visitors, v, next, next)
    {
        if (has_left(v)) {
            DL_DELETE2(l->visitors, v, previous, next);
            l->visitor_count--;
            bufferevent_decref(v->socket);
            free(v);
        } else if (now_us - v->since_us > limit_us) {
            shutdown(bufferevent_getfd(v->socket), SHUT_RDWR);
        }
    }
}

/* evhttp gives a connection its descriptor after it has accepted it. */
static void find_address(struct plain_visitor *v)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    int fd = bufferevent_getfd(v->socket);
    if (v->address[0] == '\0' && fd != -1 &&
        getpeername(fd, (struct sockaddr *)&from, &size) == 0) {
        getnameinfo((struct sockaddr *)&from, size, v->address, sizeof v->address, NULL, 0,
                    NI_NUMERICHOST);
    }
}

/* How many of those that stay are of this one's address. */
static unsigned count_of(const struct plain_listener *l, const struct plain_visitor *v)
{
    const struct plain_visitor *other;
    unsigned count = 0;
    DL_FOREACH2(l->visitors, other, next)
    {
        count += !other->ending && strcmp(other->address, v->address) == 0;
    }
    return count;
}

/* The oldest of the address that has the most goes, when that has many, or all have too many. */
static bool send_one_away(const struct plain_listener *l)
{
    struct plain_visitor *v, *choice = NULL;
    unsigned most = 0, staying = 0;
    DL_FOREACH2(l->visitors, v, next)
    {
        find_address(v);
        staying += !v->ending;
    }
    DL_FOREACH2(l->visitors, v, next)
    {
        unsigned count = v->ending || v->address[0] == '\0' ? 0 : count_of(l, v);
        if (count > most) {
            most = count;
            choice = v;
        }
    }
    if (choice == NULL || (most < OF_ONE_ADDRESS && staying < CONNECTIONS_MAX)) {
        return false;
    }
    choice->ending = true;
    shutdown(bufferevent_getfd(choice->socket), SHUT_RDWR);
    return true;
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct plain_listener *l = context;
    struct plain_visitor *v = calloc(1, sizeof *v);
    struct bufferevent *b = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    look_at_visitors(l);
    while (send_one_away(l)) {
    }
    if (v == NULL || b == NULL) {
        free(v);
        return b; /* NULL makes evhttp try by itself; a visitor less is watched */
    }
    /* Also between evhttp's leaving it and our noticing, no more than this is read. */
    bufferevent_setwatermark(b, EV_READ, 0, (size_t)2 * HEADERS_BYTES);
    bufferevent_incref(b);
    v->socket = b;
    v->since_us = daemon_clock_us();
    DL_APPEND2(l->visitors, v, previous, next);
    /* Those that were told to go are there until evhttp has noticed. */
    if (++l->visitor_count >= 2 * CONNECTIONS_MAX) {
        evconnlistener_disable(l->listener);
    }
    return b;
}

/* Out of descriptors, say: plain_listener_tick() tries again instead of the loop at once. */
static void on_accept_error(struct evconnlistener *failed, void *unused)
{
    static struct log_limit said;
    (void)unused;
    if (log_allowed(&said, 1)) {
        log_errno("listener.accept", "effect=\"waiting for room\"");
    }
    evconnlistener_disable(failed);
}

void plain_listener_tick(struct plain_listener *l)
{
    look_at_visitors(l);
    if (l->listener != NULL && l->visitor_count < 2 * CONNECTIONS_MAX && !daemon_draining()) {
        evconnlistener_enable(l->listener);
    }
}

static void on_request(struct evhttp_request *request, void *context)
{
    const struct plain_listener *l = context;
    l->kind->asked(l->kind->context, request);
}

int plain_listener_start(struct plain_listener *l, struct event_base *base)
{
    l->http = evhttp_new(base);
    if (l->http != NULL) {
        evhttp_set_bevcb(l->http, on_accept, l);
        evhttp_set_gencb(l->http, on_request, l);
        evhttp_set_max_headers_size(l->http, HEADERS_BYTES);
        evhttp_set_max_body_size(l->http, HEADERS_BYTES);
        l->listener = evconnlistener_new(
            base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, l->socket);
    }
    if (l->listener == NULL || evhttp_bind_listener(l->http, l->listener) == NULL) {
        log_error("listener.start", "option=%s error=\"out of memory\"", l->kind->option);
        return -1;
    }
    evconnlistener_set_error_cb(l->listener, on_accept_error);
    l->socket = -1; /* the listener's now */
    return 0;
}

void plain_listener_free(struct plain_listener **l)
{
    struct plain_listener *v = *l;
    if (v == NULL) {
        return;
    }
    if (v->http != NULL) {
        evhttp_free(v->http); /* with its listener and connections */
        look_at_visitors(v);
    }
    if (v->socket != -1) {
        close(v->socket);
    }
    free(v);
    *l = NULL;
}
