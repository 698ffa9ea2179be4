/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of the gateway. Programs follow every link they find, so that each is an absolute path,
 * leads to no page that leads back, and is shown only to who may use what is behind it.
 */
#include "mplane-gw/pages.h"

#include "common/http/reply.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/gateway.h"

#define PAGE_BYTES (4 * 1024 * 1024)
#define CAPABILITY "/capability"

bool pages_has(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, CAPABILITY) == 0 ||
           strcmp(path, "/capabilities") == 0 ||
           strncmp(path, CAPABILITY "/", strlen(CAPABILITY "/")) == 0;
}

static const char front_page[] =
    "<!DOCTYPE html>\n<html><head><title>EZRepo</title></head><body>\n"
    "<h1>EZRepo</h1>\n"
    "<p>This is the mPlane gateway of a measurement repository. It tells how many measurements "
    "there are that meet given criteria, and how they were graded: 5 is normal, 1 is "
    "critical.</p>\n"
    "<p>What you may ask for: <a href='/capability'>capabilities</a>. Programs that follow the "
    "mPlane specification find them all at once under /capabilities, and post specifications, "
    "redemptions and interrupts to /specification. Which elements there are is in the registry "
    "that each capability names.</p>\n"
    "</body></html>\n";

static bool may_use(const struct gateway *g, const struct connection *c, const struct capability *k)
{
    return capability_denied(k, g->access, slice_of(connection_identity(c))) == NULL;
}

static void out_of_memory(struct evhttp_request *request, struct arena **a)
{
    arena_free(a);
    reply_text(request, HTTP_SERVUNAVAIL, "out of memory, ask again later\n", true);
}

static void send_message(const struct gateway *g, struct evhttp_request *request,
                         const struct connection *c, struct arena *a,
                         const struct mplane_message *m)
{
    struct slice text = mplane_message_write(a, m, g->registry);
    if (text.at == NULL) {
        out_of_memory(request, &a);
        return;
    }
    reply_send_arena(request, HTTP_OK, MPLANE_CONTENT_TYPE, a, text, connection_is_last(c));
}

/* The list of links. */
static void send_list(const struct gateway *g, struct evhttp_request *request,
                      const struct connection *c, struct arena *a)
{
    const char *page = "<!DOCTYPE html>\n<html><head><title>Capabilities</title></head><body>\n";
    for (size_t i = 0; i < capabilities_count(g->capabilities) && page != NULL; i++) {
        const struct capability *k = capabilities_at(g->capabilities, i);
        /* SDK clients, who follow these links, cannot read an export. */
        if (k->kind != CAPABILITY_COLLECT && may_use(g, c, k)) {
            page = arena_printf(a, "%s<a href='" CAPABILITY "/%.*s'>%.*s</a><br/>\n", page,
                                (int)k->token.len, k->token.at, (int)k->label.len, k->label.at);
        }
    }
    page = page == NULL ? NULL : arena_printf(a, "%s</body></html>\n", page);
    if (page == NULL) {
        out_of_memory(request, &a);
        return;
    }
    reply_send_arena(request, HTTP_OK, "text/html", a, slice_of(page), connection_is_last(c));
}

static void send_envelope(const struct gateway *g, struct evhttp_request *request,
                          const struct connection *c, struct arena *a)
{
    size_t count = capabilities_count(g->capabilities);
    struct mplane_message e = {.kind = MPLANE_ENVELOPE, .verb = slice_of("message")};
    e.contents = arena_calloc(a, count, sizeof *e.contents);
    if (e.contents == NULL) {
        out_of_memory(request, &a);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct capability *k = capabilities_at(g->capabilities, i);
        if (may_use(g, c, k)) {
            e.contents[e.content_count++] = k->message;
        }
    }
    send_message(g, request, c, a, &e);
}

static void send_capability(struct gateway *g, struct evhttp_request *request,
                            const struct connection *c, struct arena *a, struct slice token,
                            struct audit *line)
{
    const struct capability *k = capabilities_by_token(g->capabilities, token);
    if (k == NULL) {
        line->outcome = "unknown";
        arena_free(&a);
        reply_text(request, HTTP_NOTFOUND, "There is no capability of this token.\n",
                   connection_is_last(c));
        return;
    }
    struct desk_request r = {.gateway = g,
                             .arena = a,
                             .identity = slice_of(connection_identity(c)),
                             .peer = connection_peer(c),
                             .place = ""};
    struct desk_reply reply = {.door = "page", .token = k->token};
    line->capability = k->label;
    if (desk_may_use(&r, &reply, k)) {
        send_message(g, request, c, a, &k->message);
        return;
    }
    line->outcome = reply.outcome;
    desk_count(g, &reply.message);
    send_message(g, request, c, a, &reply.message);
}

void pages_get(struct gateway *g, struct evhttp_request *request, const struct connection *c,
               const char *path, struct audit *line)
{
    struct arena *a = arena_new(PAGE_BYTES);
    line->door = "page";
    line->outcome = "shown";
    if (a == NULL) {
        out_of_memory(request, &a);
    } else if (strcmp(path, "/") == 0) {
        arena_free(&a);
        reply_send(request, HTTP_OK, "text/html", slice_of(front_page), connection_is_last(c));
    } else if (strcmp(path, CAPABILITY) == 0) {
        line->door = "capabilities";
        send_list(g, request, c, a);
    } else if (strcmp(path, "/capabilities") == 0) {
        line->door = "capabilities";
        send_envelope(g, request, c, a);
    } else {
        line->door = "capability";
        send_capability(g, request, c, a, slice_of(path + strlen(CAPABILITY "/")), line);
    }
}
