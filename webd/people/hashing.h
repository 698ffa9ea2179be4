/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords compared with hashes, which takes some tenths of a second each, by workers. */
#ifndef EZREPO_HASHING_H
#define EZREPO_HASHING_H

#include "common/slice.h"
#include "webd/workers.h"

#define HASHING_THREADS 2
#define HASHING_WAITING 32 /* that none has begun with */

/*
 * Compares (password_matches()) and tells the result on the loop. Both texts are copied, and the
 * password's copy is wiped. 0, or -1: there are too many already, or memory is out.
 */
int hashing_begin(struct workers *w, struct slice password, struct slice hash,
                  void (*done)(void *context, int result), void *context);

#endif
