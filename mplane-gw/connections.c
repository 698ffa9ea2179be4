/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS connections under evhttp. A connection's state hangs on its SSL object, which lives exactly
 * as long as evhttp's connection; to end one its socket is shut down, and evhttp frees it as it
 * frees one whose peer has left. Reads and writes no HTTP.
 */
#include "mplane-gw/connections.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/bodies.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/peers.h"
#include "mplane-gw/tls.h"

/* A connection this young is not closed to make room: it may be about to ask. */
#define YOUNG_US 250000

#define PEER_SIZE (INET6_ADDRSTRLEN + 16)

struct connection {
    struct connection *next, *previous; /* utlist */
    SSL *ssl;                           /* its owner */
    enum connection_phase phase;
    int64_t since_us;    /* of the phase */
    uint64_t bytes_read; /* when the connection became idle */
    unsigned generation; /* of the certificates it was judged by */
    bool ending;         /* its socket was shut down */
    char *identity;
    struct slice certificates; /* its own */
    int64_t ends_us;           /* since 1970: when the first of the peer's certificates ends */
    struct peer *account;      /* of the identity; NULL before it is known */
    size_t sending;            /* bytes of a reply, taken out of the account's room */
    struct body body;
    char peer[PEER_SIZE];
    char alert[64];
};

static SSL_CTX *context;
static unsigned generation;
static int ssl_index = -1;
static struct connection *connections;
static size_t open_count, ending_count;
static struct peers *peers;
static struct log_limit failed_said, refused_said;

static void on_ssl_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl,
                        void *argp)
{
    struct connection *c = pointer;
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    if (c == NULL) {
        return;
    }
    if (c->phase == CONNECTION_HANDSHAKE) {
        gateway_count(COUNT_HANDSHAKES_FAILED);
        if (log_allowed(&failed_said, 10)) {
            log_info("handshake.failed", "peer=%s reason=\"%s\"",
                     c->peer[0] == '\0' ? "unknown" : c->peer,
                     c->alert[0] != '\0' ? c->alert
                     : c->ending         ? "took too long"
                                         : "no TLS, or left before the end");
        }
    }
    DL_DELETE2(connections, c, previous, next);
    open_count--;
    ending_count -= c->ending;
    gateway.counters[COUNT_CONNECTIONS_OPEN] = open_count;
    if (c->account != NULL) {
        peer_gave(peers, c->account, c->sending);
        peers_leave(c->account);
    }
    bodies_leave(&c->body);
    free(c->identity);
    OPENSSL_free((char *)c->certificates.at);
    free(c);
}

static void note_peer(struct connection *c)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getpeername(SSL_get_fd(c->ssl), (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(c->peer, sizeof c->peer,
                 address.ss_family == AF_INET6 ? "[%.46s]:%.5s" : "%.46s:%.5s", host, port);
    }
}

/* Asks the connection to end. evhttp learns of it as of a peer that left. */
static void end(struct connection *c)
{
    if (!c->ending) {
        c->ending = true;
        ending_count++;
        shutdown(SSL_get_fd(c->ssl), SHUT_RDWR);
        bodies_end(&c->body);
    }
}

static bool is_waiting(const struct connection *c)
{
    return c->phase == CONNECTION_HANDSHAKE || c->phase == CONNECTION_IDLE;
}

/*
 * The next to go: idle or shaking hands before receiving, the longest first; none that is young.
 * With an account only one of this identity, which is idle.
 */
static struct connection *choose_victim(int64_t now_us, const struct peer *account)
{
    struct connection *c, *victim = NULL;
    DL_FOREACH2(connections, c, next)
    {
        if (c->ending || now_us - c->since_us < YOUNG_US ||
            (!is_waiting(c) && c->phase != CONNECTION_RECEIVING) ||
            (account != NULL && (c->account != account || !is_waiting(c)))) {
            continue;
        }
        if (victim == NULL || is_waiting(c) > is_waiting(victim) ||
            (is_waiting(c) == is_waiting(victim) && c->since_us < victim->since_us)) {
            victim = c;
        }
    }
    return victim;
}

/* The peer is known: it has an account from now on, and only so many connections. */
static void know(struct connection *c)
{
    c->identity = tls_identity(c->ssl);
    c->certificates = tls_certificates(c->ssl);
    c->ends_us = tls_ends_us(c->ssl);
    c->account = c->identity == NULL ? NULL : peers_enter(peers, c->identity);
    if (c->account == NULL) {
        end(c);
        return;
    }
    if (peer_connections(c->account) <= (size_t)gateway.settings.connections_max_per_identity) {
        return;
    }
    struct connection *victim = choose_victim(daemon_clock_us(), c->account);
    if (victim != NULL) {
        gateway_count(COUNT_CONNECTIONS_EVICTED);
        end(victim);
        return;
    }
    gateway_count(COUNT_CONNECTIONS_REFUSED);
    if (log_allowed(&refused_said, 5)) {
        log_warn("connection.refused",
                 "peer=%s identity=%s mplane-gw.connections_max_per_identity=%lld", c->peer,
                 QUOTED(slice_of(c->identity)),
                 (long long)gateway.settings.connections_max_per_identity);
    }
    end(c);
}

