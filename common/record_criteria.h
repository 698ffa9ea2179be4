/* SPDX-License-Identifier: Apache-2.0 */
/* Criteria as a configuration has them: an object of patterns, one for each dimension. Pure. */
#ifndef EZREPO_RECORD_CRITERIA_H
#define EZREPO_RECORD_CRITERIA_H

#include "common/document.h"
#include "schemas/dimensions.h"

/* Of an object, or of nothing: the patterns, "*" for a dimension that it has not, copied into the
 * arena. What is no pattern is told; its place in the list stays. */
void record_criteria_read(const struct document_place *at, struct arena *a,
                          struct slice criteria[DIMENSION_COUNT]);

#endif
