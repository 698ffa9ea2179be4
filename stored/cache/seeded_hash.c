/* SPDX-License-Identifier: Apache-2.0 */
/* uthash's kind of hash. */
#include "stored/cache/seeded_hash.h"

#include "common/hash.h"

unsigned seeded_hash(const void *key, size_t length)
{
    uint64_t h = hash_bytes(0, key, length);
    return (unsigned)(h ^ (h >> 32));
}
