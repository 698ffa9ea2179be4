/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts to log in: so many of one address, and of one name from addresses from which it never
 * logged in; who did has an account of his own, so that others who guess do not lock him out.
 * In constant memory: names and addresses share accounts by a seeded hash. Pure: the present is
 * given.
 */
#ifndef EZREPO_ATTEMPTS_H
#define EZREPO_ATTEMPTS_H

#include <stdint.h>

#include "common/address.h"

#define ATTEMPTS_BURST    10                /* in a row; then */
#define ATTEMPTS_EVERY_US INT64_C(10000000) /* one in so long */

struct attempts;

/* NULL when memory is out. The caller owns it. */
struct attempts *attempts_new(void);
void attempts_free(struct attempts **a);

/* 0, and the attempt is counted; or after how many microseconds there may be one. `address` NULL:
 * it is not known. "" as the name: of that there is none, as of a link. */
int64_t attempts_charge(struct attempts *a, struct slice name, const struct address *address,
                        int64_t now_us);

/* It succeeded, and does not count. */
void attempts_forgive(struct attempts *a, struct slice name, const struct address *address,
                      int64_t now_us);

#endif