static void on_ssl_info(const SSL *ssl, int where, int value)
{
    struct connection *c = SSL_get_ex_data(ssl, ssl_index);
    if (c == NULL || c->phase != CONNECTION_HANDSHAKE) {
        return;
    }
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        note_peer(c);
    }
    if ((where & SSL_CB_ALERT) != 0) {
        long verified = SSL_get_verify_result(ssl);
        snprintf(c->alert, sizeof c->alert, "%s%s%s", SSL_alert_desc_string_long(value),
                 verified == X509_V_OK ? "" : ": ",
                 verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
    }
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        connection_set_phase(c, CONNECTION_IDLE);
        know(c);
    }
}

SSL_CTX *connections_load(const struct gateway_settings *s)
{
    struct tls_files files = {"mplane-gw", s->certificate, s->key, s->ca, s->crl};
    SSL_CTX *made = tls_context(&files);
    if (made != NULL) {
        SSL_CTX_set_info_callback(made, on_ssl_info);
    }
    return made;
}

int connections_prepare(void)
{
    ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
    context = connections_load(&gateway.settings);
    peers = peers_new();
    if (peers == NULL || ssl_index == -1) {
        log_error("connections.prepare", "error=\"out of memory\"");
        return -1;
    }
    return context != NULL ? 0 : -1;
}

void connections_use(SSL_CTX *fresh)
{
    SSL_CTX_free(context);
    context = fresh;
    generation++;
    connections_close_idle();
}

void connections_stop(void)
{
    SSL_CTX_free(context);
    context = NULL;
    /* libevent frees the last ones with its loop. */
    struct connection *c;
    DL_FOREACH2(connections, c, next)
    {
        c->account = NULL;
    }
    peers_free(&peers);
}

void connections_make_room(void)
{
    size_t max = (size_t)gateway.settings.connections_max;
    size_t enough = max - max / 8; /* several at once, for whoever comes next */
    int64_t now_us = daemon_clock_us();
    struct connection *victim;
    if (!connections_full()) {
        return;
    }
    while (open_count - ending_count >= enough && (victim = choose_victim(now_us, NULL)) != NULL) {
        gateway_count(COUNT_CONNECTIONS_EVICTED);
        end(victim);
    }
}

bool connections_full(void)
{
    return open_count - ending_count >= (size_t)gateway.settings.connections_max;
}

size_t connections_open(void)
{
    return open_count;
}

size_t connections_sending(void)
{
    size_t count = 0;
    struct connection *c;
    DL_FOREACH2(connections, c, next)
    {
        count += c->phase == CONNECTION_SENDING && !c->ending;
    }
    return count;
}

static struct connection *attach(SSL *ssl)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL || SSL_set_ex_data(ssl, ssl_index, c) != 1) {
        free(c);
        return NULL;
    }
    c->ssl = ssl;
    c->phase = CONNECTION_HANDSHAKE;
    c->since_us = daemon_clock_us();
    c->generation = generation;
    DL_APPEND2(connections, c, previous, next);
    open_count++;
    gateway_count(COUNT_CONNECTIONS_ACCEPTED);
    gateway.counters[COUNT_CONNECTIONS_OPEN] = open_count;
    return c;
}

/* NULL makes evhttp speak plain HTTP; connection_of() then finds no connection and all is refused.
 */
struct bufferevent *connections_accept(struct event_base *base, void *unused)
{
    (void)unused;
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || attach(ssl) == NULL) {
        log_error("connection.new", "error=\"out of memory\"");
        SSL_free(ssl);
        return NULL;
    }
    struct bufferevent *b = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                           BEV_OPT_CLOSE_ON_FREE);
    if (b == NULL) {
        log_error("connection.new", "error=\"out of memory\"");
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
    struct connection *c = SSL_get_ex_data(ssl, ssl_index);
    if (bodies_watch(&c->body, b) == -1) {
        log_error("connection.new", "error=\"out of memory\"");
        bufferevent_free(b);
        return NULL;
    }
    return b;
}

/* A certificate ends while the connection is kept: its peer is nobody any more. */
static bool is_over(const struct connection *c)
{
    return c->account != NULL && daemon_now_us() >= c->ends_us;
}

struct connection *connection_of(struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    SSL *ssl = evcon == NULL
                   ? NULL
                   : bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));
    struct connection *c = ssl == NULL ? NULL : SSL_get_ex_data(ssl, ssl_index);
    return c != NULL && c->account != NULL ? c : NULL;
}

struct connection *connection_asks(struct evhttp_request *request)
{
    struct connection *c = connection_of(request);
    return c != NULL && is_over(c) ? NULL : c;
}

struct slice connection_certificates(const struct connection *c)
{
    return c->certificates;
}

bool connections_revoked(struct slice certificates)
{
    return context != NULL && tls_revoked(context, certificates);
}

