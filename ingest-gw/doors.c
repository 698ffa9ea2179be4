/* SPDX-License-Identifier: Apache-2.0 */
/* The server, the table of doors, and whoever comes to none. */
#include "ingest-gw/doors.h"

#include <stdio.h>
#include <string.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "ingest-gw/format_door.h"
#include "ingest-gw/glimpse_door.h"
#include "ingest-gw/guest.h"
#include "ingest-gw/ingest_answer.h"
#include "ingest-gw/remote/remote_door.h"

/*
 * A path that ends with "/" stands for all below it; what follows it is handed on. Without a door a
 * path is not there; with one for other methods only, the method is not.
 */
static const struct door {
    const char *path, *method_name;
    enum evhttp_cmd_type method;
    enum guest_scheme scheme;
    void (*take)(const struct door_request *r);
} doors[] = {
    {"/api/v1/report", "POST", EVHTTP_REQ_POST, GUEST_APIKEY, glimpse_door_post},
    {"/ingest/", "POST", EVHTTP_REQ_POST, GUEST_BEARER, format_door_post},
    {"/api/v1/write/", "POST", EVHTTP_REQ_POST, GUEST_BEARER, remote_door_post},
};

#define DOORS (sizeof doors / sizeof doors[0])

/* What of the path is behind the door's; NULL: it is another's. */
static const char *rest_behind(const struct door *d, const char *path)
{
    size_t n = strlen(d->path);
    if (d->path[n - 1] == '/') {
        return strncmp(path, d->path, n) == 0 && path[n] != '\0' && strchr(path + n, '/') == NULL
                   ? path + n
                   : NULL;
    }
    return strcmp(path, d->path) == 0 ? "" : NULL;
}

/* The door of this path, with this method if there is one. */
static const struct door *find_door(const char *path, enum evhttp_cmd_type method)
{
    const struct door *found = NULL;
    for (size_t i = 0; i < DOORS; i++) {
        if (rest_behind(&doors[i], path) != NULL && (found == NULL || doors[i].method == method)) {
            found = &doors[i];
        }
    }
    return found;
}

/* ---- who comes to none ---- */

static void audit(struct ingest *g, const struct guest_found *found, struct connection *c,
                  const char *outcome)
{
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", slice_of(found->guest.identity));
    audit_line_add(&line, "token", slice_of(found->token));
    audit_line_add(&line, "peer", slice_of(connection_peer(c)));
    audit_line_add(&line, "door", slice_of("none"));
    audit_line_add(&line, "outcome", slice_of(outcome));
    audit_log_write(g->audit, &line, daemon_clock_us(), "records", 0);
}

/* Nobody learns here what there is, nor why a token is not good. */
static void refuse_unknown(struct ingest *g, struct evhttp_request *request, struct connection *c,
                           const struct guest_found *found)
{
    ingest_count(g, COUNT_UNKNOWN);
    if (found->wait_us > 0) {
        ingest_count(g, COUNT_UNKNOWN_LIMITED);
        audit(g, found, c, "limited");
        reply_retry_after(request, found->wait_us);
        ingest_reply(request, c, INGEST_TOO_MANY, "limited",
                     "too many requests without a certificate or a token that is good");
        return;
    }
    audit(g, found, c, "unknown");
    evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                      found->tried ? "Bearer realm=\"EZRepo\", error=\"invalid_token\""
                                   : "Bearer realm=\"EZRepo\"");
    ingest_reply(request, c, INGEST_UNAUTHORIZED, "unknown",
                 "expected a client's certificate, or a token that is good here");
}

static void refuse_limited(struct ingest *g, struct evhttp_request *request, struct connection *c,
                           const struct guest_found *found)
{
    ingest_count(g, COUNT_LIMITED);
    audit(g, found, c, "limited");
    reply_retry_after(request, found->wait_us);
    ingest_reply(request, c, INGEST_TOO_MANY, "limited", "too many requests, come again later");
}

static void refuse_place(struct ingest *g, struct evhttp_request *request, struct connection *c,
                         const struct guest_found *found, const struct door *d)
{
    ingest_count(g, COUNT_NOT_FOUND);
    audit(g, found, c, d == NULL ? "nothing there" : "method");
    if (d == NULL) {
        ingest_reply(request, c, HTTP_NOTFOUND, "path",
                     "there is nothing here; results are posted to /ingest/FORMAT");
        return;
    }
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", d->method_name);
    ingest_reply(request, c, HTTP_BADMETHOD, "method", "this path has no such method");
}

/* ---- requests ---- */

static void asked(void *context, struct evhttp_request *request, struct connection *c)
{
    struct ingest *g = context;
    char buffer[DOOR_PATH_BYTES];
    struct guest_found found = {.known = false};
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const char *path = request_path(request, buffer, sizeof buffer);
    const struct door *d = find_door(path == NULL ? "" : path, method);
    ingest_count(g, COUNT_REQUESTS);
    guest_find(g, request, c, d == NULL ? GUEST_BEARER : d->scheme, &found);
    if (!found.known) {
        refuse_unknown(g, request, c, &found);
    } else if (found.wait_us > 0) {
        refuse_limited(g, request, c, &found);
    } else if (d == NULL || d->method != method) {
        refuse_place(g, request, c, &found, d);
    } else {
        const struct door_request r = {g, request, c, &found.guest, rest_behind(d, path)};
        d->take(&r);
    }
}

/* ---- the server ---- */

/* What is no request, or has a body that is too large to be read. */
static const char *refusal(struct arena *a, int status, const char *what)
{
    const bool large = status == HTTP_ENTITYTOOLARGE;
    const struct ingest_answer answer = {
        .refused = 1,
        .reason = slice_of(large ? "body" : "request"),
        .detail = slice_of(
            what != NULL ? what
            : large
                ? "the body is too large"
                : "expected a request of HTTP/1.1, of which it is certain where it ends: headers "
                  "with a name and a colon, one Content-Length, a number, or "
                  "Transfer-Encoding: chunked; one Content-Encoding; a body only with POST")};
    return ingest_answer_text(a, &answer).at;
}

int doors_prepare(struct ingest *g)
{
    const struct tls_files files = ingest_files(&g->settings);
    SSL_CTX *context = connections_context(&files);
    g->kind = (struct server_kind){.section = "ingest-gw",
                                   .limits = &g->settings.http,
                                   .asked = asked,
                                   .context = g,
                                   .refusal = refusal};
    g->server = context == NULL ? NULL : server_new(&g->kind, &g->settings.listen, context);
    return g->server == NULL ? -1 : 0;
}

int doors_start(struct ingest *g)
{
    return server_start(g->server, g->base);
}

void doors_tick(struct ingest *g)
{
    struct connections *c = server_connections(g->server);
    connections_sweep(c);
    memcpy(&g->counters[COUNT_CONNECTIONS_ACCEPTED], connections_counts(c),
           HTTP_COUNTER_COUNT * sizeof g->counters[0]);
    memcpy(g->durations, connections_durations(c), sizeof g->durations);
}
