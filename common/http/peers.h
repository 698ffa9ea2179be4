/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each identity takes of a server: its connections, its requests by a token bucket, the
 * bytes of answers on their way to it, and its turns. An identity stays known while it is connected
 * or its bucket is not full again. Pure: the present is given.
 */
#ifndef EZREPO_HTTP_PEERS_H
#define EZREPO_HTTP_PEERS_H

#include <stdbool.h>
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

/*
 * Takes room for so many bytes on their way to this identity: false when it would have more than
 * per_identity or all together more than `all`; but who has nothing on its way is given any size,
 * and so are all when nobody has. peer_gave() gives room back.
 */
bool peer_take_room(struct peers *p, struct peer *peer, size_t bytes, size_t per_identity,
                    size_t all);
void peer_gave(struct peers *p, struct peer *peer, size_t bytes);

/* The same without asking, for replies that have to be sent: counted against those that ask. */
void peer_take(struct peers *p, struct peer *peer, size_t bytes);

/* Whether so much is on its way already that nothing more should be begun. */
bool peer_is_full(const struct peers *p, const struct peer *peer, size_t per_identity, size_t all);

/* Bytes on their way to all. */
size_t peers_sending(const struct peers *p);

/* When this identity had its last turn, and that it has one now. */
uint64_t peer_last_turn(const struct peer *peer);
void peer_take_turn(struct peers *p, struct peer *peer);

/* What it holds of bodies that are being received: whoever receives them counts there. */
size_t *peer_receiving(struct peer *peer);

/* Forgets who is not connected and owes nothing. Call it about once a second. */
void peers_sweep(struct peers *p, int64_t now_us);

/* How many identities are known. */
size_t peers_count(const struct peers *p);

#endif
