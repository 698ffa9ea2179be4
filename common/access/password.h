/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of people: what can be one, and their hashes, which tell by what they were made. Pure,
 * but for random bytes. */
#ifndef EZREPO_PASSWORD_H
#define EZREPO_PASSWORD_H

#include <stdbool.h>

#include "common/slice.h"

#define PASSWORD_CHARACTERS 10   /* at least */
#define PASSWORD_BYTES      1024 /* at most */
#define PASSWORD_HASH_SIZE  128  /* of a hash as text, its NUL included */

/* What is wrong with it, for who typed it: it is never shown; NULL: it can be a password. */
const char *password_fault(struct slice password);

/*
 * "$scrypt$ln=15,r=8,p=3$SALT$KEY": N is 2 to the power of ln; SALT, 16 random bytes, and KEY, 32,
 * are in base64 without padding. Takes some tenths of a second and 32 MiB. 0, or -1: there is no
 * memory, or there are no random bytes.
 */
int password_hash(struct slice password, char text[PASSWORD_HASH_SIZE]);

/* Whether it is such a text, whose parameters take no more than 256 MiB and eight times as long as
 * today's. */
bool password_is_hash(struct slice text);

/*
 * 1: the hash is of this password; 0: it is not; -1: memory is out. What is no hash, "" among it,
 * takes as long as one with today's parameters and is of no password. Any thread may call it.
 */
int password_matches(struct slice password, struct slice hash);

#endif
