/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/page_doors.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "webd/api/api_asking.h"
#include "webd/api/api_changes.h"
#include "webd/api/api_publishing.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/check_grading.h"
#include "webd/api/me.h"
#include "webd/api/set_status.h"
#include "webd/page_files.h"
#include "webd/page_hosts.h"
#include "webd/people/logins.h"

#define API        "/api/v1/"
#define PATH_BYTES 512

/* Who asks is known, and may ask now. */
static const struct api_door {
    const char *path; /* behind API */
    void (*take)(struct web *w, struct evhttp_request *request, struct connection *c,
                 const struct visitor *v);
} api_doors[] = {{"changes", api_changes_listen}, {"me", me_tell},
                 {"openapi.json", openapi_tell},  {"publishers", publishers_tell},
                 {"status", set_status_tell},     {"under-way", api_under_way_tell}};

/* What is more than a question, and no capability. */
static const struct api_door post_doors[] = {{"check-grading", check_grading},
                                             {"logout", logins_end}};

static const struct api_door *find_door(const struct api_door *doors, size_t count,
                                        const char *rest)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(doors[i].path, rest) == 0) {
            return &doors[i];
        }
    }
    return NULL;
}
#define FIND_DOOR(doors, rest) find_door(doors, sizeof doors / sizeof doors[0], rest)

static void refuse_method(struct web *w, struct evhttp_request *request, const struct connection *c,
                          const char *allowed)
{
    web_count(w, COUNT_NOT_FOUND);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allowed);
    api_refuse(request, c, HTTP_BADMETHOD, "method", "this path has no such method, but %s",
               allowed);
}

/* ---- the API ---- */

/* Nobody learns here what there is, nor why a token is not good. */
static void refuse_unknown(struct web *w, struct evhttp_request *request, struct connection *c,
                           const struct visitor *v)
{
    web_count(w, COUNT_UNKNOWN);
    if (v->wait_us > 0) {
        web_count(w, COUNT_UNKNOWN_LIMITED);
        reply_retry_after(request, v->wait_us);
        api_refuse(request, c, API_TOO_MANY, "limited",
                   "too many requests of which nobody knows who asks");
        return;
    }
    if (v->unsaid) {
        reply_retry_after(request, 5000000);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "unavailable",
                   "nobody can say whose session this is, ask again later");
        return;
    }
    evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                      v->tried ? "Bearer realm=\"EZRepo\", error=\"invalid_token\""
                               : "Bearer realm=\"EZRepo\"");
    api_refuse(
        request, c, API_UNAUTHORIZED, "unknown",
        "expected a session (POST /api/v1/login), a client's certificate, or a token that is "
        "good here");
}

static bool is_posted(const char *rest)
{
    return FIND_DOOR(post_doors, rest) != NULL ||
           api_posted_kind(slice_of(rest)) != CAPABILITY_COLLECT ||
           api_change_kind(slice_of(rest)) != CAPABILITY_COLLECT;
}

/* What is more than a question. */
static void take_post(struct web *w, struct evhttp_request *request, struct connection *c,
                      const char *rest, const struct visitor *v)
{
    const struct api_door *door = FIND_DOOR(post_doors, rest);
    connection_charge_bytes(c, evbuffer_get_length(evhttp_request_get_input_buffer(request)));
    if (!is_posted(rest) || evhttp_request_get_command(request) != EVHTTP_REQ_POST) {
        refuse_method(w, request, c, is_posted(rest) ? "POST" : "GET");
    } else if (!visitor_means_it(w, request, v)) {
        web_count(w, COUNT_CSRF_REFUSED);
        api_refuse(request, c, API_FORBIDDEN, "csrf",
                   "expected X-EZRepo-CSRF as /api/v1/me tells it, from a page of this host");
    } else if (door != NULL) {
        door->take(w, request, c, v);
    } else if (api_posted_kind(slice_of(rest)) != CAPABILITY_COLLECT) {
        api_ask(w, request, c, v, rest);
    } else {
        api_publish(w, request, c, v, api_change_kind(slice_of(rest)));
    }
}

static void go_on_api(struct web *w, struct evhttp_request *request, struct connection *c,
                      const struct session_seen *seen)
{
    struct visitor v;
    char buffer[PATH_BYTES];
    const char *path = request_path(request, buffer, sizeof buffer);
    const char *rest = path == NULL ? "" : path + sizeof API - 1;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct api_door *door = FIND_DOOR(api_doors, rest);
    visitor_find(w, request, c, seen, &v);
    if (!v.known) {
        refuse_unknown(w, request, c, &v);
    } else if (v.wait_us > 0) {
        web_count(w, COUNT_LIMITED);
        reply_retry_after(request, v.wait_us);
        api_refuse(request, c, API_TOO_MANY, "limited", "too many requests, come again later");
    } else if (method != EVHTTP_REQ_GET || is_posted(rest)) {
        take_post(w, request, c, rest, &v);
    } else if (door != NULL) {
        door->take(w, request, c, &v);
    } else {
        api_ask(w, request, c, &v, rest);
    }
}

static void take_api(struct web *w, struct evhttp_request *request, struct connection *c,
                     const char *rest)
{
    if (strcmp(rest, "login") != 0) {
        visitor_look(w, request, c, go_on_api);
    } else if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) {
        logins_take(w, request, c);
    } else {
        refuse_method(w, request, c, "POST");
    }
}

