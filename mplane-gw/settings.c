/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options and what it cannot say by itself. */
#include "mplane-gw/settings.h"

#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "common/access/access.h"
#include "common/http/listen.h"
#include "common/http/server.h"
#include "common/http/tls.h"
#include "mplane-gw/supervisors/supervisor_settings.h"
#include "schemas/messages.h"

#define LABEL_PREFIX_BYTES 64

#define OFFSET(member) offsetof(struct gateway_settings, member)
#define TEXT(member, preset, reloadable, help)                                                     \
    {                                                                                              \
#member, CONFIG_STRING, OFFSET(member), preset, 0, 0, reloadable, help                     \
    }
#define NUMBER(member, preset, min, max, reloadable, help)                                         \
    {                                                                                              \
#member, CONFIG_INTEGER, OFFSET(member), preset, min, max, reloadable, help                \
    }

#define TLS_TEXT(member, preset, reloadable, help)                                                 \
    {#member, CONFIG_STRING, OFFSET(member), preset, 0, 0, reloadable, help},

#define HTTP_NUMBER(member, preset, min, max, reloadable, help)                                    \
    {#member, CONFIG_INTEGER, OFFSET(http.member), preset, min, max, reloadable, help},

#define POSTS_NUMBER(member, preset, min, max, reloadable, help)                                   \
    {#member, CONFIG_INTEGER, OFFSET(posts.member), preset, min, max, reloadable, help},

const struct config_option settings_options[] = {
    {"listen", CONFIG_STRINGS, OFFSET(listen), "[\"0.0.0.0:8890\"]", 0, 0, false,
     "addresses for HTTPS, HOST:PORT each, IPv6 in brackets"},
    TEXT(registry_listen, "\"127.0.0.1:8891\"", false,
         "address of the plain-HTTP listener for the registries; \"\" none"),
    TEXT(public_url, NULL, false,
         "https://HOST:PORT/PATH by which clients reach the gateway, port included"),
    TEXT(registry_url, "\"\"", false,
         "URL by which clients fetch our registry; \"\" follows from registry_listen"),
    TEXT(
        label_prefix, "\"\"", false,
        "stands before the label of each capability that peers see, so that a supervisor's clients "
        "can tell several sets apart; \"access\" does not name it"),
    TLS_OPTIONS(TLS_TEXT){
        "access", CONFIG_OBJECT, OFFSET(access), NULL, 0, 0, true,
        "who may do what: {roles: {ROLE: [IDENTITY]}, authorizations: {CAPABILITY: [ROLE]}}"},
    {"supervisors", CONFIG_LIST, OFFSET(supervisors), "[]", 0, 0, true,
     "supervisors to register with, at most 8: {url: https://HOST:PORT, ...}"},
    NUMBER(answer_timeout_ms, "2000", 1, 600000, true,
           "an answer that takes longer is replaced by a receipt, milliseconds"),
    NUMBER(query_timeout_ms, "30000", 1, 3600000, true,
           "longest that a query may take, milliseconds"),
    NUMBER(store_timeout_ms, "10000", 1, 600000, true,
           "longest that publishing a grading may take, milliseconds"),
    NUMBER(result_keep_s, "600", 1, 86400, true, "how long an answer can be redeemed, seconds"),
    NUMBER(results_max_per_identity, "64", 1, 100000, true,
           "questions and kept answers of one identity"),
    NUMBER(results_max, "1024", 1, 100000, true, "questions and kept answers of all"),
    NUMBER(
        results_bytes, "33554432", 1048576, 8589934592, true,
        "memory for questions and kept answers, bytes; beyond it the oldest answers are forgotten, "
        "then questions are refused"),
    NUMBER(repeats_max_per_identity, "8", 0, 10000, true,
           "repeated specifications of one identity that go on"),
    NUMBER(repeats_max, "128", 0, 10000, true, "repeated specifications of all that go on"),
    NUMBER(repeat_runs, "100", 1, 10000, true,
           "runs of a repeated specification whose answers are kept, the last ones"),
    NUMBER(repeat_bytes, "1048576", 1024, 67108864, true,
           "memory for the kept answers of one repeated specification, bytes"),
    TEXT(repeats_file, "\"\"", false,
         "file that keeps repeated specifications over a restart; \"\" none"),
    NUMBER(answer_bytes, "16777216", 1048576, 67108864, true,
           "largest answer of queryd that is passed on, bytes"),
    POSTS_OPTIONS(POSTS_NUMBER)
        TEXT(udp_url, "\"\"", false,
             "udp://HOST:PORT by which probes reach ingestd, offered in capabilities; \"\" none"),
    TEXT(exports_file, "\"\"", false,
         "file that keeps delegated export URLs, by digests of their tokens; \"\": there are none"),
    NUMBER(exports_max, "4096", 0, 100000, true, "delegated export URLs of all"),
    NUMBER(exports_max_per_identity, "64", 0, 100000, true, "those that one identity asked for"),
    NUMBER(envelope_max, "64", 1, 10000, true, "messages in one envelope"),
    HTTP_OPTIONS(HTTP_NUMBER)
        NUMBER(audit_per_second, "1000", 0, 1000000, true,
               "lines of the audit log per second; what is beyond is counted"),
    CONFIG_END,
};

/* "https://HOST:PORT/..." with the port written out; 0 and host, in brackets if it had them. */
static int split_public_url(const char *text, char *host, size_t size)
{
    struct evhttp_uri *uri = evhttp_uri_parse(text);
    const char *scheme = uri == NULL ? NULL : evhttp_uri_get_scheme(uri);
    const char *found = uri == NULL ? NULL : evhttp_uri_get_host(uri);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    int ok = -1;
    if (scheme != NULL && strcmp(scheme, "https") == 0 && found != NULL && found[0] != '\0' &&
        evhttp_uri_get_port(uri) > 0 && evhttp_uri_get_query(uri) == NULL &&
        evhttp_uri_get_fragment(uri) == NULL && strlen(found) < size &&
        (path == NULL || strlen(path) < URL_PATH_BYTES)) {
        snprintf(host, size, "%s", found);
        ok = 0;
    }
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
    return ok;
}

int settings_registry_url(const struct gateway_settings *s, char *url, size_t size)
{
    char host[LISTEN_HOST_SIZE], port[6];
    int n;
    if (s->registry_url[0] != '\0') {
        n = snprintf(url, size, "%s", s->registry_url);
        return n > 0 && (size_t)n < size ? 0 : -1;
    }
    if (listen_split(s->registry_listen, host, port) == -1) {
        return -1;
    }
    bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    if (any && split_public_url(s->public_url, host, sizeof host) == -1) {
        return -1;
    }
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';
    n = snprintf(url, size, "http://%s%s%s:%s/registry/ezrepo", brackets ? "[" : "", host,
                 brackets ? "]" : "", port);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

static void check_listeners(struct document *d, const struct gateway_settings *s)
{
    char host[LISTEN_HOST_SIZE], port[6];
    listen_check(d, "mplane-gw.listen", &s->listen);
    if (s->registry_listen[0] != '\0' && listen_split(s->registry_listen, host, port) == -1) {
        document_expected_in(d, "mplane-gw.registry_listen", s->registry_listen,
                             "HOST:PORT, IPv6 in brackets, or nothing");
    }
}

static void check_urls(struct document *d, const struct gateway_settings *s)
{
    char host[LISTEN_HOST_SIZE], url[1024];
    bool known = s->public_url != NULL;
    if (known && split_public_url(s->public_url, host, sizeof host) == -1) {
        document_expected_in(
            d, "mplane-gw.public_url", s->public_url,
            "https://HOST:PORT/PATH with the port written out and the path below 512 bytes");
        known = false;
    }
    if (s->registry_url[0] != '\0' && strncmp(s->registry_url, "http://", 7) != 0) {
        document_expected_in(d, "mplane-gw.registry_url", s->registry_url,
                             "an http:// URL, which programs fetch without a certificate");
    } else if (known && settings_registry_url(s, url, sizeof url) == -1) {
        document_expected_in(d, "mplane-gw.registry_url", s->registry_url,
                             "a URL, since there is no registry_listen");
    }
    if (s->udp_url[0] != '\0' && strncmp(s->udp_url, "udp://", 6) != 0) {
        document_expected_in(d, "mplane-gw.udp_url", s->udp_url, "udp://HOST:PORT, or nothing");
    }
}

struct supervisors_settings *settings_supervisors(struct document *d,
                                                  const struct gateway_settings *s)
{
    const struct supervisor_files files = {s->certificate, s->key, s->ca, s->crl};
    return supervisors_settings_read(d, s->supervisors, &files);
}

int settings_collect_url(const struct gateway_settings *s, const char *token, char *url,
                         size_t size)
{
    struct evhttp_uri *uri = evhttp_uri_parse(s->public_url);
    int n = -1;
    if (uri != NULL) {
        n = snprintf(url, size, "mplane-https://%s:%d%s%s/result", evhttp_uri_get_host(uri),
                     evhttp_uri_get_port(uri), token[0] == '\0' ? "" : "/", token);
        evhttp_uri_free(uri);
    }
    return n > 0 && (size_t)n < size ? 0 : -1;
}

/* Labels are names in the configurations of other programs. */
static void check_prefix(struct document *d, const struct gateway_settings *s)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(s->label_prefix);
    if (size > LABEL_PREFIX_BYTES || strspn(s->label_prefix, allowed) != size) {
        document_expected_in(d, "mplane-gw.label_prefix", s->label_prefix,
                             "at most 64 of A-Z a-z 0-9 . _ -");
    }
}

static int check_files(const char *option, const struct supervisor_files *f)
{
    const struct tls_files files = {option, f->certificate, f->key, f->ca, f->crl, false};
    return tls_check(&files);
}

int settings_check(struct document *d, const struct gateway_settings *s, bool files)
{
    int rc = 0;
    check_listeners(d, s);
    check_urls(d, s);
    check_prefix(d, s);
    const struct tls_files own = {"mplane-gw", s->certificate, s->key, s->ca, s->crl, false};
    bool named = tls_names_check(d, &own);
    struct access *a = access_read(d, "mplane-gw.access", s->access, (struct slice){NULL, 0});
    access_free(&a);
    struct supervisors_settings *supervisors = settings_supervisors(d, s);
    if (files && named) {
        rc = tls_check(&own);
        for (size_t i = 0; supervisors != NULL && i < supervisors->count; i++) {
            const struct supervisor_settings *v = &supervisors->supervisor[i];
            rc = check_files(v->option, &v->files) == -1 ? -1 : rc;
        }
    }
    supervisors_settings_free(&supervisors);
    return rc;
}
