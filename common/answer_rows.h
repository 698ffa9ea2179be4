/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of what queryd answered, and what stands in their cells. Pure. */
#ifndef EZREPO_ANSWER_ROWS_H
#define EZREPO_ANSWER_ROWS_H

#include "common/message.h"

uint32_t answer_rows(const struct answer_message *m);

/* The cells of a row, one for each column; .at NULL: null. */
const struct slice *answer_row(const struct answer_message *m, uint32_t row);

/* A time, microseconds since 1970; `otherwise` where there is none. */
int64_t answer_time(struct slice cell, int64_t otherwise);

/* A whole number; 0 where there is none, or a negative one. */
int64_t answer_number(struct slice cell);

#endif
