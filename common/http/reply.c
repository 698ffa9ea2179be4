/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP replies over evhttp. */
#include "common/http/reply.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/http/connections.h"
#include "common/log.h"

static void free_arena(const void *data, size_t size, void *context)
{
    struct arena *a = context;
    (void)data, (void)size;
    arena_free(&a);
}

void reply_send_buffer(struct evhttp_request *request, int status, const char *content_type,
                       struct evbuffer *buffer, bool last)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", content_type);
    if (last) {
        evhttp_add_header(headers, "Connection", "close");
    }
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) { /* RFC 9110, 9.3.2: no body */
        char length[24];
        snprintf(length, sizeof length, "%zu", evbuffer_get_length(buffer));
        evhttp_add_header(headers, "Content-Length", length);
        evbuffer_drain(buffer, evbuffer_get_length(buffer));
    }
    connection_sends(request, evbuffer_get_length(buffer));
    evhttp_send_reply(request, status, NULL, buffer);
    evbuffer_free(buffer);
}

/* Without memory for a reply the connection is all that can be given up. */
static void give_up(struct evhttp_request *request)
{
    struct evhttp_connection *c = evhttp_request_get_connection(request);
    log_error("reply.memory", "error=\"out of memory\"");
    if (c != NULL) {
        evhttp_connection_free(c);
    }
}

void reply_send(struct evhttp_request *request, int status, const char *content_type,
                struct slice body, bool last)
{
    struct evbuffer *buffer = evbuffer_new();
    if (buffer == NULL || evbuffer_add(buffer, body.at, body.len) == -1) {
        if (buffer != NULL) {
            evbuffer_free(buffer);
        }
        give_up(request);
        return;
    }
    reply_send_buffer(request, status, content_type, buffer, last);
}

void reply_send_arena(struct evhttp_request *request, int status, const char *content_type,
                      struct arena *a, struct slice body, bool last)
{
    /* A slow reader must not keep much more alive than what it reads. */
    if (arena_used(a) / 2 > body.len) {
        reply_send(request, status, content_type, body, last);
        arena_free(&a);
        return;
    }
    struct evbuffer *buffer = evbuffer_new();
    if (buffer == NULL || evbuffer_add_reference(buffer, body.at, body.len, free_arena, a) == -1) {
        if (buffer != NULL) {
            evbuffer_free(buffer);
        }
        arena_free(&a);
        give_up(request);
        return;
    }
    reply_send_buffer(request, status, content_type, buffer, last);
}

long reply_retry_after(struct evhttp_request *request, int64_t wait_us)
{
    char text[24];
    long seconds = (long)(wait_us / 1000000) + 1;
    snprintf(text, sizeof text, "%ld", seconds);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", text);
    return seconds;
}

void reply_text(struct evhttp_request *request, int status, const char *text, bool last)
{
    reply_send(request, status, "text/plain", slice_of(text), last);
}

const char *uri_path(const struct evhttp_uri *uri, char *path, size_t size)
{
    const char *from = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    if (from == NULL) {
        return NULL;
    }
    size_t n = strlen(from);
    while (n > 1 && from[n - 1] == '/') {
        n--;
    }
    if (n >= size) {
        return NULL;
    }
    snprintf(path, size, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "/" : from);
    return path;
}

const char *request_path(struct evhttp_request *request, char *path, size_t size)
{
    const char *target = evhttp_request_get_uri(request);
    if (target == NULL || strncmp(target, "//", 2) == 0) {
        return NULL; /* evhttp takes what is behind for a host, and the rest for the path */
    }
    return uri_path(evhttp_request_get_evhttp_uri(request), path, size);
}

struct slice request_credentials(struct evhttp_request *request, const char *scheme)
{
    size_t n = strlen(scheme);
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
    if (text == NULL || strncasecmp(text, scheme, n) != 0 || text[n] != ' ') {
        return (struct slice){NULL, 0};
    }
    struct slice shown = slice_of(text + n + strspn(text + n, " "));
    while (shown.len > 0 && shown.at[shown.len - 1] == ' ') {
        shown.len--;
    }
    return shown;
}
