/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of the grading, compiled, the ones that were asked for last. */
#ifndef EZREPO_WHY_EDITIONS_H
#define EZREPO_WHY_EDITIONS_H

#include "common/grade_edition.h"

#define EDITIONS 8

/* A store that was put back gives a version's number again: its time tells them apart. */
struct kept_edition {
    uint64_t version; /* 0: none */
    char published[32];
    bool types_kept; /* else what of the record types entered is not known */
    struct grade_edition compiled;
    uint64_t used;
};

struct editions {
    struct kept_edition kept[EDITIONS];
    uint64_t clock;
    struct record_types *no_types; /* of versions that keep none */
};

/* The version published then, or NULL. It is good until the next editions_add(). */
struct kept_edition *editions_find(struct editions *e, uint64_t version, struct slice published);

/* Compiles one, in the place of the one that was not asked for the longest; NULL: why says more. */
struct kept_edition *editions_add(struct editions *e, uint64_t version, struct slice published,
                                  struct slice document, struct slice types, char *why,
                                  size_t why_size);

void editions_release(struct editions *e);

#endif
