/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/me: who asks, by what, and what may be asked; publishers: who else may publish a
 * grading; openapi.json: what there is. */
#ifndef EZREPO_API_ME_H
#define EZREPO_API_ME_H

#include "webd/visitor.h"

void me_tell(struct web *w, struct evhttp_request *request, struct connection *c,
             const struct visitor *v);

void publishers_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                     const struct visitor *v);

void openapi_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                  const struct visitor *v);

#endif
