/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series an identity may see by a capability: what goes with its question, and what a kept
 * answer is known by, so that it is given to nobody who may see others by then. Pure.
 */
#ifndef EZREPO_ASKING_SIGHT_H
#define EZREPO_ASKING_SIGHT_H

#include "common/access/access.h"
#include "schemas/capability_list.h"

#define SIGHT_BYTES 32

struct sight {
    uint32_t count; /* of patterns; 0: all series */
    struct slice patterns[LIMIT_SEES * DIMENSION_COUNT];
    unsigned char mark[SIGHT_BYTES]; /* two that are the same have the same; of all series 0 */
};

/*
 * NULL: this identity may use the capability of this kind and label by these rules; else why not:
 * "" where no role of it may, words where one may but is bound to series, and what the capability
 * tells or changes is not of series.
 */
const char *sight_denied(const struct access *a, struct slice identity, enum capability_kind kind,
                         struct slice label);

/* It lives as long as the rules. -1: it may not use the capability, cannot be asked (see
 * access_sees()), or memory is out. */
int sight_find(const struct access *a, struct slice identity, struct slice label, struct sight *s);

/* Whether an identity that may use the capability still sees what has this mark. */
bool sight_is(const struct access *a, struct slice identity, struct slice label,
              const unsigned char mark[SIGHT_BYTES]);

#endif
