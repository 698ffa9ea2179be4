/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a format, what is known beside a body, and the body. */
#include "ingest-gw/format_door.h"

#include <string.h>
#include <strings.h>

#include "common/formats/format_about.h"
#include "common/formats/format_files.h"
#include "common/when_time.h"
#include "ingest-gw/delivery_door.h"
#include "ingest-gw/format_names.h"

/* A form of several parts holds what was meant in one of them, in a wrapping that no format has. */
static bool is_wrapped(struct evhttp_request *request)
{
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    return type != NULL && strncasecmp(type, "multipart/", strlen("multipart/")) == 0;
}

/* Whether it is said how long the body is. */
static bool has_length(struct evhttp_request *request)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    return evhttp_find_header(headers, "Content-Length") != NULL ||
           evhttp_find_header(headers, "Transfer-Encoding") != NULL;
}

static void take_body(struct post *p, const struct door_request *r,
                      const struct context_query *context)
{
    struct arena *a = posts_body_arena(r->gateway->posts);
    const char *why = NULL;
    struct slice body, format = slice_of(r->rest);
    int fault = a == NULL ? 1 : post_body(p, a, &body, &why);
    if (fault == 1) {
        delivery_busy(p, "out of memory");
    } else if (fault != 0) {
        delivery_refuse(p, fault, "body", why);
    } else {
        delivery_send(p, r->guest, slice_is(format, FORMAT_MPLANE) ? slice_of("") : format, context,
                      body);
    }
    arena_free(&a);
}

/* ?time=, which mappings know as #received, however it is written. NULL, or what is wrong. */
static const char *read_time(struct arena *a, struct context_query *context, uint32_t i)
{
    char why[160], text[WHEN_TEXT];
    int64_t us;
    bool local;
    if (when_time_read(context->values[i], &us, &local, why, sizeof why) == -1) {
        const char *told =
            arena_printf(a, "%.*s: %s", (int)context->names[i].len, context->names[i].at, why);
        return told == NULL ? "out of memory" : told;
    }
    for (uint32_t k = 0; k < context->count; k++) {
        if (k != i && slice_is(context->names[k], "received")) {
            return "time and received are the same: expected one of them";
        }
    }
    when_time_text(us, text);
    context->names[i] = slice_of("received");
    context->values[i] = arena_copy(a, slice_of(text));
    return context->values[i].at == NULL ? "out of memory" : NULL;
}

static bool is_time(const struct format *f, struct slice name)
{
    return slice_is(name, "received") || (slice_is(name, "time") && !format_asks(f, name));
}

const char *format_door_parameters(const struct door_request *r, struct arena *a,
                                   struct context_query *context)
{
    const struct format_file *f =
        format_files_find(r->gateway->mappings, slice_of(r->rest)); /* NULL: mPlane's own */
    const char *why = context_query_read(
        a, evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r->request)), context);
    for (uint32_t i = 0; why == NULL && i < context->count; i++) {
        if (f != NULL && is_time(f->format, context->names[i])) {
            why = read_time(a, context, i);
        } else if (f == NULL || !format_asks(f->format, context->names[i])) {
            why = arena_printf(a, "the format %.64s asks for no \"%.*s\"", r->rest,
                               (int)context->names[i].len, context->names[i].at);
            why = why == NULL ? "out of memory" : why;
        }
    }
    return why;
}

void format_door_post(const struct door_request *r)
{
    struct context_query context;
    struct ingest *g = r->gateway;
    struct post *p = delivery_begin(r, "ingest", r->rest, delivery_reply_json);
    if (p == NULL) {
        return;
    }
    const char *why = format_door_parameters(r, p->arena, &context);
    if (!format_names_has(g->formats, slice_of(r->rest))) {
        const char *names = format_names_text(g->formats, p->arena);
        delivery_refuse(p, HTTP_NOTFOUND, "format",
                        names == NULL
                            ? NULL
                            : arena_printf(p->arena, "there is no format \"%.64s\"; there are %s",
                                           r->rest, names));
    } else if (why != NULL) {
        delivery_refuse(p, HTTP_BADREQUEST, "context",
                        arena_printf(p->arena, "the parameters of the URL: %s", why));
    } else if (is_wrapped(r->request)) {
        delivery_refuse(p, INGEST_UNSUPPORTED_TYPE, "body",
                        "Content-Type: expected the body itself, not a form of several parts");
    } else if (!has_length(r->request)) {
        delivery_refuse(p, INGEST_LENGTH_REQUIRED, "body",
                        "expected Content-Length, also where the body is empty");
    } else {
        take_body(p, r, &context);
    }
}
