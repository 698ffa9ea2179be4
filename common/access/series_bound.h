/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which series records may be delivered: the rows of access_delivers(), and of the message
 * deliver, made ready to be compared. Pure.
 */
#ifndef EZREPO_SERIES_BOUND_H
#define EZREPO_SERIES_BOUND_H

#include "common/message.h"

struct series_bound;

/*
 * Of so many texts, DELIVERS_ROW a row, which must outlive it. A row that is none fits nothing, so
 * that a bound never becomes a wider one. NULL when memory is out. The caller owns it.
 */
struct series_bound *series_bound_new(const struct slice *texts, uint32_t count);
void series_bound_free(struct series_bound **b);

/* Whether a record whose type has this label, LABEL_COLLECT + type, fits one of the rows. */
bool series_bound_fits(const struct series_bound *b, struct slice label,
                       const struct record_message *m);

#endif
