/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of an authenticated datagram: whose key signed it, where it stands in its sender's
 * sequence, when it was signed, the content as it is, and a code over all of that. docs/
 * udp-envelope.md says what each byte is. Written by `ezrepo send --key`, read by ingestd. Pure:
 * keys, numbers and times come from the caller.
 */
#ifndef EZREPO_SIGNED_ENVELOPE_H
#define EZREPO_SIGNED_ENVELOPE_H

#include <stdint.h>

#include "common/slice.h"

#define SIGNED_KEY_ID_BYTES  8
#define SIGNED_SECRET_BYTES  32
#define SIGNED_HEAD_BYTES    37
#define SIGNED_CODE_BYTES    16 /* of the 32 that HMAC-SHA-256 gives, as in RFC 4868 */
#define SIGNED_FRAME_BYTES   (SIGNED_HEAD_BYTES + SIGNED_CODE_BYTES)
#define SIGNED_CONTENT_BYTES (65507 - SIGNED_FRAME_BYTES) /* at most in a datagram */

/* Beyond this a sequence is none: it counts up, and nobody sends so many. */
#define SIGNED_SEQUENCE_MOST ((UINT64_C(1) << 48) - 1)

/* What stands in front of the content. */
struct signed_head {
    uint8_t key_id[SIGNED_KEY_ID_BYTES];
    uint64_t epoch;    /* of the sender's run: microseconds since 1970 when that began */
    uint64_t sequence; /* in the epoch, 1 ... SIGNED_SEQUENCE_MOST, rising by 1 */
    int64_t time_us;   /* when it was signed, since 1970 */
};

/* A secret, made ready for many datagrams; for one thread at a time. */
struct signed_key;

/* The secret has SIGNED_SECRET_BYTES. NULL when memory is out. The caller owns it. */
struct signed_key *signed_key_new(const uint8_t secret[SIGNED_SECRET_BYTES]);
void signed_key_free(struct signed_key **k);

/*
 * Writes the datagram to `out`, which has room for the content and SIGNED_FRAME_BYTES; its bytes.
 * 0 when the content is empty or longer than SIGNED_CONTENT_BYTES, or the library failed.
 */
size_t signed_write(struct signed_key *k, const struct signed_head *head, struct slice content,
                    char *out);

/*
 * What stands in the datagram, whose key may be looked for then; *content is a part of it. NULL; or
 * why it is no envelope, in words. Nothing of it may be believed before signed_is_true().
 */
const char *signed_read(struct slice datagram, struct signed_head *head, struct slice *content);

/*
 * Whether its code is that of this key over the bytes as they are; of a datagram that signed_read()
 * took. How long that takes tells nothing of the code.
 */
bool signed_is_true(struct signed_key *k, struct slice datagram);

#endif
