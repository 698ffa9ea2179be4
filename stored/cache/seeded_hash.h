/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash as stored uses it: an element that finds no memory is not added (its hh.tbl is NULL), and
 * the hash is seeded, so that nobody outside can choose names that collide.
 */
#ifndef EZREPO_STORED_SEEDED_HASH_H
#define EZREPO_STORED_SEEDED_HASH_H

#include <stddef.h>

#define HASH_NONFATAL_OOM                1
#define HASH_FUNCTION(key, length, hash) ((hash) = seeded_hash((key), (length)))
#include <uthash.h>

unsigned seeded_hash(const void *key, size_t length);

#endif
