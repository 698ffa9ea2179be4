/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and answers; what is in the body is remote.c's matter. */
#include "ingest-gw/remote/remote_door.h"

#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "common/http/reply.h"
#include "ingest-gw/delivery_door.h"
#include "ingest-gw/format_door.h"
#include "ingest-gw/remote/remote.h"

#define ARENA_TIMES 8 /* what is made of a body, to what it is uncompressed */
#define ARENA_MORE  ((size_t)1 << 20)

/* ---- answers ---- */

/* A line, which Prometheus writes into its log. */
static void reply_line(struct post *p, int status, const struct ingest_answer *answer)
{
    const char *line =
        status == HTTP_NOCONTENT
            ? ""
            : arena_printf(p->arena, "%.*s: %.*s\n", (int)answer->reason.len, answer->reason.at,
                           (int)answer->detail.len, answer->detail.at);
    post_reply(p, status, "text/plain", slice_of(line == NULL ? "out of memory\n" : line));
}

/* What is left of the request once it is read. */
struct remote_kept {
    uint32_t samples, invalid;
    const char *why;
};

static void answer_kept(struct post *p, const struct remote_kept *k)
{
    struct ingest_answer a = {.records = k->samples};
    if (k->invalid == 0) {
        delivery_answer(p, HTTP_NOCONTENT, COUNT_POSTS_KEPT, "kept", &a);
        return;
    }
    const char *detail = arena_printf(p->arena, "%u samples are invalid: %s; the others are kept",
                                      (unsigned)k->invalid, k->why);
    a.refused = k->invalid;
    a.reason = slice_of("samples");
    a.detail = slice_of(detail == NULL ? "out of memory" : detail);
    delivery_answer(p, HTTP_BADREQUEST, COUNT_POSTS_PARTLY_KEPT, "partly kept", &a);
}

/* The journal has it, or cannot be written. Who left is not there any more. */
static void told(void *context, uint64_t id, bool kept)
{
    struct ingest *g = context;
    struct post *p = posts_find(g->posts, id);
    if (p == NULL) {
        return;
    }
    const struct delivery_about *about = p->about;
    if (kept) {
        answer_kept(p, about->more);
    } else {
        delivery_busy(p, "the journal cannot be written");
    }
}

int remote_door_open(struct ingest *g)
{
    if (g->settings.remote.remote_dir[0] == '\0') {
        return 0;
    }
    g->remote = remote_new(g->base, &g->settings.remote, g->mappings,
                           &g->counters[COUNT_REMOTE_REQUESTS], told, g);
    return g->remote == NULL ? -1 : 0;
}

/* ---- requests ---- */

static const char *header(const struct door_request *r, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(r->request), name);
}

/* Whether its body is what version 1 of the protocol has; later senders turn to that at 415. */
static const char *fault_of_kind(const struct door_request *r)
{
    const char *encoding = header(r, "Content-Encoding"), *type = header(r, "Content-Type");
    if (encoding == NULL || strcasecmp(encoding, "snappy") != 0) {
        return "Content-Encoding: expected snappy";
    }
    if (type == NULL || strncasecmp(type, "application/x-protobuf", 22) != 0) {
        return "Content-Type: expected application/x-protobuf";
    }
    return strstr(type, "io.prometheus.write.v2") != NULL
               ? "Content-Type: expected a WriteRequest of remote write 1.0"
               : NULL;
}

static void answer_read(struct post *p, enum remote_answer answer, const struct remote_reply *reply,
                        size_t bytes)
{
    struct delivery_about *about = p->about;
    struct remote_kept *kept = arena_alloc(p->arena, sizeof *kept);
    const char *why = arena_printf(p->arena, "%s", reply->why);
    if (kept == NULL || why == NULL) {
        delivery_busy(p, "out of memory");
        return;
    }
    *kept = (struct remote_kept){reply->samples, reply->invalid, why};
    about->more = kept;
    switch (answer) {
    case REMOTE_WAITS:
        post_hold(p, bytes);
        break;
    case REMOTE_DONE:
        answer_kept(p, kept);
        break;
    case REMOTE_BUSY:
        delivery_busy(p, why);
        break;
    case REMOTE_REFUSED:
        delivery_refuse(p, HTTP_BADREQUEST, "body", why);
        break;
    case REMOTE_OVERSIZED:
        delivery_refuse(p, HTTP_ENTITYTOOLARGE, "body", why);
        break;
    }
}

static void take_body(struct post *p, const struct door_request *r,
                      const struct context_query *context)
{
    struct ingest *g = r->gateway;
    size_t most = (size_t)g->settings.posts.post_bytes;
    struct arena *a = arena_new(ARENA_TIMES * most + ARENA_MORE);
    struct evbuffer *input = evhttp_request_get_input_buffer(r->request);
    struct slice body = {(const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};
    const struct deliver_message head = {.id = p->id,
                                         .door = DOOR_HTTPS,
                                         .sender = slice_of(r->guest->identity),
                                         .place = slice_of(""),
                                         .allowed = (struct slice *)(uintptr_t)r->guest->allowed,
                                         .allowed_count = r->guest->allowed_count,
                                         .delivers = (struct slice *)(uintptr_t)r->guest->delivers,
                                         .delivers_count = r->guest->delivers_count,
                                         .format = slice_of(r->rest),
                                         .context_names = (struct slice *)(uintptr_t)context->names,
                                         .context_names_count = context->count,
                                         .context_values =
                                             (struct slice *)(uintptr_t)context->values,
                                         .context_values_count = context->count};
    struct remote_reply reply = {.why = "out of memory"};
    body.at = body.at == NULL ? "" : body.at;
    enum remote_answer answer =
        a == NULL ? REMOTE_BUSY : remote_take(g->remote, &head, body, most, a, &reply);
    connection_charge_bytes(r->connection, reply.bytes);
    answer_read(p, answer, &reply, body.len);
    arena_free(&a);
}

void remote_door_post(const struct door_request *r)
{
    struct context_query context;
    struct ingest *g = r->gateway;
    struct post *p = delivery_begin(r, "remote", r->rest, reply_line);
    if (p == NULL) {
        return;
    }
    const char *why = format_door_parameters(r, p->arena, &context);
    const char *kind = fault_of_kind(r);
    if (g->remote == NULL) {
        delivery_refuse(p, HTTP_NOTFOUND, "path",
                        "there is no remote write here: remote_dir is \"\"");
    } else if (remote_rule(g->remote, slice_of(r->rest)) == NULL) {
        delivery_refuse(
            p, HTTP_NOTFOUND, "format",
            arena_printf(p->arena, "there is no format \"%.64s\" that says `assemble`", r->rest));
    } else if (why != NULL) {
        delivery_refuse(p, HTTP_BADREQUEST, "context",
                        arena_printf(p->arena, "the parameters of the URL: %s", why));
    } else if (kind != NULL) {
        delivery_refuse(p, INGEST_UNSUPPORTED_TYPE, "body", kind);
    } else {
        take_body(p, r, &context);
    }
}
