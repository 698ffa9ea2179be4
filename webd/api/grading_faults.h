/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a grading document, for who looks at it. Pure. */
#ifndef EZREPO_GRADING_FAULTS_H
#define EZREPO_GRADING_FAULTS_H

#include <stdint.h>
#include <stdio.h>

#include "common/slice.h"

/* Writes a JSON list of {"place", "message", "line", "column"} of faults as grading_read() tells
 * them; a place that it does not name is "document". */
void grading_faults_write(FILE *f, struct slice document, const struct slice *faults,
                          uint32_t count);

#endif
