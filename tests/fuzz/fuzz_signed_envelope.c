/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a datagram: what is an envelope is written again byte by byte as it was, but for its
 * code; with its own code it is true, and with one bit changed anywhere it is not.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/signed_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check(struct signed_key *key, const struct signed_head *head, struct slice content,
                  struct slice datagram)
{
    static char out[65507];
    size_t n = signed_write(key, head, content, out);
    struct slice written = {out, n};
    struct signed_head again;
    struct slice found;
    require(n == datagram.len && memcmp(out, datagram.at, n - (size_t)SIGNED_CODE_BYTES) == 0);
    require(signed_read(written, &again, &found) == NULL && signed_is_true(key, written) &&
            slice_equal(found, content) && again.epoch == head->epoch &&
            again.sequence == head->sequence && again.time_us == head->time_us);
    out[head->time_us % (int64_t)n] ^= (char)(1 << head->epoch % 8);
    require(!signed_is_true(key, written));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct signed_key *key;
    struct slice datagram = {(const char *)data, size}, content;
    struct signed_head head;
    if (key == NULL) {
        key = signed_key_new((const uint8_t[SIGNED_SECRET_BYTES]){1, 2, 3});
        require(key != NULL);
    }
    if (size <= 65507 && signed_read(datagram, &head, &content) == NULL) {
        signed_is_true(key, datagram);
        check(key, &head, content, datagram);
    }
    return 0;
}
