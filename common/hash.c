/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded hash of bytes: not for keeping, and no signature. */
#include "common/hash.h"

#include <string.h>
#include <sys/random.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(uint64_t before, const void *bytes, size_t length)
{
    static uint64_t seed[2];
    const char *at = bytes;
    uint64_t word;
    if (seed[0] == 0) {
        if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
            seed[1] = (uint64_t)(uintptr_t)&word;
        }
        seed[0] |= 1;
        seed[1] |= 1;
    }
    uint64_t h = seed[0] ^ before ^ length;
    for (; length >= sizeof word; length -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        h = mix(h ^ word, seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
    }
    word = 0;
    if (length > 0) {
        memcpy(&word, at, length);
    }
    return mix(h ^ word, seed[0] ^ UINT64_C(0xc2b2ae3d27d4eb4f));
}
