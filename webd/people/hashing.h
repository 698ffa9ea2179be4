/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords compared with hashes, which takes some tenths of a second each, in threads of their
 * own, so that the loop goes on. */
#ifndef EZREPO_HASHING_H
#define EZREPO_HASHING_H

#include <event2/event.h>

#include "common/slice.h"

#define HASHING_THREADS 2
#define HASHING_WAITING 32 /* that none has begun with */

struct hashing;

/* On the loop. NULL after an error was logged. The caller owns it. */
struct hashing *hashing_new(struct event_base *base);

/* Waits for those that were begun; what waits is forgotten, and nothing is told of either. */
void hashing_free(struct hashing **h);

/*
 * Compares (password_matches()) and tells the result on the loop. Both texts are copied, and the
 * password's copy is wiped. 0, or -1: there are too many already, or memory is out.
 */
int hashing_begin(struct hashing *h, struct slice password, struct slice hash,
                  void (*done)(void *context, int result), void *context);

/* Whether one more would be taken. */
bool hashing_has_room(const struct hashing *h);

#endif
