/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a connection is: an address's before anybody is known, an identity's with a certificate, a
 * token's for the request that shows one; and what that account may take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/http/connection_parts.h"
#include "common/log.h"
#include "common/quote.h"

/* That of the address is entered once, by enter_address(). */
static void set_account(struct connection *c, struct peer *account)
{
    if (c->account != NULL && c->account != c->address) {
        peers_leave(c->account);
    }
    c->account = account;
}

static void leave_address(struct connection *c)
{
    if (c->address != NULL) {
        bodies_share(&c->body, NULL);
        peers_leave(c->address);
        c->address = NULL;
    }
}

void connection_leave_account(struct connection *c)
{
    set_account(c, NULL);
    leave_address(c);
}

static void refuse(struct connection *c)
{
    static struct log_limit said;
    const struct http_limits *l = c->of->limits;
    bool address = c->account == c->address;
    c->of->counts[HTTP_CONNECTIONS_REFUSED]++;
    if (log_allowed(&said, 5)) {
        log_warn("connection.refused", "peer=%s identity=%s %s.connections_max_per_%s=%lld",
                 c->peer, QUOTED(slice_of(connection_identity(c))), c->of->section,
                 address ? "address" : "identity",
                 (long long)(address ? l->connections_max_per_address
                                     : l->connections_max_per_identity));
    }
    connection_end(c);
}

/* Whether the account has room for this connection, if need be after one that is idle was closed.
 */
static bool has_room(const struct connection *c, int64_t most)
{
    struct connections *all = c->of;
    if (peer_connections(c->account) <= (size_t)most) {
        return true;
    }
    struct connection *victim = connection_victim(all, daemon_clock_us(), c->account);
    if (victim == NULL) {
        return false;
    }
    all->counts[HTTP_CONNECTIONS_EVICTED]++;
    connection_end(victim);
    return true;
}

/*
 * Accounts of addresses and tokens stand beside those of identities. Somebody may have a
 * certificate whose subject looks like one of them: then they share limits, and nothing else.
 */
#define KEY_BYTES (ADDRESS_TEXT_SIZE + 256)

/* Whoever has an IPv6 address has all of its /64. */
static struct peer *peer_of_address(struct connection *c)
{
    char key[KEY_BYTES], text[ADDRESS_TEXT_SIZE];
    struct address network = c->from;
    if (network.family == 6) {
        memset(network.bytes + 8, 0, sizeof network.bytes - 8);
    }
    address_text(&network, text);
    snprintf(key, sizeof key, "address %s", text);
    return peers_enter(c->of->peers, key);
}

void connection_enter_address(struct connection *c)
{
    const struct http_limits *l = c->of->limits;
    if (l->connections_max_per_address == 0 || c->address != NULL) {
        return;
    }
    c->address = peer_of_address(c);
    if (c->address == NULL) {
        connection_end(c);
        return;
    }
    c->account = c->address;
    c->ends_us = INT64_MAX;
    bodies_share(&c->body, peer_receiving(c->address));
    if (!has_room(c, l->connections_max_per_address)) {
        refuse(c);
    }
}

void connection_enter_account(struct connection *c)
{
    struct connections *all = c->of;
    c->anonymous = SSL_get0_peer_certificate(c->ssl) == NULL;
    if (c->anonymous && c->address != NULL) {
        return;
    }
    c->identity = tls_identity(c->ssl);
    c->certificates = tls_certificates(c->ssl);
    c->ends_us = tls_ends_us(c->ssl);
    set_account(c, c->identity == NULL ? NULL : peers_enter(all->peers, c->identity));
    leave_address(c);
    if (c->identity != NULL) {
        client_terms_saw(&all->clients, c->identity, tls_begins_us(c->ssl), c->ends_us,
                         daemon_now_us());
    }
    if (c->account == NULL) {
        connection_end(c);
    } else if (!has_room(c, all->limits->connections_max_per_identity)) {
        refuse(c);
    }
}

int connection_set_known(struct connection *c, const char *token, const char *identity,
                         int64_t per_second)
{
    char key[KEY_BYTES];
    peer_gave(c->of->peers, c->account, c->sending);
    c->sending = 0;
    free(c->identity);
    c->identity = NULL;
    c->per_second = 0;
    set_account(c, c->address);
    if (token == NULL) {
        return 0;
    }
    snprintf(key, sizeof key, "token %.200s", token);
    struct peer *account = peers_enter(c->of->peers, key);
    c->identity = account == NULL ? NULL : strdup(identity);
    if (c->identity == NULL) {
        if (account != NULL) {
            peers_leave(account);
        }
        return -1;
    }
    set_account(c, account);
    c->per_second = per_second;
    return has_room(c, c->of->limits->connections_max_per_identity) ? 0 : -1;
}

/* A token may use at once what is its of so many seconds. */
#define TOKEN_BURST_S 10

struct rate {
    int64_t per_second, burst;
};

static struct rate rate_of(const struct connection *c)
{
    const struct http_limits *l = c->of->limits;
    if (c->account == c->address) {
        return (struct rate){l->unknown_per_second, l->unknown_burst};
    }
    return c->per_second > 0 ? (struct rate){c->per_second, TOKEN_BURST_S * c->per_second}
                             : (struct rate){l->requests_per_second, l->requests_burst};
}

int64_t connection_charge(struct connection *c)
{
    struct rate r = rate_of(c);
    return peer_charge(c->account, r.per_second, r.burst, daemon_clock_us());
}

void connection_charge_more(struct connection *c, int64_t messages)
{
    struct rate r = rate_of(c);
    peer_charge_more(c->account, messages, r.per_second, r.burst);
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
