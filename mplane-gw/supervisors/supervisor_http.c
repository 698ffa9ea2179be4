/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By libcurl in libevent's loop. A connection serves one request: every request is judged by the
 * certificates and lists in force, and none is sent into a connection that the peer is about to
 * close. Redirects are not followed, proxies not asked.
 */
#include "mplane-gw/supervisors/supervisor_http.h"

#include <stddef.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/door/curl_loop.h"
#include "common/http/tls.h"
#include "common/log.h"
#include "common/mplane/mplane_message.h"
#include "mplane-gw/gateway.h"

#define HEADERS_MAX        ((size_t)64 * 1024)
#define CONNECT_TIMEOUT_MS 10000L

struct http_request {
    struct http_request *next, *previous; /* utlist */
    struct supervisor_http *owner;
    struct curl_transfer transfer;
    struct curl_slist *headers;
    char *identity; /* the peer must have; NULL any */
    char *peer;     /* has */
    char *content_type;
    SSL_CTX *tls;
    char *bytes;
    size_t size, body_max, header_bytes;
    bool sent, other_peer, too_large;
    char error[CURL_ERROR_SIZE];
    void (*done)(void *context, const struct http_reply *reply);
    void *context;
};

struct supervisor_http {
    struct curl_loop loop;
    struct http_request *requests;
};

/* ---- one request, as libcurl sees it ---- */

static CURLcode on_context(CURL *easy, void *ssl_context, void *context)
{
    struct http_request *r = context;
    (void)easy;
    return tls_client_copy(ssl_context, r->tls) == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* TLS is there, nothing has been sent. */
static int on_connected(void *context, char *peer, char *own, int peer_port, int own_port)
{
    struct http_request *r = context;
    struct curl_tlssessioninfo *session = NULL;
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    if (curl_easy_getinfo(r->transfer.easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK ||
        session == NULL || session->backend != CURLSSLBACKEND_OPENSSL ||
        session->internals == NULL) {
        return CURL_PREREQFUNC_ABORT;
    }
    free(r->peer);
    r->peer = tls_identity(session->internals);
    r->other_peer = r->peer != NULL && r->identity != NULL && strcmp(r->peer, r->identity) != 0;
    if (r->peer == NULL || r->other_peer) {
        return CURL_PREREQFUNC_ABORT;
    }
    r->sent = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct http_request *r = context;
    (void)data;
    r->header_bytes += size * count;
    r->too_large = r->too_large || r->header_bytes > HEADERS_MAX;
    return r->too_large ? 0 : size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_request *r = context;
    size_t more = size * count;
    if (more > r->body_max - r->size) {
        r->too_large = true;
        return 0;
    }
    char *grown = realloc(r->bytes, r->size + more + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + r->size, data, more);
    r->bytes = grown;
    r->size += more;
    return more;
}

static int add_header(struct http_request *r, const char *line)
{
    struct curl_slist *longer = curl_slist_append(r->headers, line);
    if (longer == NULL) {
        return -1;
    }
    r->headers = longer;
    return 0;
}

/* The options that say who may be talked to, and how. */
static bool set_security(struct http_request *r)
{
    CURL *e = r->transfer.easy;
    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           /* Else it keeps the authorities and lists of the first connection for a day. */
           curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_OPTIONS, (long)CURLSSLOPT_NO_PARTIALCHAIN) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, r) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PREREQDATA, r) == CURLE_OK;
}

static bool set_transfer(struct http_request *r, const struct http_order *o)
{
    CURL *e = r->transfer.easy;
    return curl_easy_setopt(e, CURLOPT_URL, o->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* A name that does not resolve must not hold up the loop when the time is over. */
           curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, o->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, r) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, r) == CURLE_OK;
}

static bool set_body(struct http_request *r, const struct http_order *o)
{
    return o->body.at == NULL ||
           (add_header(r, "Content-Type: " MPLANE_CONTENT_TYPE) == 0 &&
            add_header(r, "Expect:") == 0 &&
            curl_easy_setopt(r->transfer.easy, CURLOPT_HTTPHEADER, r->headers) == CURLE_OK &&
            curl_easy_setopt(r->transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE,
                             (curl_off_t)o->body.len) == CURLE_OK &&
            curl_easy_setopt(r->transfer.easy, CURLOPT_POSTFIELDS, o->body.at) == CURLE_OK);
}

static void request_free(struct http_request *r)
{
    curl_easy_cleanup(r->transfer.easy);
    curl_slist_free_all(r->headers);
    SSL_CTX_free(r->tls);
    free(r->identity);
    free(r->peer);
    free(r->bytes);
    free(r);
}

static void finish(struct curl_transfer *transfer, CURLcode code)
{
    struct http_request *r = (void *)((char *)transfer - offsetof(struct http_request, transfer));
    char *type = NULL;
    struct http_reply reply = {.sent = r->sent, .content_type = "", .identity = r->peer};
    if (code == CURLE_OK) {
        curl_easy_getinfo(r->transfer.easy, CURLINFO_RESPONSE_CODE, &reply.status);
        if (curl_easy_getinfo(r->transfer.easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK &&
            type != NULL) {
            reply.content_type = type;
        }
        reply.body = (struct slice){r->bytes == NULL ? "" : r->bytes, r->size};
    }
    reply.error = code == CURLE_OK      ? ""
                  : r->other_peer       ? "another identity than before answers there"
                  : r->too_large        ? "the reply is too large"
                  : r->error[0] != '\0' ? r->error
                                        : curl_easy_strerror(code);
    DL_DELETE2(r->owner->requests, r, previous, next);
    r->done(r->context, &reply);
    request_free(r);
}

struct http_request *supervisor_http_send(const struct gateway *g, const struct http_order *o)
{
    struct supervisor_http *h = g->supervisor_http;
    struct http_request *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->owner = h;
    r->transfer.easy = curl_easy_init();
    r->tls = SSL_CTX_up_ref(o->tls) == 1 ? o->tls : NULL;
    r->identity = o->identity == NULL ? NULL : strdup(o->identity);
    r->body_max = o->body_max;
    r->transfer.done = finish;
    r->done = o->done;
    r->context = o->context;
    if (r->transfer.easy == NULL || r->tls == NULL ||
        (o->identity != NULL && r->identity == NULL) || !set_security(r) || !set_transfer(r, o) ||
        !set_body(r, o) || curl_loop_begin(&h->loop, &r->transfer) == -1) {
        request_free(r);
        return NULL;
    }
    DL_APPEND2(h->requests, r, previous, next);
    return r;
}

void supervisor_http_cancel(struct http_request *r)
{
    curl_loop_end(&r->owner->loop, &r->transfer);
    DL_DELETE2(r->owner->requests, r, previous, next);
    request_free(r);
}

int supervisor_http_start(struct gateway *g)
{
    struct supervisor_http *h = calloc(1, sizeof *h);
    g->supervisor_http = h;
    if (h == NULL) {
        log_error("supervisor.start", "error=\"out of memory\"");
        return -1;
    }
    return curl_loop_open(&h->loop, g->base);
}

void supervisor_http_stop(struct gateway *g)
{
    struct supervisor_http *h = g->supervisor_http;
    if (h == NULL) {
        return;
    }
    while (h->requests != NULL) {
        supervisor_http_cancel(h->requests);
    }
    curl_loop_close(&h->loop);
    free(h);
    g->supervisor_http = NULL;
}
