/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener over plain HTTP, for what is public, or for this machine alone. Every connection gets
 * one answer and few seconds; there are few of them, and fewer of one address: whoever has many
 * loses the oldest for the next that comes. It shares nothing with the HTTPS side (server.h) but
 * the loop.
 */
#ifndef EZREPO_HTTP_PLAIN_LISTENER_H
#define EZREPO_HTTP_PLAIN_LISTENER_H

#include <event2/http.h>
#include <stdint.h>

struct plain_listener;

/* What one is made with; all of it outlives the listener, and the time may change. */
struct plain_kind {
    const char *option;     /* where it is configured, for messages: "mplane-gw.registry_listen" */
    const int64_t *limit_s; /* a request and its answer take at most, seconds */
    /* A request has come. It is answered at once, by one of reply.h, as the `last`. */
    void (*asked)(void *context, struct evhttp_request *request);
    void *context;
};

/* With a socket that listens on this address ("HOST:PORT"). NULL after an error was logged. The
 * caller owns it. */
struct plain_listener *plain_listener_new(const struct plain_kind *kind, const char *address);

/* Serves on this loop, which lives until the listener is freed. -1 after an error was logged. */
int plain_listener_start(struct plain_listener *l, struct event_base *base);

/* Once a second: ends slow connections. */
void plain_listener_tick(struct plain_listener *l);

/* Before its loop is. */
void plain_listener_free(struct plain_listener **l);

#endif
