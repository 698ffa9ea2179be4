/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and arrays as PostgreSQL writes them in binary, into records. Pure. */
#ifndef EZREPO_DRY_ROW_H
#define EZREPO_DRY_ROW_H

#include "reasond/dry_run.h"

/* A row being read, field by field. What is not as expected sets bad, and reads as nothing. */
struct dry_row {
    const char *at, *end;
    bool bad;
};

/* A row of so many fields. */
struct dry_row dry_row_of(struct slice bytes, uint16_t fields);
struct slice dry_row_bytes(struct dry_row *r);
int64_t dry_row_64(struct dry_row *r);
int32_t dry_row_32(struct dry_row *r);
int64_t dry_row_time(struct dry_row *r); /* microseconds since 1970 */

/* The elements of an array without nulls but where they read as DRY_NONE, or as .at NULL: how many,
 * at most `size`; more than that, or what is no such array, sets *bad. */
uint32_t dry_array_grades(struct slice array, uint8_t *grades, uint32_t size, bool *bad);
uint32_t dry_array_texts(struct slice array, struct slice *texts, uint32_t size, bool *bad);
uint32_t dry_array_32(struct slice array, uint32_t *numbers, uint32_t size, bool *bad);

#endif
