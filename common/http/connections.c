/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS connections under evhttp. A connection's state hangs on its SSL object, which lives exactly
 * as long as evhttp's connection; to end one its socket is shut down, and evhttp frees it as it
 * frees one whose peer has left. Reads and writes no HTTP.
 */
#include "common/http/connections.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/connection_parts.h"
#include "common/log.h"
#include "common/when_time.h"

/* A connection this young is not closed to make room: it may be about to ask. */
#define YOUNG_US 250000

/* How long before its end it is a trouble. */
#define TERM_TOLD_US (INT64_C(14) * 86400 * 1000000)

/* Where an SSL object has its connection: OpenSSL gives it once to a process. */
static int ssl_index = -1;

void connection_leave(struct connection *c)
{
    struct connections *all = c->of;
    DL_DELETE2(all->first, c, previous, next);
    all->open--;
    all->ending -= c->ending;
    bodies_leave(&c->body);
    if (c->account != NULL) {
        peer_gave(all->peers, c->account, c->sending);
    }
    connection_leave_account(c);
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
        connection_leave(c);
    }
    free(c->identity);
    OPENSSL_free((char *)c->certificates.at);
    free(c);
}

static struct address address_of(const struct sockaddr_storage *from)
{
    struct address address = {.family = from->ss_family == AF_INET6 ? 6 : 4};
    if (address.family == 6) {
        memcpy(address.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    } else {
        memcpy(address.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
    return address;
}

static int descriptor(const struct connection *c)
{
    return c->ssl == NULL ? bufferevent_getfd(c->plain) : SSL_get_fd(c->ssl);
}

void connection_note_peer(struct connection *c)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getpeername(descriptor(c), (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(c->peer, sizeof c->peer,
                 address.ss_family == AF_INET6 ? "[%.46s]:%.5s" : "%.46s:%.5s", host, port);
        c->from = address_of(&address);
    }
}

void connection_end(struct connection *c)
{
    if (!c->ending) {
        c->ending = true;
        c->of->ending++;
        shutdown(descriptor(c), SHUT_RDWR);
        bodies_end(&c->body);
    }
}

static bool is_waiting(const struct connection *c)
{
    return c->phase == CONNECTION_HANDSHAKE || c->phase == CONNECTION_IDLE;
}

static bool may_go(const struct connection *c, int64_t now_us, const struct peer *account)
{
    bool receives = c->phase == CONNECTION_RECEIVING;
    if (c->ending || now_us - c->since_us < YOUNG_US || (!is_waiting(c) && !receives)) {
        return false;
    }
    return account == NULL || (c->account == account && (!receives || c->account == c->address));
}

/* Of those that receive the slowest goes first: who sends a byte now and then keeps nobody out. */
static bool goes_before(const struct connection *c, const struct connection *other, int64_t now_us)
{
    if (is_waiting(c) != is_waiting(other)) {
        return is_waiting(c);
    }
    uint64_t had = (uint64_t)c->body.bytes * (uint64_t)(now_us - other->since_us);
    uint64_t other_had = (uint64_t)other->body.bytes * (uint64_t)(now_us - c->since_us);
    return is_waiting(c) || had == other_had ? c->since_us < other->since_us : had < other_had;
}

/*
 * The next to go: idle or shaking hands, the longest first, before receiving, the slowest first;
 * none that is young. With an account only one of this identity, which is idle, or of this address,
 * of which nobody knows yet who it is.
 */
struct connection *connection_victim(const struct connections *all, int64_t now_us,
                                     const struct peer *account)
{
    struct connection *c, *victim = NULL;
    DL_FOREACH2(all->first, c, next)
    {
        if (may_go(c, now_us, account) && (victim == NULL || goes_before(c, victim, now_us))) {
            victim = c;
        }
    }
    return victim;
}

static void on_ssl_info(const SSL *ssl, int where, int value)
{
    struct connection *c = SSL_get_ex_data(ssl, ssl_index);
    if (c == NULL || c->of == NULL || c->phase != CONNECTION_HANDSHAKE) {
        return;
    }
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        connection_note_peer(c);
        connection_enter_address(c);
    }
    if ((where & SSL_CB_ALERT) != 0) {
        long verified = SSL_get_verify_result(ssl);
        snprintf(c->alert, sizeof c->alert, "%s%s%s", SSL_alert_desc_string_long(value),
                 verified == X509_V_OK ? "" : ": ",
                 verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
    }
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        connection_set_phase(c, CONNECTION_IDLE);
        connection_enter_account(c);
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
    if (context != NULL) {
        tls_terms(context, &all->ends);
    }
    all->section = section;
    all->limits = limits;
    all->bodies.limits = limits;
    return all;
}

int connections_start(struct connections *all, struct event_base *base)
{
    return refusals_start(all, base) == -1 ? -1 : bodies_start(&all->bodies, base);
}

void connections_free(struct connections **all)
{
    struct connections *a = *all;
    if (a == NULL) {
        return;
    }
    connection_plain_sweep(a);
    while (a->first != NULL) {
        connection_leave(a->first);
    }
    bodies_stop(&a->bodies);
    if (a->spoken_event != NULL) {
        event_free(a->spoken_event);
    }
    peers_free(&a->peers);
    client_terms_release(&a->clients);
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
    connection_plain_sweep(all);
    if (!connections_full(all)) {
        return;
    }
    while (all->open - all->ending >= enough &&
           (victim = connection_victim(all, now_us, NULL)) != NULL) {
        all->counts[HTTP_CONNECTIONS_EVICTED]++;
        connection_end(victim);
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
    all->counts[HTTP_CERTIFICATE_ENDS] =
        all->ends.count == 0 ? 0 : (uint64_t)(all->ends.at[0].ends_us / 1000000);
    all->counts[HTTP_CONNECTIONS_OPEN] = all->open;
    all->counts[HTTP_IDENTITIES] = peers_count(all->peers);
    all->counts[HTTP_BODIES_BYTES] = all->bodies.used;
    all->counts[HTTP_BODIES_WAITING] = all->bodies.waiting;
    all->counts[HTTP_BODIES_HELD_BACK] = all->bodies.held_back;
    all->counts[HTTP_REPLIES_BYTES] = peers_sending(all->peers);
    return all->counts;
}

const struct histogram *connections_durations(const struct connections *all)
{
    return all->durations;
}

void connection_attach(struct connections *all, struct connection *c, enum connection_phase phase)
{
    c->of = all;
    c->phase = phase;
    c->since_us = daemon_clock_us();
    c->generation = all->generation;
    DL_APPEND2(all->first, c, previous, next);
    all->open++;
    all->counts[HTTP_CONNECTIONS_ACCEPTED]++;
}

static struct connection *attach(struct connections *all, SSL *ssl)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL || SSL_set_ex_data(ssl, ssl_index, c) != 1) {
        free(c);
        return NULL;
    }
    c->ssl = ssl;
    connection_attach(all, c, CONNECTION_HANDSHAKE);
    return c;
}

/* NULL makes evhttp speak plain HTTP; connection_of() then finds no connection and all is refused.
 */
struct bufferevent *connections_accept(struct event_base *base, void *context)
{
    struct connections *all = context;
    if (all->context == NULL) {
        return connection_plain_new(all, base);
    }
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
    if (bodies_watch(&all->bodies, &c->body, b) == -1 || refusals_watch(c) == -1) {
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
    struct bufferevent *b = evcon == NULL ? NULL : evhttp_connection_get_bufferevent(evcon);
    SSL *ssl = b == NULL ? NULL : bufferevent_openssl_get_ssl(b);
    struct connection *c = b == NULL     ? NULL
                           : ssl == NULL ? connection_plain_of(b)
                                         : SSL_get_ex_data(ssl, ssl_index);
    return c != NULL && c->account != NULL ? c : NULL;
}

/* By lists that are newer than the connection. */
static bool was_revoked(struct connection *c)
{
    if (c->generation != c->of->generation && !connections_revoked(c->of, c->certificates)) {
        c->generation = c->of->generation;
    }
    return c->generation != c->of->generation;
}

/* Its authority is none any more. */
static bool is_distrusted(const struct connection *c)
{
    return c->stale && !c->anonymous && !tls_trusts(c->of->context, c->ssl);
}

struct connection *connection_asks(struct evhttp_request *request)
{
    struct connection *c = connection_of(request);
    if (c != NULL && c->ssl == NULL) {
        connection_plain_asks(evhttp_request_get_connection(request));
    }
    return c != NULL && (is_over(c) || was_revoked(c) || is_distrusted(c)) ? NULL : c;
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
    return c->identity == NULL ? "" : c->identity;
}

bool connection_is_anonymous(const struct connection *c)
{
    return c->anonymous;
}

const struct address *connection_address(const struct connection *c)
{
    return c->from.family == 0 ? NULL : &c->from;
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}

bool connection_is_last(const struct connection *c)
{
    return c->of == NULL || c->stale || daemon_draining() || is_over(c);
}

static uint64_t bytes_read(const struct connection *c)
{
    BIO *bio = c->ssl == NULL ? NULL : SSL_get_rbio(c->ssl);
    return bio == NULL ? c->plain_read : BIO_number_read(bio);
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

void connection_answers_later(struct connection *c, bufferevent_event_cb gone, void *context)
{
    connection_set_phase(c, CONNECTION_ANSWERING);
    bufferevent_setcb(c->body.bufferevent, NULL, NULL, gone, context);
    bufferevent_enable(c->body.bufferevent, EV_READ);
}

void connection_begins_answer(struct connection *c)
{
    c->asked_us = daemon_clock_us();
    connection_set_phase(c, CONNECTION_SENDING);
}

void connection_ends_answer(struct connection *c)
{
    if (c->of != NULL) {
        histogram_add(&c->of->durations[DURATION_REQUEST], daemon_clock_us() - c->asked_us);
    }
    connection_set_phase(c, CONNECTION_IDLE);
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

/* Whether nothing of a request has come, not even to the system. */
static bool is_idle(struct connection *c)
{
    int waiting = 0;
    refresh(c);
    return c->phase == CONNECTION_IDLE && !c->ending &&
           (ioctl(descriptor(c), FIONREAD, &waiting) == -1 || waiting == 0);
}

void connection_end_idle(struct connection *c)
{
    if (c->ssl != NULL) {
        SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    connection_end(c);
}

/* Whether it still stands on what it was made with. */
static bool stands(const struct connection *c, bool same_certificate, bool same_authorities)
{
    return same_certificate &&
           (same_authorities || c->anonymous || tls_trusts(c->of->context, c->ssl));
}

void connections_use(struct connections *all, SSL_CTX *fresh)
{
    bool same_certificate = tls_same_certificate(all->context, fresh);
    bool same_authorities = tls_same_authorities(all->context, fresh);
    struct connection *c;
    SSL_CTX_free(all->context);
    all->context = fresh;
    all->ends.count = all->ends.left_out = 0;
    tls_terms(fresh, &all->ends);
    all->generation++;
    DL_FOREACH2(all->first, c, next)
    {
        bool known = c->account != NULL; /* who shakes hands is nobody yet */
        c->stale =
            c->stale || !stands(c, same_certificate, same_authorities) || (known && was_revoked(c));
        if (is_idle(c) && c->stale) {
            connection_end_idle(c);
        }
    }
}

/* Who has to renew it learns it before, not by everybody being turned away. */
static void tell_term(const struct connections *all)
{
    static const char *const words[FORESEEN_KINDS] = {[FORESEEN_CERTIFICATE] = "the certificate",
                                                      [FORESEEN_AUTHORITY] = "an authority",
                                                      [FORESEEN_REVOCATION_LIST] =
                                                          "a revocation list"};
    const struct foreseen_end *first = &all->ends.at[0];
    char when[WHEN_TEXT];
    if (all->context == NULL) {
        return;
    }
    if (all->ends.count == 0) {
        daemon_note("certificates", "good, without an end");
        return;
    }
    int64_t left_us = first->ends_us - daemon_now_us();
    when_time_text(first->ends_us, when);
    daemon_trouble("certificates", left_us < TERM_TOLD_US, "%s %s on %.10s", words[first->kind],
                   left_us < 0 ? "ended" : "ends", when);
}

/* Of clients, who are turned away one by one. */
static void tell_clients(struct connections *all)
{
    char when[WHEN_TEXT];
    const struct client_term *first = client_terms_first(&all->clients, daemon_now_us());
    if (first == NULL) {
        daemon_note("clients", "no certificate of theirs ends soon");
        return;
    }
    when_time_text(first->ends_us, when);
    daemon_trouble("clients", true, "the certificate of %.100s ends on %.10s%s", first->identity,
                   when, all->clients.count > 1 ? ", and others do" : "");
}

/* All of these, however long they are good. */
static void tell_ends(const struct connections *all)
{
    struct foreseen_ends ends = all->ends;
    for (uint32_t i = 0; i < all->clients.count; i++) {
        const struct client_term *client = &all->clients.at[i];
        foreseen_add(&ends, FORESEEN_CLIENT, slice_of(client->identity), client->ends_us);
    }
    if (all->context != NULL) {
        foreseen_tell_ends(&ends);
    }
}

void connections_sweep(struct connections *all)
{
    int64_t now_us = daemon_clock_us();
    struct connection *c;
    connection_plain_sweep(all);
    DL_FOREACH2(all->first, c, next)
    {
        refresh(c);
        int64_t limit_us = limit_s(all->limits, c->phase) * 1000000;
        bool late = limit_us > 0 && now_us - c->since_us > limit_us;
        bool ended = is_over(c) && (is_waiting(c) || c->phase == CONNECTION_RECEIVING);
        if ((late || ended) && !c->ending) {
            all->counts[HTTP_CONNECTIONS_EXPIRED]++;
            if (c->phase == CONNECTION_IDLE) {
                connection_end_idle(c);
            } else {
                connection_end(c);
            }
        }
    }
    peers_sweep(all->peers, now_us);
    tell_term(all);
    tell_clients(all);
    tell_ends(all);
}

void connections_close_idle(struct connections *all)
{
    struct connection *c;
    DL_FOREACH2(all->first, c, next)
    {
        if (is_idle(c)) {
            connection_end_idle(c);
        } else if (c->phase == CONNECTION_HANDSHAKE) {
            connection_end(c);
        }
    }
}
