/* SPDX-License-Identifier: Apache-2.0 */
/* The table of identities. No sockets, no clock. */
#include "common/http/peers.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash_table.h"

struct peer {
    char *identity;
    size_t connections;
    size_t sending;     /* bytes */
    uint64_t last_turn; /* 0: none yet */
    double used; /* tokens taken and not given back; below zero never, above `burst` when it owes */
    int64_t since_us;
    int64_t per_second; /* by which it was charged last */
    size_t receiving;   /* bytes; its connections' */
    UT_hash_handle hh;
};

struct peers {
    struct peer *table;
    size_t sending;
    uint64_t turns;
};

struct peers *peers_new(void)
{
    return calloc(1, sizeof(struct peers));
}

static void forget(struct peers *p, struct peer *peer)
{
    HASH_DEL(p->table, peer);
    free(peer->identity);
    free(peer);
}

void peers_free(struct peers **p)
{
    struct peer *peer, *next;
    if (*p == NULL) {
        return;
    }
    HASH_ITER(hh, (*p)->table, peer, next)
    {
        forget(*p, peer);
    }
    free(*p);
    *p = NULL;
}

struct peer *peers_enter(struct peers *p, const char *identity)
{
    struct peer *peer;
    HASH_FIND_STR(p->table, identity, peer);
    if (peer == NULL) {
        peer = calloc(1, sizeof *peer);
        if (peer == NULL || (peer->identity = strdup(identity)) == NULL) {
            free(peer);
            return NULL;
        }
        HASH_ADD_KEYPTR(hh, p->table, peer->identity, strlen(peer->identity), peer);
        if (peer->hh.tbl == NULL) {
            free(peer->identity);
            free(peer);
            return NULL;
        }
    }
    peer->connections++;
    return peer;
}

void peers_leave(struct peer *peer)
{
    peer->connections--;
}

size_t peer_connections(const struct peer *peer)
{
    return peer->connections;
}

/* Gives back what time has given back. */
static void refill(struct peer *peer, int64_t now_us)
{
    double given = (double)(now_us - peer->since_us) / 1e6 * (double)peer->per_second;
    peer->used = peer->per_second == 0 || given >= peer->used ? 0 : peer->used - given;
    peer->since_us = now_us;
}

int64_t peer_charge(struct peer *peer, int64_t per_second, int64_t burst, int64_t now_us)
{
    peer->per_second = per_second;
    refill(peer, now_us);
    if (per_second == 0) {
        return 0;
    }
    double missing = peer->used + 1 - (double)burst;
    if (missing > 0) {
        return (int64_t)(missing / (double)per_second * 1e6) + 1;
    }
    peer->used += 1;
    return 0;
}

void peer_charge_more(struct peer *peer, int64_t count, int64_t per_second, int64_t burst)
{
    if (per_second == 0) {
        return;
    }
    double most = 2 * (double)burst;
    peer->used += (double)count;
    peer->used = peer->used < most ? peer->used : most;
}

bool peer_is_full(const struct peers *p, const struct peer *peer, size_t per_identity, size_t all)
{
    return peer->sending >= per_identity || p->sending >= all;
}

bool peer_take_room(struct peers *p, struct peer *peer, size_t bytes, size_t per_identity,
                    size_t all)
{
    if ((peer->sending > 0 && peer->sending + bytes > per_identity) ||
        (p->sending > 0 && p->sending + bytes > all)) {
        return false;
    }
    peer_take(p, peer, bytes);
    return true;
}

void peer_take(struct peers *p, struct peer *peer, size_t bytes)
{
    peer->sending += bytes;
    p->sending += bytes;
}

void peer_gave(struct peers *p, struct peer *peer, size_t bytes)
{
    peer->sending -= bytes;
    p->sending -= bytes;
}

size_t peers_sending(const struct peers *p)
{
    return p->sending;
}

uint64_t peer_last_turn(const struct peer *peer)
{
    return peer->last_turn;
}

void peer_take_turn(struct peers *p, struct peer *peer)
{
    peer->last_turn = ++p->turns;
}

size_t *peer_receiving(struct peer *peer)
{
    return &peer->receiving;
}

void peers_sweep(struct peers *p, int64_t now_us)
{
    struct peer *peer, *next;
    HASH_ITER(hh, p->table, peer, next)
    {
        if (peer->connections == 0) {
            refill(peer, now_us);
            if (peer->used <= 0) {
                forget(p, peer);
            }
        }
    }
}

size_t peers_count(const struct peers *p)
{
    return HASH_COUNT(p->table);
}
