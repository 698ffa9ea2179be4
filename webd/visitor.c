/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, certificates, tokens and cookies into who asks. Answers nothing. */
#include "webd/visitor.h"

#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/asking/sight.h"
#include "common/door/token_guest.h"
#include "common/http/reply.h"
#include "common/pattern.h"

static void know_token(struct web *w, struct slice token, struct connection *c, struct visitor *v)
{
    struct access_grant grant;
    v->tried = token.at != NULL;
    if (!token_guest_find(w->access, token, c, &grant, v->token, sizeof v->token, &v->wait_us)) {
        return;
    }
    v->known = true;
    v->how = "token";
    v->identity = connection_identity(c);
    v->asks = grant.asks;
    v->asks_count = grant.asks_count;
}

/* Where there is no cookie: by the process's own secret, of who asks and by what. */
static int make_csrf(const struct web *w, const char *account, struct visitor *v)
{
    char secret[sizeof w->secret + LIMIT_SENDER_BYTES + 16];
    size_t size = strnlen(account, sizeof secret - sizeof w->secret);
    memcpy(secret, w->secret, sizeof w->secret);
    memcpy(secret + sizeof w->secret, account, size);
    return csrf_token((struct slice){secret, sizeof w->secret + size}, v->csrf);
}

/* A browser shows a certificate by itself, also for a page of somebody else. */
static void know_certificate(const struct web *w, struct connection *c, struct visitor *v)
{
    char account[LIMIT_SENDER_BYTES + 16];
    v->known = true;
    v->how = "certificate";
    v->identity = connection_identity(c);
    snprintf(account, sizeof account, "certificate:%s", v->identity);
    if (make_csrf(w, account, v) == -1) {
        v->wait_us = 1000000;
    }
}

/* ---- a proxy ---- */

/* What the header says, where it is there once and may be said; .at NULL: nothing. */
static struct slice header_of_proxy(struct web *w, struct evhttp_request *request,
                                    const struct connection *c)
{
    const struct evkeyval *h;
    struct slice found = {NULL, 0};
    int count = 0;
    TAILQ_FOREACH(h, evhttp_request_get_input_headers(request), next)
    {
        if (w->proxy.count > 0 && strcasecmp(h->key, w->proxy.header) == 0) {
            found = slice_of(h->value);
            count++;
        }
    }
    if (count == 0) {
        return found;
    }
    bool good = count == 1 && proxy_header_is_from(&w->proxy, connection_address(c)) &&
                found.len > 0 && found.len < LIMIT_SENDER_BYTES && pattern_is_text(found);
    return good ? found : (struct slice){NULL, 0};
}

static void know_proxied(struct web *w, struct slice identity, struct connection *c,
                         struct visitor *v)
{
    char account[sizeof v->name + 8];
    snprintf(v->name, sizeof v->name, "%.*s", (int)identity.len, identity.at);
    snprintf(account, sizeof account, "proxy:%s", v->name);
    if (make_csrf(w, account, v) == -1 ||
        (connection_is_anonymous(c) && connection_set_known(c, account, v->name, 0) == -1)) {
        v->wait_us = 1000000;
    }
    v->known = true;
    v->how = "proxy";
    v->identity = v->name;
}

/* ---- a session ---- */

static void know_session(const struct session_seen *seen, struct connection *c, struct visitor *v)
{
    char account[sizeof seen->user + 8];
    if (seen->found == SESSION_GOOD) {
        snprintf(account, sizeof account, "user:%s", seen->user);
        if (csrf_token((struct slice){seen->cookie, COOKIE_BYTES}, v->csrf) == -1 ||
            connection_set_known(c, account, seen->user, 0) == -1) {
            v->wait_us = 1000000;
        }
        memcpy(v->cookie, seen->cookie, sizeof v->cookie);
        v->known = true;
        v->how = "session";
        v->identity = connection_identity(c);
    }
    v->unsaid = seen->found == SESSION_UNSAID;
    v->wait_us = seen->wait_us > v->wait_us ? seen->wait_us : v->wait_us;
}

/* ---- all of them ---- */

void visitor_look(struct web *w, struct evhttp_request *request, struct connection *c,
                  session_go_on *go_on)
{
    static const struct session_seen none = {.found = SESSION_NOT_SHOWN};
    if (header_of_proxy(w, request, c).at != NULL) {
        go_on(w, request, c, &none);
    } else {
        sessions_look(w, request, c, go_on);
    }
}

static void count_ignored(struct web *w, struct evhttp_request *request)
{
    if (w->proxy.count > 0 &&
        evhttp_find_header(evhttp_request_get_input_headers(request), w->proxy.header) != NULL) {
        web_count(w, COUNT_PROXY_IGNORED);
    }
}

void visitor_find(struct web *w, struct evhttp_request *request, struct connection *c,
                  const struct session_seen *seen, struct visitor *v)
{
    struct slice proxied = header_of_proxy(w, request, c);
    *v = (struct visitor){.how = "", .identity = ""};
    if (proxied.at != NULL) {
        know_proxied(w, proxied, c, v);
    } else if (!connection_is_anonymous(c)) {
        count_ignored(w, request);
        know_certificate(w, c, v);
    } else {
        count_ignored(w, request);
        connection_set_known(c, NULL, NULL, 0);
        know_token(w, request_credentials(request, "Bearer"), c, v);
        know_session(seen, c, v);
    }
    int64_t wait_us = connection_charge(c);
    v->wait_us = wait_us > v->wait_us ? wait_us : v->wait_us;
}

bool visitor_is_of_our_page(const struct web *w, struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    return origin_is_ours(evhttp_find_header(headers, "Origin"),
                          evhttp_find_header(headers, "Sec-Fetch-Site"),
                          evhttp_find_header(headers, "Host"), web_has_tls(&w->settings));
}

/* A proxy may have another name than the page is known by here. */
bool visitor_means_it(const struct web *w, struct evhttp_request *request, const struct visitor *v)
{
    const char *shown =
        evhttp_find_header(evhttp_request_get_input_headers(request), "X-EZRepo-CSRF");
    bool proxied = strcmp(v->how, "proxy") == 0;
    return v->csrf[0] == '\0' ||
           (csrf_is(v->csrf, shown) && (proxied || visitor_is_of_our_page(w, request)));
}

/* Whether the token was made for it. */
static bool token_asks(const struct visitor *v, struct slice label)
{
    struct pattern pattern;
    for (uint32_t i = 0; i < v->asks_count; i++) {
        if (pattern_compile(v->asks[i], false, &pattern) == 0 && pattern_matches(&pattern, label)) {
            return true;
        }
    }
    return false;
}

const char *visitor_denied(const struct web *w, const struct visitor *v, enum capability_kind kind,
                           struct slice label)
{
    if (v->token[0] != '\0' && !token_asks(v, label)) {
        return ": this token was not made for it";
    }
    return sight_denied(w->access, slice_of(v->identity), kind, label);
}
