/*
 * What each identity takes of the gateway: its connections, and its requests by a token bucket. An
 * identity stays known while it is connected or its bucket is not full again. Pure: the present is
 * given.
 */
#ifndef EZREPO_GW_PEERS_H
#define EZREPO_GW_PEERS_H

#include <stddef.h>
#include <stdint.h>

struct peers;
struct peer;

/* NULL when memory is out. The caller owns it. */
struct peers *peers_new(void);
void peers_free(struct peers **p);

/*
 * Another connection of this identity, a C string. NULL when memory is out. The peer lives at least
 * until as many peers_leave() were called for it.
 */
struct peer *peers_enter(struct peers *p, const char *identity);
void peers_leave(struct peer *peer);

/* How many connections it has now. */
size_t peer_connections(const struct peer *peer);

/*
 * A request: 0, and a token is taken from the bucket, which holds `burst` of them and gets
 * per_second new ones; or after how many microseconds there will be one. per_second 0: no limit.
 */
int64_t peer_charge(struct peer *peer, int64_t per_second, int64_t burst, int64_t now_us);

/*
 * So many more tokens for a request that was let in: the bucket may owe, up to `burst`, so that an
 * envelope larger than the bucket can pass at all.
 */
void peer_charge_more(struct peer *peer, int64_t count, int64_t per_second, int64_t burst);

/* Forgets who is not connected and owes nothing. Call it about once a second. */
void peers_sweep(struct peers *p, int64_t per_second, int64_t now_us);

/* How many identities are known. */
size_t peers_count(const struct peers *p);

#endif
