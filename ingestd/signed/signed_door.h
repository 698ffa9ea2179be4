/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener that takes nothing but envelopes: may this datagram be believed, whose is it, and what
 * was lost before it. Reads no clock and no socket; which keys there are is given at each call.
 */
#ifndef EZREPO_INGESTD_SIGNED_DOOR_H
#define EZREPO_INGESTD_SIGNED_DOOR_H

#include "common/access/access.h"
#include "ingestd/result/result.h"
#include "ingestd/signed/replay_memory.h"

struct signed_door;

/* Keeps in mind what came in this memory, which it owns from now on, also if it fails. NULL when
 * memory is out. The caller owns it. */
struct signed_door *signed_door_new(struct replay_memory *memory);
void signed_door_free(struct signed_door **d);

const struct replay_memory *signed_door_memory(const struct signed_door *d);

/* Other keys are in force: what was made ready of those before is thrown away. */
void signed_door_forget(struct signed_door *d);

#define SIGNED_DETAIL_BYTES 256

struct signed_arrival {
    bool known;                       /* it is of the key's owner, and has not come before */
    struct access_grant grant;        /* of the key; only if so, as are the next */
    const struct series_bound *bound; /* of its owner's roles; NULL: none. Until the next call */
    struct slice content;             /* part of the datagram */
    int64_t time_us;                  /* when it was signed, since 1970 */
    int64_t missing;                  /* see replay_memory_take() */
    enum result_reason reason;        /* why it is refused; known or not */
    char detail[SIGNED_DETAIL_BYTES];
};

/*
 * Whether the datagram may be taken, that came from this address at received_us; now_us is of a
 * clock that never steps. window_us: how far its time may be from then.
 */
bool signed_door_take(struct signed_door *d, const struct access *access, struct slice datagram,
                      const struct address *peer, int64_t received_us, int64_t window_us,
                      int64_t now_us, struct signed_arrival *a);

#endif
