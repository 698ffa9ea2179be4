/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to numbers, seeded anew in each process: nobody outside can choose what collides. */
#ifndef EZREPO_COMMON_HASH_H
#define EZREPO_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of what `before` is the hash of (0: nothing), and these bytes behind it. */
uint64_t hash_bytes(uint64_t before, const void *bytes, size_t length);

#endif
