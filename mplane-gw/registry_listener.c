/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents, and which of them is asked for. */
#include "mplane-gw/registry_listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/plain_listener.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/mplane/registry_files.h"
#include "mplane-gw/gateway.h"

/* Both files, and ours as it is read and written to be published. */
#define DOCUMENTS_BYTES (4 * (size_t)REGISTRY_FILE_BYTES)

/* What is served. */
struct documents {
    struct arena *arena;
    struct slice core, own;
};

struct registry_listener {
    struct gateway *gateway; /* from registry_prepare() on */
    struct plain_kind kind;
    struct plain_listener *http; /* NULL: none is configured */
    struct documents published;
};

struct registry_listener *registry_listener_new(void)
{
    struct registry_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("registry.start", "error=\"out of memory\"");
        return NULL;
    }
    return l;
}

/* ---- the documents ---- */

/* What the record types bring along, added, and as a list for who reads our registry; 0, or -1
 * after it was told why. */
static int add_types(struct registry *r, struct registry_more *more,
                     const struct record_types *types)
{
    struct slice type;
    for (uint32_t i = 0; record_types_each(types, i, &type) == 0; i++) {
        struct document d = {.name = NULL};
        const char *place = NULL;
        const struct json *elements = record_types_elements(types, i, &place);
        if (elements == NULL) {
            continue;
        }
        d.name = place;
        if (registry_add_elements(r, &d, elements, more) == -1) {
            return -1;
        }
    }
    return 0;
}

static int load(struct registry *r, struct documents *out, const char *schemas_dir, const char *url,
                const struct record_types *types)
{
    struct document d = {.name = "ezrepo.json"};
    struct registry_more more = {.arena = out->arena};
    out->core = registry_add_file(r, out->arena, schemas_dir, "core.json");
    struct slice own = out->core.at == NULL
                           ? out->core
                           : registry_add_file(r, out->arena, schemas_dir, "ezrepo.json");
    if (own.at == NULL || types == NULL || add_types(r, &more, types) == -1) {
        return -1;
    }
    out->own = registry_publish(out->arena, &d, own, slice_of(url), &more);
    return out->own.at == NULL ? -1 : 0;
}

int registry_load(const char *schemas_dir, const char *url, const struct record_types *types,
                  struct registry_listener *server, struct registry **r)
{
    struct documents d = {.arena = arena_new(DOCUMENTS_BYTES)};
    *r = registry_new();
    if (d.arena == NULL || *r == NULL) {
        log_error("registry.load", "error=\"out of memory\"");
        arena_free(&d.arena);
        return -1;
    }
    int rc = load(*r, &d, schemas_dir, url, types);
    if (rc == -1 || server == NULL) {
        arena_free(&d.arena);
    } else {
        arena_free(&server->published.arena);
        server->published = d;
    }
    return rc;
}

/* ---- the listener ---- */

static void on_request(void *context, struct evhttp_request *request)
{
    const struct registry_listener *l = context;
    char buffer[128];
    const char *path = request_path(request, buffer, sizeof buffer);
    gateway_count(l->gateway, COUNT_REQUESTS_REGISTRY);
    if (path == NULL ||
        (strcmp(path, "/registry/ezrepo") != 0 && strcmp(path, "/registry/core") != 0)) {
        reply_text(request, HTTP_NOTFOUND, "There is only /registry/ezrepo and /registry/core.\n",
                   true);
    } else if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET");
        reply_text(request, HTTP_BADMETHOD, "Registries can only be read.\n", true);
    } else {
        bool core = strcmp(path, "/registry/core") == 0;
        reply_send(request, HTTP_OK, "application/json",
                   core ? l->published.core : l->published.own, true);
    }
}

int registry_prepare(struct gateway *g)
{
    struct registry_listener *l = g->registry_listener;
    const char *address = g->settings.registry_listen;
    if (address[0] == '\0') {
        return 0;
    }
    l->gateway = g;
    l->kind = (struct plain_kind){"mplane-gw.registry_listen", &g->settings.http.transfer_timeout_s,
                                  on_request, l};
    l->http = plain_listener_new(&l->kind, address);
    return l->http == NULL ? -1 : 0;
}

int registry_start(struct gateway *g)
{
    struct plain_listener *http = g->registry_listener->http;
    return http == NULL ? 0 : plain_listener_start(http, g->base);
}

void registry_tick(const struct gateway *g)
{
    if (g->registry_listener->http != NULL) {
        plain_listener_tick(g->registry_listener->http);
    }
}

void registry_stop(struct gateway *g)
{
    struct registry_listener *l = g->registry_listener;
    if (l == NULL) {
        return;
    }
    plain_listener_free(&l->http);
    arena_free(&l->published.arena);
    free(l);
    g->registry_listener = NULL;
}
