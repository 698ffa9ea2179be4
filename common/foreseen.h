/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process knows of its future, for its status: what ends by itself, and how much room there
 * is. Long before any of it is a trouble.
 */
#ifndef EZREPO_FORESEEN_H
#define EZREPO_FORESEEN_H

#include <stdint.h>
#include <stdio.h>

#include "common/slice.h"

#define FORESEEN_ENDS        64 /* so many are told, the first ones */
#define FORESEEN_WHOSE_BYTES 256

enum foreseen_kind {
    FORESEEN_CERTIFICATE, /* of its own, and those between it and the authority */
    FORESEEN_AUTHORITY,
    FORESEEN_REVOCATION_LIST,
    FORESEEN_CLIENT, /* a certificate that a client has shown */
    FORESEEN_KINDS
};

/* "certificate", "authority", "revocation list", "client". */
extern const char *const foreseen_words[FORESEEN_KINDS];

struct foreseen_end {
    enum foreseen_kind kind;
    char whose[FORESEEN_WHOSE_BYTES]; /* its subject's or issuer's identity, UTF-8 */
    int64_t ends_us;                  /* since 1970 */
};

/* By when they end, the first one first. All 0 at the beginning. */
struct foreseen_ends {
    struct foreseen_end at[FORESEEN_ENDS];
    uint32_t count, left_out; /* left_out: they end later than all that are here */
};

/* Adds one in its place. A longer name is cut. */
void foreseen_add(struct foreseen_ends *e, enum foreseen_kind kind, struct slice whose,
                  int64_t ends_us);

/* From now on the status tells these, which are copied, instead of those before. */
void foreseen_tell_ends(const struct foreseen_ends *e);

/* Of what is called so, "store" or "spool", so many bytes are free of all, at this time of a steady
 * clock. The name has to live on; of more than four others none are told. */
void foreseen_tell_room(const char *of, int64_t clock_us, uint64_t bytes, uint64_t free_bytes);

/* Two members of a JSON object, with a comma behind each; all texts are ASCII or UTF-8. */
void foreseen_print(FILE *f);

#endif
