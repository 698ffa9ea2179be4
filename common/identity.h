/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured, as a number: the digest that stands last in a record's identity (series,
 * t_start, digest). docs/semantics.md has the canonical form that is digested, and
 * tests/golden/record_identity.json its vectors; neither ever changes. Pure.
 */
#ifndef EZREPO_IDENTITY_H
#define EZREPO_IDENTITY_H

#include <stdint.h>

#include "common/message.h"

/* What a value was where it was sent, as far as its text does not tell; null has no text. */
enum identity_kind {
    IDENTITY_NUMBER_OR_STRING, /* a string that is a number is that number */
    IDENTITY_BOOLEAN,
    IDENTITY_JSON /* a list or an object */
};

/* What digests are made with; to be used by one thread at a time. NULL when memory is out. */
struct identity;
struct identity *identity_new(void);
void identity_free(struct identity **identity);

/* The places of names in the order of their bytes, for identity_digest(); `order` has room for
 * count. */
void identity_order(const struct slice *names, uint32_t count, uint16_t *order);

/*
 * The digest of a record whose schema's results stand in `order`: of t_end, hops and metrics.
 * `kinds` tells what each of the metrics was; NULL: as their text tells, where what begins with a
 * bracket or a brace is a list or an object and a boolean is a string. `equal_before` rows of the
 * same result say the same. 1..LIMIT_DIGEST into *digest and 0, or -1 when libcrypto fails.
 */
int identity_digest(struct identity *identity, const struct schema_message *schema,
                    const uint16_t *order, const struct record_message *record,
                    const uint8_t *kinds, uint32_t equal_before, uint64_t *digest);

#endif
