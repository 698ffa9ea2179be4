/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the API, their headers, and what is refused: {"error": {"reason", "message"}}. */
#ifndef EZREPO_API_REPLY_H
#define EZREPO_API_REPLY_H

#include <event2/http.h>

#include "common/http/connections.h"
#include "common/slice.h"

/* Statuses that libevent has no name for. */
#define API_UNAUTHORIZED   401
#define API_FORBIDDEN      403
#define API_NOT_ACCEPTABLE 406
#define API_TOO_LARGE      413
#define API_OTHER_TYPE     415
#define API_MISDIRECTED    421
#define API_TOO_MANY       429
#define API_TIMEOUT        504

/* What any reply of the page's server has: nothing is kept by others, taken for another type, put
 * in a frame, or told to other sites. Before the reply. */
void api_headers(struct evhttp_request *request);

/* The body of a refusal, a line of JSON in the arena; NULL: memory is out. */
const char *api_refusal(struct arena *a, const char *reason, const char *message);

/* Answers with a refusal; the connection goes on. */
void api_refuse(struct evhttp_request *request, const struct connection *c, int status,
                const char *reason, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Answers with this text, which is copied. */
void api_reply(struct evhttp_request *request, const struct connection *c, const char *content_type,
               struct slice body);

#endif
