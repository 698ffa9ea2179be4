/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/check-grading: what is wrong with a grading document, which is not published. A
 * large one takes some hundredths of a second, so a thread does it; before that queryd is asked
 * what the store has seen. */
#ifndef EZREPO_CHECK_GRADING_H
#define EZREPO_CHECK_GRADING_H

#include "common/record_types.h"
#include "webd/visitor.h"

struct grading_checks;

/* On the loop, by these record types, which become its own. NULL after an error was logged. The
 * caller owns it. */
struct grading_checks *grading_checks_new(struct web *w, struct record_types **types);

/* From now on by others, which become its own; those that are under way go by theirs. -1: memory is
 * out, which was logged. */
int grading_checks_use(struct grading_checks *g, struct record_types **types);

/* Once a second. */
void grading_checks_tick(struct grading_checks *g);

/* Waits for the one that is under way. */
void grading_checks_free(struct grading_checks **g);

/* For who may use SetGrading. The body has its parameters; of them only the document is looked at.
 */
void check_grading(struct web *w, struct evhttp_request *request, struct connection *c,
                   const struct visitor *v);

/* How many are under way. */
size_t grading_checks_count(const struct grading_checks *g);

#endif
