/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about connections know of one another; no other includes it. */
#ifndef EZREPO_HTTP_CONNECTION_PARTS_H
#define EZREPO_HTTP_CONNECTION_PARTS_H

#include <netinet/in.h>

#include "common/arena.h"
#include "common/hash_table.h"
#include "common/http/bodies.h"
#include "common/http/chunks.h"
#include "common/http/client_terms.h"
#include "common/http/connections.h"
#include "common/http/framing.h"
#include "common/http/peers.h"
#include "common/http/tls.h"
#include "common/http/tls_term.h"

#define REFUSAL_BYTES ((size_t)32 * 1024) /* of an arena for one */

#define PEER_SIZE (INET6_ADDRSTRLEN + 16)

struct connections {
    const char *section;
    const struct http_limits *limits;
    SSL_CTX *context;
    struct foreseen_ends ends;   /* until when the context is good */
    struct client_terms clients; /* whose own certificates end soon */
    unsigned generation;         /* of the files that it is from */
    struct connection *first;    /* utlist */
    size_t open, ending;
    struct peers *peers;
    struct bodies bodies;
    const char *(*refusal)(struct arena *a, int status, const char *what); /* as of server_kind */
    struct event *spoken_event; /* evhttp has answered by itself, on some connections */
    uint64_t counts[HTTP_COUNTER_COUNT];
    struct histogram durations[HTTP_DURATIONS];
};

struct connection {
    struct connection *next, *previous; /* utlist */
    struct connections *of;             /* NULL: those are gone, it will be soon */
    SSL *ssl;                           /* its owner; NULL of one without TLS: then */
    struct bufferevent *plain;          /* what it is found by, with a reference of its own */
    uint64_t plain_read;                /* bytes that have come by it */
    UT_hash_handle hh;
    enum connection_phase phase;
    int64_t since_us;       /* of the phase */
    int64_t asked_us;       /* when its request had come */
    uint64_t bytes_read;    /* when the connection became idle */
    unsigned generation;    /* of the lists of revoked certificates it was judged by */
    bool stale;             /* what it stands on, a certificate or an authority, was exchanged */
    bool ending;            /* its socket was shut down */
    bool spoken;            /* evhttp answers by itself what is no request */
    enum framing_head head; /* of the request that is coming */
    struct chunks chunks;   /* likewise */
    char *identity;
    struct slice certificates; /* its own */
    int64_t ends_us;           /* since 1970: when the first of the peer's certificates ends */
    bool anonymous;            /* without a certificate */
    struct peer *address;      /* of an anonymous one, and while it is not known what it is */
    struct peer *account;      /* of the identity, token or address; NULL before it is known */
    int64_t per_second;        /* of a token; else 0 */
    struct address from;       /* of no family: not known */
    size_t sending;            /* bytes of a reply, taken out of the account's room */
    struct body body;
    char peer[PEER_SIZE];
    char alert[64];
};

/* Asks the connection to end. evhttp learns of it as of a peer that left. */
void connection_end(struct connection *c);

/* The same of one with nothing under way: its peer is told (RFC 8446, 6.1), so that nothing looks
 * cut off. */
void connection_end_idle(struct connection *c);

/* A new one is among the others from now on; and is not any more, with what it took. */
void connection_attach(struct connections *all, struct connection *c, enum connection_phase phase);
void connection_leave(struct connection *c);

/* Finds out where it comes from, once evhttp has given it a descriptor. */
void connection_note_peer(struct connection *c);

/* Without TLS (connection_plain.c): a new one, NULL after an error was logged; the one with this
 * bufferevent, or NULL; a request has come by it; looks which evhttp has done with. */
struct bufferevent *connection_plain_new(struct connections *all, struct event_base *base);
struct connection *connection_plain_of(const struct bufferevent *b);
void connection_plain_asks(struct evhttp_connection *evcon);
void connection_plain_sweep(struct connections *all);

/* Answers to what is no request (refusals.c). Before the first connection, after an error was
 * logged -1; and for each, whose body is watched already, -1: no memory. */
int refusals_start(struct connections *all, struct event_base *base);
int refusals_watch(struct connection *c);
void refusals_leave(struct connection *c);

/*
 * The next to go: idle or shaking hands before receiving, the longest first; none that is young.
 * With an account only one of it, which is idle.
 */
struct connection *connection_victim(const struct connections *all, int64_t now_us,
                                     const struct peer *account);

/* Before it is known what the peer is: of one address there are only so many. */
void connection_enter_address(struct connection *c);

/* The handshake is over: whoever has a certificate has an account of its own from now on, and only
 * so many connections. */
void connection_enter_account(struct connection *c);

/* Before it goes away. */
void connection_leave_account(struct connection *c);

#endif
