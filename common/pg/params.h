/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a statement under construction: scalars, and arrays that are columns of rows to
 * come. A failure (memory) sticks, and makes the statement fail that is to have them. Pure.
 */
#ifndef EZREPO_COMMON_PG_PARAMS_H
#define EZREPO_COMMON_PG_PARAMS_H

#include "common/pg/bytes.h"

#define PG_PARAMS 16

/* Microseconds since 1970 as PostgreSQL counts, from 2000-01-01. */
#define PG_EPOCH_US INT64_C(946684800000000)

struct pg_params {
    int count;
    bool failed;
    struct {
        struct bytes bytes;
        uint32_t type; /* of the elements; 0: a scalar */
        uint32_t elements;
        bool null;
    } value[PG_PARAMS];
};

/* Types of array elements (PostgreSQL's own numbers for them). */
enum pg_type {
    PG_BYTEA = 17,
    PG_BIGINT = 20,
    PG_SMALLINT = 21,
    PG_INTEGER = 23,
    PG_TEXT = 25,
    PG_SMALLINT_ARRAY = 1005,
    PG_TEXT_ARRAY = 1009,
    PG_TIMESTAMPTZ = 1184,
    PG_UUID = 2950
};

/* Begins a new list of parameters; the memory of the one before is used again. */
void pg_params_begin(struct pg_params *p);
void pg_params_release(struct pg_params *p);

/* Scalars, one after the other. */
void pg_add_16(struct pg_params *p, int16_t v);
void pg_add_32(struct pg_params *p, int32_t v);
void pg_add_64(struct pg_params *p, int64_t v);
void pg_add_time(struct pg_params *p, int64_t us);
void pg_add_bytes(struct pg_params *p, struct slice s); /* text, bytea, uuid; no value is NULL */

/* An array parameter of a type, by PostgreSQL's number; gives its column number for what follows.
 */
int pg_add_array(struct pg_params *p, uint32_t type);
void pg_put_16(struct pg_params *p, int column, int16_t v);
void pg_put_32(struct pg_params *p, int column, int32_t v);
void pg_put_64(struct pg_params *p, int column, int64_t v);
void pg_put_time(struct pg_params *p, int column, int64_t us);
void pg_put_bytes(struct pg_params *p, int column, struct slice s); /* no value is NULL */

/* Elements so far in an array column. */
static inline uint32_t pg_elements(const struct pg_params *p, int column)
{
    return p->value[column].elements;
}

#endif
