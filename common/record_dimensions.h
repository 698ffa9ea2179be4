/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dimensions (schemas/dimensions.h) as data: for what does the same with each of them. Pure.
 */
#ifndef EZREPO_RECORD_DIMENSIONS_H
#define EZREPO_RECORD_DIMENSIONS_H

#include <stdbool.h>

#include "common/message.h"
#include "schemas/dimensions.h"

/* A dimension's name, its mPlane element, and whether its values may be addresses. */
struct dimension_row {
    const char *name;
    const char *element;
    bool addresses;
};

#define DIMENSION_ROW(x, name, Name, addresses, help) {#name, "record." #name, addresses},
static const struct dimension_row dimension_rows[DIMENSION_COUNT] = {DIMENSIONS(DIMENSION_ROW, )};
#undef DIMENSION_ROW

/* Where each stands in one of the structs that have all six. */
#define DIMENSION_OFFSET(type, name, Name, addresses, help) offsetof(type, name),

/* A record's value of it. */
static inline const struct slice *record_dimension(const struct record_message *r, enum dimension d)
{
    static const size_t offsets[] = {DIMENSIONS(DIMENSION_OFFSET, struct record_message)};
    return (const struct slice *)(const void *)((const char *)r + offsets[d]);
}

/* A question's pattern for it. */
static inline const struct slice *query_dimension(const struct query_message *q, enum dimension d)
{
    static const size_t offsets[] = {DIMENSIONS(DIMENSION_OFFSET, struct query_message)};
    return (const struct slice *)(const void *)((const char *)q + offsets[d]);
}

/* That of a window of maintenance. */
static inline const struct slice *maintain_dimension(const struct maintain_message *m,
                                                     enum dimension d)
{
    static const size_t offsets[] = {DIMENSIONS(DIMENSION_OFFSET, struct maintain_message)};
    return (const struct slice *)(const void *)((const char *)m + offsets[d]);
}

static inline const struct slice *expect_dimension(const struct expect_message *m, enum dimension d)
{
    static const size_t offsets[] = {DIMENSIONS(DIMENSION_OFFSET, struct expect_message)};
    return (const struct slice *)(const void *)((const char *)m + offsets[d]);
}

/* How many bytes a record's dimensions have together. */
static inline size_t record_dimensions_bytes(const struct record_message *r)
{
    size_t sum = 0;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        sum += record_dimension(r, d)->len;
    }
    return sum;
}

#endif
