/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/api_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/http/reply.h"
#include "common/json.h"

#define MESSAGE_BYTES 4096
#define ARENA_BYTES   ((size_t)64 * 1024)

void api_headers(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
    evhttp_add_header(headers, "Content-Security-Policy",
                      "default-src 'none'; frame-ancestors 'none'");
}

const char *api_refusal(struct arena *a, const char *reason, const char *message)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return NULL;
    }
    fputs("{\"error\":{\"reason\":", f);
    json_print_string(f, reason);
    fputs(",\"message\":", f);
    json_print_string(f, message);
    fputs("}}\n", f);
    const char *kept = fclose(f) == EOF ? NULL : arena_copy(a, (struct slice){text, size + 1}).at;
    free(text);
    return kept;
}

void api_refuse(struct evhttp_request *request, const struct connection *c, int status,
                const char *reason, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    struct arena *a = arena_new(ARENA_BYTES);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *body = a == NULL ? NULL : api_refusal(a, reason, message);
    api_headers(request);
    reply_send(request, status, "application/json",
               slice_of(body == NULL ? "{\"error\":{\"reason\":\"busy\"}}\n" : body),
               connection_is_last(c));
    arena_free(&a);
}

void api_reply(struct evhttp_request *request, const struct connection *c, const char *content_type,
               struct slice body)
{
    api_headers(request);
    reply_send(request, HTTP_OK, content_type, body, connection_is_last(c));
}
