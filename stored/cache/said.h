/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record's series says already is not stored with each record: a parameter's or metadata's
 * value that is, as text, the dimension it became. The row of `schema` tells which values are left
 * out; whole_values() in the store gives them back. Pure.
 */
#ifndef EZREPO_STORED_SAID_H
#define EZREPO_STORED_SAID_H

#include <stdbool.h>

#include "common/message.h"

#define SAID_MOST 16

/* The values of a schema's records that may be left out, by their names; in order of place. */
struct said {
    struct {
        uint16_t place; /* in values */
        uint8_t dimension;
    } candidate[SAID_MOST];
    uint32_t count;
};

/* The dimension that a parameter or metadata of this name becomes; DIMENSION_COUNT: none. */
enum dimension said_dimension(struct slice name);

/* Names must be values. */
void said_of_schema(const struct schema_message *schema, struct said *said);

/* Which of the candidates the record's series says: bit i is that of candidate[i]. */
uint32_t said_of_record(const struct said *said, const struct record_message *r);

#endif
