/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/api_body.h"

#include <event2/buffer.h>
#include <string.h>
#include <strings.h>

bool api_body_is_json(struct evhttp_request *request)
{
    static const char type[] = "application/json";
    const char *given =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    return given != NULL && strncasecmp(given, type, sizeof type - 1) == 0 &&
           strchr("; \t", given[sizeof type - 1]) != NULL;
}

struct slice api_body_of(struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(body);
    return size == 0 ? slice_of("") : (struct slice){(const char *)evbuffer_pullup(body, -1), size};
}
