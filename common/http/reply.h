/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP replies, the same for every door. */
#ifndef EZREPO_HTTP_REPLY_H
#define EZREPO_HTTP_REPLY_H

#include <event2/http.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"

/*
 * Sends the body with this status and content type, and closes the connection afterwards when
 * `last`. The request is evhttp's from then on.
 */
void reply_send(struct evhttp_request *request, int status, const char *content_type,
                struct slice body, bool last);

/* The same for what is in the buffer, which is freed. */
void reply_send_buffer(struct evhttp_request *request, int status, const char *content_type,
                       struct evbuffer *buffer, bool last);

/*
 * The same for a body that lives in the arena, which is freed: once the body has been sent, or at
 * once when a copy of the body takes far less.
 */
void reply_send_arena(struct evhttp_request *request, int status, const char *content_type,
                      struct arena *a, struct slice body, bool last);

/* Adds a Retry-After of so many microseconds to the reply that is sent next; returns its seconds.
 */
long reply_retry_after(struct evhttp_request *request, int64_t wait_us);

/* A line of plain text. */
void reply_text(struct evhttp_request *request, int status, const char *text, bool last);

/* What the request's Authorization shows by this scheme, "Bearer", without blanks around it; .at
 * NULL: nothing. It lives as long as the request. */
struct slice request_credentials(struct evhttp_request *request, const char *scheme);

/*
 * The path of the request without query and trailing slash ("/" stays), percent-encoding as it
 * came; NULL when it has none, or begins with two slashes.
 */
const char *request_path(struct evhttp_request *request, char *path, size_t size);
/* The same for any URL; NULL also for the URL. */
const char *uri_path(const struct evhttp_uri *uri, char *path, size_t size);

#endif
