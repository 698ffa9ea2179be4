/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/check-grading: what is wrong with a grading document, which is not published. */
#ifndef EZREPO_CHECK_GRADING_H
#define EZREPO_CHECK_GRADING_H

#include "webd/visitor.h"

/* For who may use SetGrading. The body has its parameters; of them only the document is looked at.
 */
void check_grading(struct web *w, struct evhttp_request *request, struct connection *c,
                   const struct visitor *v);

#endif
