/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/status: how the set does, as its processes say. */
#ifndef EZREPO_API_SET_STATUS_H
#define EZREPO_API_SET_STATUS_H

#include "webd/visitor.h"

/* For who may ask by LedgerLosses: it tells of all of the set. */
void set_status_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                     const struct visitor *v);

#endif
