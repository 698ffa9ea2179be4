/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS connections of a server: made for evhttp, counted, and ended when they take too long.
 * Every connection has a phase; only one that is being answered may take its time. Limits are those
 * of the server, and may change from one call to the next.
 */
#ifndef EZREPO_HTTP_CONNECTIONS_H
#define EZREPO_HTTP_CONNECTIONS_H

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/http/http_limits.h"
#include "common/http/tls.h"

enum connection_phase {
    CONNECTION_HANDSHAKE, /* TLS is being agreed on: handshake_timeout_s */
    CONNECTION_IDLE,      /* nothing of a request is there: idle_timeout_s */
    CONNECTION_RECEIVING, /* a part of a request is there: transfer_timeout_s */
    CONNECTION_ANSWERING, /* we are thinking */
    CONNECTION_SENDING    /* the answer is on its way: transfer_timeout_s */
};

struct connection;
struct connections;

/*
 * What connections are made from (tls_context()) with these files. NULL after an error was logged.
 * The caller owns it until it is handed on.
 */
SSL_CTX *connections_context(const struct tls_files *files);

/*
 * Connections made from this context, which is taken over also when memory is out (NULL, after that
 * was logged); plain ones from NULL, which are like those of TLS whose peer has shown no
 * certificate. `section`: where the options stand, for messages; it and the limits outlive them.
 */
struct connections *connections_new(SSL_CTX *context, const char *section,
                                    const struct http_limits *limits);
/* Those that are left over are freed by evhttp or its loop, after this. */
void connections_free(struct connections **all);

/* Before the first one is accepted. -1 after an error was logged. */
int connections_start(struct connections *all, struct event_base *base);

/*
 * From now on this context counts, which is taken over. A connection goes on, whatever it is at;
 * but where its own certificate or the peer's authority was exchanged it is closed, at once when it
 * is idle, else after its answer. What the peer was revoked by is looked at with each request.
 */
void connections_use(struct connections *all, SSL_CTX *fresh);

/* For evhttp_set_bevcb(); `all` are struct connections. NULL: memory is out. */
struct bufferevent *connections_accept(struct event_base *base, void *all);

/* The connection of a request; NULL when it has none with a known peer. */
struct connection *connection_of(struct evhttp_request *request);

/* The same for a request that has come; NULL also when the peer's certificate has ended or was
 * revoked since, or its authority is no more one of ours: close it. */
struct connection *connection_asks(struct evhttp_request *request);

/* The peer's identity, "" of one without a certificate as long as nobody has said who it is; and
 * its address and port. */
const char *connection_identity(const struct connection *c);
const char *connection_peer(const struct connection *c);

/* Whether it came without a certificate: then who it is, is for each request to tell. */
bool connection_is_anonymous(const struct connection *c);

/* The address it comes from; NULL when that is not known. */
const struct address *connection_address(const struct connection *c);

/*
 * Says who asks on a connection without a certificate, for this request: by which name of a token,
 * which identity that is, and how many requests a second are its. The account is the token's then.
 * NULL: nobody, the account is the address's. 0, or -1: memory is out, or it has too many
 * connections.
 */
int connection_set_known(struct connection *c, const char *token, const char *identity,
                         int64_t per_second);

/* The peer's certificates, as tls_certificates() names them. They live as long as the connection.
 */
struct slice connection_certificates(const struct connection *c);

/* Whether one of these certificates is revoked by the lists in force now. */
bool connections_revoked(const struct connections *all, struct slice certificates);

/*
 * Whether this identity, token or address may make another request now: 0, and it is counted; or
 * after how many microseconds it may. The second adds the messages of an envelope, beyond the first
 * one.
 */
int64_t connection_charge(struct connection *c);
void connection_charge_more(struct connection *c, int64_t messages);

/* Charges for bytes of a body (uncompressed) or a reply, of which request_bytes count as a request.
 */
void connection_charge_bytes(struct connection *c, size_t bytes);

/*
 * Whether there is room for so many more bytes of a reply on their way to this identity; then they
 * count until the reply has left, or the connection is gone.
 */
bool connection_take_room(struct connection *c, size_t bytes);

/* The reply of this request, of so many bytes, is being sent: counts what was not taken before. */
void connection_sends(struct evhttp_request *request, size_t bytes);

/* Whether so much is on its way to this identity, or to all, that nothing more is begun. */
bool connection_is_clogged(const struct connection *c);

/* When this identity had its last turn, and that it has one now: who has waited longest is next. */
uint64_t connection_last_turn(const struct connection *c);
void connection_take_turn(struct connection *c);

/* The bytes of its request are no longer needed. */
void connection_drop_body(struct connection *c, struct evhttp_request *request);

void connection_set_phase(struct connection *c, enum connection_phase phase);

/* The answer comes later: until then gone() is told with its context what becomes of the
 * connection, BEV_EVENT_EOF and BEV_EVENT_ERROR being that the peer left. The reply takes that
 * back. */
void connection_answers_later(struct connection *c, bufferevent_event_cb gone, void *context);

/* Whether it should be closed after the answer. */
bool connection_is_last(const struct connection *c);

/* Once a second: ends what takes too long. */
void connections_sweep(struct connections *all);

/* Closes those that are idle or have not finished their handshake. */
void connections_close_idle(struct connections *all);

size_t connections_open(const struct connections *all);
/* How many have an answer on its way. */
size_t connections_sending(const struct connections *all);
/* Whether there is no room for another. */
bool connections_full(const struct connections *all);
/* When it is full: closes some, those idle for the longest first, but none that is answered. */
void connections_make_room(struct connections *all);

/* HTTP_COUNTER_COUNT of them, as they are now; HTTP_DURATIONS. */
const uint64_t *connections_counts(struct connections *all);
const struct histogram *connections_durations(const struct connections *all);

/* A request has come, or its reply has left: how long that took is counted. */
void connection_begins_answer(struct connection *c);
void connection_ends_answer(struct connection *c);

#endif