const char *connection_identity(const struct connection *c)
{
    return c->identity;
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}

int64_t connection_charge(struct connection *c)
{
    return peer_charge(c->account, gateway.settings.requests_per_second,
                       gateway.settings.requests_burst, daemon_clock_us());
}

void connection_charge_more(struct connection *c, int64_t messages)
{
    peer_charge_more(c->account, messages, gateway.settings.requests_per_second,
                     gateway.settings.requests_burst);
}

void connection_charge_bytes(struct connection *c, size_t bytes)
{
    connection_charge_more(c, (int64_t)bytes / gateway.settings.request_bytes);
}

bool connection_take_room(struct connection *c, size_t bytes)
{
    if (!peer_take_room(peers, c->account, bytes,
                        (size_t)gateway.settings.replies_bytes_per_identity,
                        (size_t)gateway.settings.replies_bytes)) {
        gateway_count(COUNT_REPLIES_HELD_BACK);
        return false;
    }
    c->sending += bytes;
    return true;
}

bool connection_is_clogged(const struct connection *c)
{
    return peer_is_full(peers, c->account, (size_t)gateway.settings.replies_bytes_per_identity,
                        (size_t)gateway.settings.replies_bytes);
}

void connection_sends(struct evhttp_request *request, size_t bytes)
{
    struct connection *c = connection_of(request);
    if (c == NULL) {
        return;
    }
    if (bytes > c->sending) {
        peer_take(peers, c->account, bytes - c->sending);
        c->sending = bytes;
    }
    connection_charge_bytes(c, bytes);
}

uint64_t connection_last_turn(const struct connection *c)
{
    return peer_last_turn(c->account);
}

void connection_take_turn(struct connection *c)
{
    peer_take_turn(peers, c->account);
}

bool connection_is_last(const struct connection *c)
{
    return c->generation != generation || daemon_draining() || is_over(c);
}

static uint64_t bytes_read(const struct connection *c)
{
    BIO *bio = SSL_get_rbio(c->ssl);
    return bio == NULL ? 0 : BIO_number_read(bio);
}

void connection_set_phase(struct connection *c, enum connection_phase phase)
{
    bool ours = phase == CONNECTION_ANSWERING || phase == CONNECTION_SENDING;
    c->phase = phase;
    c->since_us = daemon_clock_us();
    c->bytes_read = bytes_read(c);
    bodies_set_whole(&c->body, ours);
    if (phase == CONNECTION_IDLE) {
        bodies_release(&c->body);
        if (c->account != NULL) {
            peer_gave(peers, c->account, c->sending);
            c->sending = 0;
        }
    }
    /* While we answer, little is read of what the peer goes on sending. */
    bufferevent_setwatermark(c->body.bufferevent, EV_READ, 0, ours ? BODIES_SMALL : 0);
}

void connection_drop_body(struct connection *c, struct evhttp_request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    evbuffer_drain(input, evbuffer_get_length(input));
    bodies_release(&c->body);
}

/* After how many seconds a phase is over; 0: never. */
static int64_t limit_s(enum connection_phase phase)
{
    switch (phase) {
    case CONNECTION_HANDSHAKE:
        return gateway.settings.handshake_timeout_s;
    case CONNECTION_IDLE:
        return gateway.settings.idle_timeout_s;
    case CONNECTION_RECEIVING:
    case CONNECTION_SENDING:
        return gateway.settings.transfer_timeout_s;
    case CONNECTION_ANSWERING:
    default:
        return 0;
    }
}

/* Whether a part of a request has come shows in the bytes read only. */
static void refresh(struct connection *c)
{
    if (c->phase == CONNECTION_IDLE && bytes_read(c) != c->bytes_read) {
        connection_set_phase(c, CONNECTION_RECEIVING);
    }
}

void connections_sweep(void)
{
    int64_t now_us = daemon_clock_us();
    struct connection *c;
    DL_FOREACH2(connections, c, next)
    {
        refresh(c);
        int64_t limit_us = limit_s(c->phase) * 1000000;
        bool late = limit_us > 0 && now_us - c->since_us > limit_us;
        bool ended = is_over(c) && (is_waiting(c) || c->phase == CONNECTION_RECEIVING);
        if ((late || ended) && !c->ending) {
            gateway_count(COUNT_CONNECTIONS_EXPIRED);
            end(c);
        }
    }
    peers_sweep(peers, gateway.settings.requests_per_second, now_us);
    gateway.counters[COUNT_IDENTITIES] = peers_count(peers);
    gateway.counters[COUNT_BODIES_BYTES] = bodies_bytes();
    gateway.counters[COUNT_BODIES_WAITING] = bodies_waiting();
    gateway.counters[COUNT_REPLIES_BYTES] = peers_sending(peers);
}

void connections_close_idle(void)
{
    struct connection *c;
    DL_FOREACH2(connections, c, next)
    {
        refresh(c);
        if (is_waiting(c)) {
            end(c);
        }
    }
}
