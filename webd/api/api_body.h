/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request that is more than a question. */
#ifndef EZREPO_API_BODY_H
#define EZREPO_API_BODY_H

#include <event2/http.h>
#include <stdbool.h>

#include "common/slice.h"

/* Whether it says that its body is application/json, which no form of another site can say. */
bool api_body_is_json(struct evhttp_request *request);

/* Its bytes, as long as it is not answered; .at NULL: memory is out. */
struct slice api_body_of(struct evhttp_request *request);

#endif
