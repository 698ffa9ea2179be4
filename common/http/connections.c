/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS connections under evhttp. A connection's state hangs on its SSL object, which lives exactly
 * as long as evhttp's connection; to end one its socket is shut down, and evhttp frees it as it
 * frees one whose peer has left. Reads and writes no HTTP.
 */
#include "common/http/connections.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/bodies.h"
#include "common/http/peers.h"
#include "common/http/tls.h"
#include "common/log.h"
#include "common/quote.h"

/* A connection this young is not closed to make room: it may be about to ask. */
#define YOUNG_US 250000

#define PEER_SIZE (INET6_ADDRSTRLEN + 16)

struct connections {
    const char *section;
    const struct http_limits *limits;
    SSL_CTX *context;
    unsigned generation;      /* of the files that the context is from */
    struct connection *first; /* utlist */
    size_t open, ending;
    struct peers *peers;
    struct bodies bodies;
    uint64_t counts[HTTP_COUNTER_COUNT];
};

struct connection {
    struct connection *next, *previous; /* utlist */
    struct connections *of;             /* NULL: those are gone, it will be soon */
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

/* Where an SSL object has its connection: OpenSSL gives it once to a process. */
static int ssl_index = -1;

/* Its SSL object stays, and what belongs to it. */
static void leave(struct connection *c)
{
    struct connections *all = c->of;
    DL_DELETE2(all->first, c, previous, next);
    all->open--;
    all->ending -= c->ending;
    if (c->account != NULL) {
        peer_gave(all->peers, c->account, c->sending);
        peers_leave(c->account);
        c->account = NULL;
    }
    bodies_leave(&c->body);
    c->of = NULL;
}

static void tell_handshake(const struct connection *c)
{
    static struct log_limit said;
    c->of->counts[HTTP_HANDSHAKES_FAILED]++;
    if (log_allowed(&said, 10)) {
        log_info("handshake.failed", "peer=%s reason=\"%s\"",
                 c->peer[0] == '\0' ? "unknown" : c->peer,
                 c->alert[0] != '\0' ? c->alert
                 : c->ending         ? "took too long"
                                     : "no TLS, or left before the end");
    }
}

static void on_ssl_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl,
                        void *argp)
{
    struct connection *c = pointer;
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    if (c == NULL) {
        return;
    }
    if (c->of != NULL) {
        if (c->phase == CONNECTION_HANDSHAKE) {
            tell_handshake(c);
        }
        leave(c);
    }
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
        c->of->ending++;
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
static struct connection *choose_victim(const struct connections *all, int64_t now_us,
                                        const struct peer *account)
{
    struct connection *c, *victim = NULL;
    DL_FOREACH2(all->first, c, next)
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

static void refuse(struct connection *c)
{
    static struct log_limit said;
    c->of->counts[HTTP_CONNECTIONS_REFUSED]++;
    if (log_allowed(&said, 5)) {
        log_warn("connection.refused", "peer=%s identity=%s %s.connections_max_per_identity=%lld",
                 c->peer, QUOTED(slice_of(c->identity)), c->of->section,
                 (long long)c->of->limits->connections_max_per_identity);
    }
    end(c);
}

/* The peer is known: it has an account from now on, and only so many connections. */
static void know(struct connection *c)
{
    struct connections *all = c->of;
    c->identity = tls_identity(c->ssl);
    c->certificates = tls_certificates(c->ssl);
    c->ends_us = tls_ends_us(c->ssl);
    c->account = c->identity == NULL ? NULL : peers_enter(all->peers, c->identity);
    if (c->account == NULL) {
        end(c);
        return;
    }
    if (peer_connections(c->account) <= (size_t)all->limits->connections_max_per_identity) {
        return;
    }
    struct connection *victim = choose_victim(all, daemon_clock_us(), c->account);
    if (victim == NULL) {
        refuse(c);
        return;
    }
    all->counts[HTTP_CONNECTIONS_EVICTED]++;
    end(victim);
}

static void on_ssl_info(const SSL *ssl, int where, int value)
{
    struct connection *c = SSL_get_ex_data(ssl, ssl_index);
    if (c == NULL || c->of == NULL || c->phase != CONNECTION_HANDSHAKE) {
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

SSL_CTX *connections_context(const struct tls_files *files)
{
    SSL_CTX *made = tls_context(files);
    if (made != NULL) {
        SSL_CTX_set_info_callback(made, on_ssl_info);
    }
    return made;
}

struct connections *connections_new(SSL_CTX *context, const char *section,
                                    const struct http_limits *limits)
{
    struct connections *all = calloc(1, sizeof *all);
    if (ssl_index == -1) {
        ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
    }
    if (all == NULL || ssl_index == -1 || (all->peers = peers_new()) == NULL) {
        log_error("connections.new", "error=\"out of memory\"");
        SSL_CTX_free(context);
        free(all);
        return NULL;
    }
    all->context = context;
    all->section = section;
    all->limits = limits;
    all->bodies.limits = limits;
    return all;
}

int connections_start(struct connections *all, struct event_base *base)
{
    return bodies_start(&all->bodies, base);
}

void connections_use(struct connections *all, SSL_CTX *fresh)
{
    SSL_CTX_free(all->context);
    all->context = fresh;
    all->generation++;
    connections_close_idle(all);
}

void connections_free(struct connections **all)
{
    struct connections *a = *all;
    if (a == NULL) {
        return;
    }
    while (a->first != NULL) {
        leave(a->first);
    }
    bodies_stop(&a->bodies);
    peers_free(&a->peers);
    SSL_CTX_free(a->context);
    free(a);
    *all = NULL;
}

void connections_make_room(struct connections *all)
{
    size_t max = (size_t)all->limits->connections_max;
    size_t enough = max - max / 8; /* several at once, for whoever comes next */
    int64_t now_us = daemon_clock_us();
    struct connection *victim;
    if (!connections_full(all)) {
        return;
    }
    while (all->open - all->ending >= enough &&
           (victim = choose_victim(all, now_us, NULL)) != NULL) {
        all->counts[HTTP_CONNECTIONS_EVICTED]++;
        end(victim);
    }
}

bool connections_full(const struct connections *all)
{
    return all->open - all->ending >= (size_t)all->limits->connections_max;
}

size_t connections_open(const struct connections *all)
{
    return all->open;
}

size_t connections_sending(const struct connections *all)
{
    size_t count = 0;
    const struct connection *c;
    DL_FOREACH2(all->first, c, next)
    {
        count += c->phase == CONNECTION_SENDING && !c->ending;
    }
    return count;
}

const uint64_t *connections_counts(struct connections *all)
{
    all->counts[HTTP_CONNECTIONS_OPEN] = all->open;
    all->counts[HTTP_IDENTITIES] = peers_count(all->peers);
    all->counts[HTTP_BODIES_BYTES] = all->bodies.used;
    all->counts[HTTP_BODIES_WAITING] = all->bodies.waiting;
    all->counts[HTTP_BODIES_HELD_BACK] = all->bodies.held_back;
    all->counts[HTTP_REPLIES_BYTES] = peers_sending(all->peers);
    return all->counts;
}

static struct connection *attach(struct connections *all, SSL *ssl)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL || SSL_set_ex_data(ssl, ssl_index, c) != 1) {
        free(c);
        return NULL;
    }
    c->of = all;
    c->ssl = ssl;
    c->phase = CONNECTION_HANDSHAKE;
    c->since_us = daemon_clock_us();
    c->generation = all->generation;
    DL_APPEND2(all->first, c, previous, next);
    all->open++;
    all->counts[HTTP_CONNECTIONS_ACCEPTED]++;
    return c;
}

/* NULL makes evhttp speak plain HTTP; connection_of() then finds no connection and all is refused.
 */
struct bufferevent *connections_accept(struct event_base *base, void *context)
{
    struct connections *all = context;
    SSL *ssl = SSL_new(all->context);
    struct connection *c = ssl == NULL ? NULL : attach(all, ssl);
    if (c == NULL) {
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
    if (bodies_watch(&all->bodies, &c->body, b) == -1) {
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

bool connections_revoked(const struct connections *all, struct slice certificates)
{
    return tls_revoked(all->context, certificates);
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
    const struct http_limits *l = c->of->limits;
    return peer_charge(c->account, l->requests_per_second, l->requests_burst, daemon_clock_us());
}

void connection_charge_more(struct connection *c, int64_t messages)
{
    const struct http_limits *l = c->of->limits;
    peer_charge_more(c->account, messages, l->requests_per_second, l->requests_burst);
}

void connection_charge_bytes(struct connection *c, size_t bytes)
{
    connection_charge_more(c, (int64_t)bytes / c->of->limits->request_bytes);
}

bool connection_take_room(struct connection *c, size_t bytes)
{
    const struct http_limits *l = c->of->limits;
    if (!peer_take_room(c->of->peers, c->account, bytes, (size_t)l->replies_bytes_per_identity,
                        (size_t)l->replies_bytes)) {
        c->of->counts[HTTP_REPLIES_HELD_BACK]++;
        return false;
    }
    c->sending += bytes;
    return true;
}

bool connection_is_clogged(const struct connection *c)
{
    const struct http_limits *l = c->of->limits;
    return peer_is_full(c->of->peers, c->account, (size_t)l->replies_bytes_per_identity,
                        (size_t)l->replies_bytes);
}

void connection_sends(struct evhttp_request *request, size_t bytes)
{
    struct connection *c = connection_of(request);
    if (c == NULL) {
        return;
    }
    if (bytes > c->sending) {
        peer_take(c->of->peers, c->account, bytes - c->sending);
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
    peer_take_turn(c->of->peers, c->account);
}

bool connection_is_last(const struct connection *c)
{
    return c->of == NULL || c->generation != c->of->generation || daemon_draining() || is_over(c);
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
            peer_gave(c->of->peers, c->account, c->sending);
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
static int64_t limit_s(const struct http_limits *limits, enum connection_phase phase)
{
    switch (phase) {
    case CONNECTION_HANDSHAKE:
        return limits->handshake_timeout_s;
    case CONNECTION_IDLE:
        return limits->idle_timeout_s;
    case CONNECTION_RECEIVING:
    case CONNECTION_SENDING:
        return limits->transfer_timeout_s;
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

void connections_sweep(struct connections *all)
{
    int64_t now_us = daemon_clock_us();
    struct connection *c;
    DL_FOREACH2(all->first, c, next)
    {
        refresh(c);
        int64_t limit_us = limit_s(all->limits, c->phase) * 1000000;
        bool late = limit_us > 0 && now_us - c->since_us > limit_us;
        bool ended = is_over(c) && (is_waiting(c) || c->phase == CONNECTION_RECEIVING);
        if ((late || ended) && !c->ending) {
            all->counts[HTTP_CONNECTIONS_EXPIRED]++;
            end(c);
        }
    }
    peers_sweep(all->peers, all->limits->requests_per_second, now_us);
}

void connections_close_idle(struct connections *all)
{
    struct connection *c;
    DL_FOREACH2(all->first, c, next)
    {
        refresh(c);
        if (is_waiting(c)) {
            end(c);
        }
    }
}
