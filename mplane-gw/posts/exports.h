/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegated export URLs: who asked for one, who may post to it, until when. Of a URL's token only
 * the digest is known. Pure: the present, and what is random, come from the caller.
 */
#ifndef EZREPO_GW_EXPORTS_H
#define EZREPO_GW_EXPORTS_H

#include <stdbool.h>

#include "common/hash_table.h"
#include "common/message.h"
#include "common/mplane/token.h"

#define EXPORT_DIGEST_BYTES 32

struct exports;

struct export
{
    unsigned char digest[EXPORT_DIGEST_BYTES];
    struct grant_message grant; /* its texts stand behind this struct */
    char url_token[TOKEN_TEXT]; /* "" once it is not to be told again */
    int64_t told_until_us;
    UT_hash_handle hh;
};

/* NULL when memory is out. The caller owns it. */
struct exports *exports_new(void);
void exports_free(struct exports **e);

/* By what a URL is found: SHA-256 of its token. 0, or -1 when it cannot be computed. */
int exports_digest(struct slice url_token, unsigned char digest[EXPORT_DIGEST_BYTES]);

/* Takes a copy; its digest is not known yet. NULL when memory is out. */
struct export *exports_add(struct exports *e, const struct grant_message *grant);
void exports_remove(struct exports *e, struct export *one);

/* The one of this URL's token (any text) that is in force now; NULL. */
const struct export *exports_find(const struct exports *e, struct slice url_token, int64_t now_us);

/* The one that this identity asked for by a specification of this token; NULL. */
struct export *exports_of(const struct exports *e, struct slice owner, struct slice token);

/* How many there are, and how many this identity asked for. */
size_t exports_count(const struct exports *e);
size_t exports_count_of(const struct exports *e, struct slice owner);

/* Removes those whose time is over, and forgets tokens: whether any was removed. */
bool exports_sweep(struct exports *e, int64_t now_us);

/* Appends all, as grant messages one behind the other. */
void exports_encode(const struct exports *e, struct pack *p);

/* Adds what exports_encode() wrote. -1 when that is damaged or memory is out: what stands before
 * the fault was added. */
int exports_decode(struct exports *e, struct slice bytes);

#endif