/* ---- the page ---- */

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "        \
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "                   \
    "frame-ancestors 'none'"

static bool is_page(const char *path)
{
    return path[0] == '/' && strchr(path, '.') == NULL && strchr(path + 1, '/') == NULL &&
           strcmp(path, "/app") != 0 && strcmp(path, "/api") != 0;
}

/* Which file a path means: /app/NAME and /d3.js; any other name is a page, which index.html makes.
 * NULL: none. */
static const struct page_file *find_file(const struct web *w, const char *path)
{
    return strncmp(path, "/app/", 5) == 0 ? page_files_find(w->files, path + 5)
           : strcmp(path, "/d3.js") == 0  ? page_files_find(w->files, "d3.js")
           : is_page(path)                ? page_files_find(w->files, "index.html")
                                          : NULL;
}

static void send_file(struct evhttp_request *request, const struct connection *c,
                      const struct page_file *f)
{
    const char *known =
        evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    bool same = known != NULL && strcmp(known, f->tag) == 0;
    evhttp_add_header(headers, "ETag", f->tag);
    evhttp_add_header(headers, "Cache-Control", "no-cache"); /* asked for again, by its tag */
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cross-Origin-Opener-Policy", "same-origin");
    evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
    evhttp_add_header(headers, "Content-Security-Policy", POLICY);
    if (body == NULL ||
        (!same && evbuffer_add_reference(body, f->bytes.at, f->bytes.len, NULL, NULL) == -1)) {
        if (body != NULL) {
            evbuffer_free(body);
        }
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory\n", true);
        return;
    }
    reply_send_buffer(request, same ? HTTP_NOTMODIFIED : HTTP_OK, f->type, body,
                      connection_is_last(c));
}

static void take_page(struct web *w, struct evhttp_request *request, const struct connection *c,
                      const char *path)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct page_file *f = find_file(w, path);
    if (f == NULL) {
        web_count(w, COUNT_NOT_FOUND);
        api_refuse(request, c, HTTP_NOTFOUND, "path", "there is nothing here");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        refuse_method(w, request, c, "GET, HEAD");
    } else {
        send_file(request, c, f);
    }
}

/* Over TLS a browser has compared the name with the certificate's. Who writes a whole address for
 * the path (RFC 9112, section 3.2.2) says there whom he means, too. */
static bool is_asked_by_name(const struct web *w, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    bool is_whole = uri != NULL && evhttp_uri_get_scheme(uri) != NULL;
    const char *whole = is_whole ? evhttp_uri_get_host(uri) : NULL;
    const char *host = evhttp_find_header(evhttp_request_get_input_headers(request), "Host");
    return web_has_tls(&w->settings) || (page_host_is_ours(host, &w->settings.hosts) &&
                                         page_host_is_ours(whole, &w->settings.hosts));
}

static void asked(void *context, struct evhttp_request *request, struct connection *c)
{
    struct web *w = context;
    char buffer[PATH_BYTES];
    const char *path = request_path(request, buffer, sizeof buffer);
    web_count(w, COUNT_REQUESTS);
    if (path == NULL) {
        path = "";
    }
    if (!is_asked_by_name(w, request)) {
        web_count(w, COUNT_NOT_FOUND);
        api_refuse(request, c, API_MISDIRECTED, "host",
                   "Host: expected an address, localhost or a name of webd.hosts");
    } else if (strncmp(path, API, sizeof API - 1) == 0) {
        take_api(w, request, c, path + sizeof API - 1);
    } else {
        take_page(w, request, c, path);
    }
}

/* ---- the server ---- */

static const char *refusal(struct arena *a, int status, const char *what)
{
    return api_refusal(a, "request",
                       what != NULL                    ? what
                       : status == HTTP_ENTITYTOOLARGE ? "the body is too large"
                                                       : "expected a request of HTTP/1.1, of which "
                                                         "it is certain where it ends");
}

int page_doors_prepare(struct web *w)
{
    const struct tls_files files = web_files(&w->settings);
    const struct config_strings *listen = &w->settings.listen;
    cookie_name(w->cookie_name, web_has_tls(&w->settings),
                listen->count == 0 ? NULL : listen->item[0]);
    SSL_CTX *context = web_has_tls(&w->settings) ? connections_context(&files) : NULL;
    w->kind = (struct server_kind){.section = "webd",
                                   .limits = &w->settings.http,
                                   .asked = asked,
                                   .context = w,
                                   .refusal = refusal};
    w->server =
        web_has_tls(&w->settings) && context == NULL ? NULL : server_new(&w->kind, listen, context);
    return w->server == NULL ? -1 : 0;
}

int page_doors_start(struct web *w)
{
    return server_start(w->server, w->base);
}

void page_doors_tick(struct web *w)
{
    struct connections *c = server_connections(w->server);
    connections_sweep(c);
    memcpy(&w->counters[COUNT_CONNECTIONS_ACCEPTED], connections_counts(c),
           HTTP_COUNTER_COUNT * sizeof w->counters[0]);
    memcpy(w->durations, connections_durations(c), sizeof w->durations);
}
