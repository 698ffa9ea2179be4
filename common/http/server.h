/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server over HTTPS with mutual TLS: listeners, connections (connections.h), limits for each
 * identity, bodies within a budget; requests are handed to whoever made the server. A process may
 * have several; all of one are of one loop.
 */
#ifndef EZREPO_HTTP_SERVER_H
#define EZREPO_HTTP_SERVER_H

#include "common/arena.h"
#include "common/config.h"
#include "common/http/connections.h"
#include "common/http/listen.h"

/* What a server is made with; all of it outlives the server, and the limits may change. */
struct server_kind {
    const char *section; /* of the configuration, for messages: "mplane-gw" */
    const struct http_limits *limits;
    /*
     * A request has come, from this connection, whose phase is SENDING until the reply has left:
     * who needs longer for the answer sets another one. It is answered, then or later, by one of
     * reply.h; answering may free the connection.
     */
    void (*asked)(void *context, struct evhttp_request *request, struct connection *c);
    void *context;
    /* The body of an answer to what is no request, as JSON in the arena, by status; `what` was
     * expected and found, NULL: one of all that it may be. NULL: memory is out. Without this member
     * it is a text, or HTML of evhttp's. */
    const char *(*refusal)(struct arena *a, int status, const char *what);
};

struct http_server;

/*
 * With sockets that listen on these addresses ("HOST:PORT"), 1 to SERVER_LISTENERS of them, and
 * connections made from this context (connections_context()), which is taken over in any case; with
 * NULL they are plain: for this machine only, which is for the caller to see to. NULL after an
 * error was logged. The caller owns it.
 */
struct http_server *server_new(const struct server_kind *kind, const struct config_strings *listen,
                               SSL_CTX *context);

/* Accepts connections on this loop, which lives until the server is freed. -1 after an error was
 * logged. */
int server_start(struct http_server *s, struct event_base *base);

struct connections *server_connections(const struct http_server *s);

/* Accepts nothing more and closes what is idle. */
void server_drain(struct http_server *s);

/* Before its loop is. */
void server_free(struct http_server **s);

#endif
