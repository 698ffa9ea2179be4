/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys sign datagrams: stored's document with their secrets, as it is at this moment, read
 * and given to the intake. While stored is away the last one holds.
 */
#ifndef EZREPO_INGESTD_KNOWN_KEYS_H
#define EZREPO_INGESTD_KNOWN_KEYS_H

#include <czmq.h>

#include "ingestd/intake.h"

struct known_keys;

/* For this intake, which outlives it. NULL after an error was logged. The caller owns it. */
struct known_keys *known_keys_new(struct intake *intake);
void known_keys_free(struct known_keys **k);

/* See access_copy_socket(), access_copy_go_on(). */
zsock_t *known_keys_socket(const struct known_keys *k);
void known_keys_go_on(struct known_keys *k);

#endif
