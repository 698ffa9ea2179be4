/* SPDX-License-Identifier: Apache-2.0 */
/* What a grading document says of steadiness: `leave`, `hold`, `flap`. */
#ifndef EZREPO_GRADING_STEADY_H
#define EZREPO_GRADING_STEADY_H

#include "common/grading.h"

/*
 * `leave` of a condition; `known`: its limit and relation are read, else there is a fault already.
 * One on the stricter side of the limit, or where there is no side, is a fault.
 */
void grading_leave_read(const struct document_place *at, bool known,
                        struct grading_condition *condition);

/* `hold` and `flap` of a block: what they say is among the grading's terms, which have room for one
 * more. */
void grading_steady_read(const struct document_place *block_at, struct grading *grading,
                         struct grading_block *block);

#endif
