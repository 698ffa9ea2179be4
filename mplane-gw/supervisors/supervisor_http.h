/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the gateway's own, by libcurl in libevent's loop: each over a connection of its own,
 * with mutual TLS. What they are for is decided elsewhere; bytes are not looked at here.
 */
#ifndef EZREPO_GW_SUPERVISOR_HTTP_H
#define EZREPO_GW_SUPERVISOR_HTTP_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/slice.h"

struct http_reply {
    bool sent;   /* the request, or a part of it; false: certainly nothing */
    long status; /* 0: no reply came, error says why */
    const char *error;
    const char *content_type; /* "" when there is none */
    const char *identity;     /* of the peer's certificate; NULL: no TLS came about */
    struct slice body;
};

struct http_order {
    const char *url;
    struct slice body;    /* POSTed as an mPlane message; .at NULL: a GET */
    const char *identity; /* nothing is sent to a peer that is not this one; NULL: whoever */
    SSL_CTX *tls;         /* of tls_client_context() */
    size_t body_max;      /* of the reply; a longer one is a failure */
    long timeout_ms;      /* for all of it */
    /* Told once, never from within supervisor_http_send(); the reply is valid until it returns. */
    void (*done)(void *context, const struct http_reply *reply);
    void *context;
};

struct http_request;
struct gateway;

/* On the gateway's loop. -1 after an error was logged. */
int supervisor_http_start(struct gateway *g);

/* Ends what is under way without a word. */
void supervisor_http_stop(struct gateway *g);

/*
 * Begins a request: all of the order is copied but the body, which stays until done() is called.
 * NULL when memory is out.
 */
struct http_request *supervisor_http_send(const struct gateway *g, const struct http_order *order);

/* Ends it; done() is not called. */
void supervisor_http_cancel(struct http_request *request);

#endif
