/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the list of supervisors, and judging links. No sockets, no clock, no globals. */
#include "mplane-gw/supervisors/supervisor_settings.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/http/tls.h"

#define SETTINGS_BYTES  (1024 * 1024)
#define POLL_MAX_S      3600
#define TEXT_BYTES      65536
#define PATH_BYTES      512
#define LINK_HOST_BYTES 299

/* ---- URLs ---- */

/* A URL taken apart; what it does not have is "". */
struct parts {
    char host[256];
    char port[8];
    char path[SUPERVISOR_URL_BYTES];
    bool plain; /* neither query nor fragment */
    bool has_port;
};

static int part(CURLU *u, CURLUPart which, unsigned flags, char *into, size_t size)
{
    char *text = NULL;
    if (curl_url_get(u, which, &text, flags) != CURLUE_OK) {
        return -1;
    }
    int n = snprintf(into, size, "%s", text);
    curl_free(text);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

static bool has_part(CURLU *u, CURLUPart which)
{
    char *text = NULL;
    bool has = curl_url_get(u, which, &text, 0) == CURLUE_OK && text[0] != '\0';
    curl_free(text);
    return has;
}

/* An https URL without user and password, or -1. */
static int split(const char *text, struct parts *p)
{
    CURLU *u = curl_url();
    char scheme[16] = "";
    int result = -1;
    memset(p, 0, sizeof *p);
    if (u != NULL && curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK &&
        part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) == 0 && strcmp(scheme, "https") == 0 &&
        part(u, CURLUPART_HOST, 0, p->host, sizeof p->host) == 0 && p->host[0] != '\0' &&
        part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, p->port, sizeof p->port) == 0 &&
        part(u, CURLUPART_PATH, 0, p->path, sizeof p->path) == 0 && !has_part(u, CURLUPART_USER) &&
        !has_part(u, CURLUPART_PASSWORD)) {
        p->plain = !has_part(u, CURLUPART_QUERY) && !has_part(u, CURLUPART_FRAGMENT);
        p->has_port = has_part(u, CURLUPART_PORT);
        result = 0;
    }
    curl_url_cleanup(u);
    return result;
}

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.at[i] <= ' ' || (unsigned char)s.at[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool is_at(const struct parts *p, const char *host_port)
{
    char own[sizeof p->host + sizeof p->port + 1];
    snprintf(own, sizeof own, "%s:%s", p->host, p->port);
    return strcasecmp(own, host_port) == 0;
}

enum supervisor_link supervisor_result_url(const struct supervisor_settings *s, struct slice link,
                                           char url[SUPERVISOR_URL_BYTES])
{
    struct parts p;
    char text[SUPERVISOR_URL_BYTES];
    snprintf(url, SUPERVISOR_URL_BYTES, "%s", s->result_url);
    if (link.at == NULL || link.len == 0) {
        return SUPERVISOR_LINK_OWN;
    }
    if (link.len >= sizeof text || !is_printable(link)) {
        return SUPERVISOR_LINK_REFUSED;
    }
    snprintf(text, sizeof text, "%.*s", (int)link.len, link.at);
    if (split(text, &p) == -1) {
        return SUPERVISOR_LINK_REFUSED;
    }
    bool own = is_at(&p, s->url + strlen("https://")), allowed = false;
    for (uint32_t i = 0; i < s->link_host_count; i++) {
        allowed = allowed || is_at(&p, s->link_hosts[i]);
    }
    if (!own && !allowed) {
        return SUPERVISOR_LINK_REFUSED;
    }
    /* Query and fragment are left out, as other programs do. */
    if (!own || strcmp(p.path, "/") != 0) {
        int n = snprintf(text, sizeof text, "https://%s:%s%s", p.host, p.port, p.path);
        if (n < 0 || (size_t)n >= sizeof text) {
            return SUPERVISOR_LINK_REFUSED;
        }
        memcpy(url, text, (size_t)n + 1);
    }
    return own ? SUPERVISOR_LINK_OWN : SUPERVISOR_LINK_ELSEWHERE;
}

/* ---- the list ---- */

/* A member's text, copied; the preset, which may be NULL, when it is absent. NULL after a fault. */
static const char *text_of(const struct document_place *supervisor, struct arena *a,
                           const char *key, const char *preset)
{
    struct document_place at = document_member(supervisor, key);
    struct slice text = at.node == NULL ? slice_of(preset) : document_text(&at, 0, TEXT_BYTES);
    return text.at == NULL ? NULL : document_copy(&at, a, text).at;
}

static void take_seconds(const struct document_place *supervisor, const char *key, int64_t *value)
{
    struct document_place at = document_member(supervisor, key);
    if (at.node != NULL) {
        document_integer(&at, "an integer", 1, POLL_MAX_S, value);
    }
}

/* https://HOST:PORT; NULL after a fault. */
static const char *url_of(const struct document_place *supervisor, struct arena *a)
{
    struct parts p;
    struct document_place at = document_member(supervisor, "url");
    struct slice text = document_text(&at, 0, TEXT_BYTES);
    if (text.at == NULL) {
        return NULL;
    }
    if (!is_printable(text) || split(text.at, &p) == -1 || !p.plain || !p.has_port ||
        strcmp(p.path, "/") != 0) {
        document_expected(&at, "https://HOST:PORT");
        return NULL;
    }
    char url[SUPERVISOR_URL_BYTES];
    snprintf(url, sizeof url, "https://%s:%s", p.host, p.port);
    return document_copy(&at, a, slice_of(url)).at;
}

/* The path behind a supervisor's URL, which is NULL when it is at fault. */
static const char *path_of(const struct document_place *supervisor, struct arena *a,
                           const char *key, const char *preset, const char *url)
{
    struct document_place at = document_member(supervisor, key);
    char whole[SUPERVISOR_URL_BYTES];
    const char *path = text_of(supervisor, a, key, preset);
    if (path == NULL) {
        return NULL;
    }
    if (path[0] != '/' || strlen(path) > PATH_BYTES || strpbrk(path, "?#") != NULL ||
        !is_printable(slice_of(path))) {
        document_expected(&at, "a path of at most %d bytes that begins with \"/\"", PATH_BYTES);
        return NULL;
    }
    snprintf(whole, sizeof whole, "%s%s", url == NULL ? "" : url, path);
    return document_copy(&at, a, slice_of(whole)).at;
}

static const char *file_of(const struct document_place *supervisor, struct arena *a,
                           const char *key, const char *preset)
{
    const char *file = text_of(supervisor, a, key, preset);
    struct document_place at = document_member(supervisor, key);
    if (file != NULL && at.node != NULL && tls_is_content(file)) {
        document_expected(&at, "the name of a file");
    }
    return file;
}

static void take_files(const struct document_place *supervisor, struct arena *a,
                       const struct supervisor_files *files, struct supervisor_files *own)
{
    const struct json *o = supervisor->node;
    const bool other_ca = json_get(o, "ca") != NULL;
    if ((json_get(o, "certificate") == NULL) != (json_get(o, "key") == NULL)) {
        document_fault(supervisor, "expected `certificate` and `key` together, or neither");
    }
    own->certificate = file_of(supervisor, a, "certificate", files->certificate);
    own->key = file_of(supervisor, a, "key", files->key);
    own->ca = file_of(supervisor, a, "ca", files->ca);
    own->crl = file_of(supervisor, a, "crl", other_ca ? "" : files->crl);
}

static void take_link_host(const struct document_place *at, struct arena *a,
                           struct supervisor_settings *s)
{
    char text[SUPERVISOR_URL_BYTES];
    struct parts p;
    struct slice host = document_text(at, 0, LINK_HOST_BYTES);
    if (host.at == NULL) {
        return;
    }
    snprintf(text, sizeof text, "https://%s", host.at);
    if (!is_printable(host) || split(text, &p) == -1 || !p.plain || !p.has_port ||
        !is_at(&p, host.at)) {
        document_expected(at, "HOST:PORT");
        return;
    }
    s->link_hosts[s->link_host_count++] = document_copy(at, a, host).at;
}

static void take_link_hosts(const struct document_place *supervisor, struct arena *a,
                            struct supervisor_settings *s)
{
    struct document_place list = document_member(supervisor, "link_hosts");
    if (list.node == NULL || !document_is_list(&list, SUPERVISOR_LINKS_MAX)) {
        return;
    }
    for (struct document_place e = document_first(&list); e.node != NULL; document_next(&e)) {
        take_link_host(&e, a, s);
    }
}

static void take_supervisor(const struct document_place *at, struct arena *a,
                            const struct supervisor_files *files, struct supervisor_settings *s)
{
    static const char *const keys[] = {"url",
                                       "registration_path",
                                       "specification_path",
                                       "result_path",
                                       "certificate",
                                       "key",
                                       "ca",
                                       "crl",
                                       "poll_s",
                                       "expiry_s",
                                       "link_hosts",
                                       NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    s->option = document_place_text(at, a);
    s->url = url_of(at, a);
    s->registration_url = path_of(at, a, "registration_path", "/register/capability", s->url);
    s->specification_url = path_of(at, a, "specification_path", "/show/specification", s->url);
    s->result_url = path_of(at, a, "result_path", "/register/result", s->url);
    take_files(at, a, files, &s->files);
    take_link_hosts(at, a, s);
    s->poll_s = 5;
    s->expiry_s = 10;
    take_seconds(at, "poll_s", &s->poll_s);
    take_seconds(at, "expiry_s", &s->expiry_s);
}

/* Whether one before it has the same URL. */
static void check_twice(const struct document_place *at, const struct supervisors_settings *s)
{
    const char *url = s->supervisor[at->index].url;
    struct document_place url_at = document_member(at, "url");
    for (uint32_t i = 0; url != NULL && i < at->index; i++) {
        if (s->supervisor[i].url != NULL && strcasecmp(s->supervisor[i].url, url) == 0) {
            document_fault(&url_at, "is that of supervisors[%" PRIu32 "], too", i);
        }
    }
}

static void take_list(const struct document_place *list, const struct supervisor_files *files,
                      struct supervisors_settings *s)
{
    if (!document_is_list(list, SUPERVISORS_MAX)) {
        return;
    }
    for (struct document_place o = document_first(list); o.node != NULL; document_next(&o)) {
        take_supervisor(&o, s->arena, files, &s->supervisor[s->count++]);
        check_twice(&o, s);
    }
}

struct supervisors_settings *supervisors_settings_read(struct document *d, const struct json *list,
                                                       const struct supervisor_files *files)
{
    struct document_place at = document_part(d, "mplane-gw.supervisors", list);
    struct supervisors_settings *s = calloc(1, sizeof *s);
    uint32_t before = d->faults;
    if (s != NULL) {
        s->arena = arena_new(SETTINGS_BYTES);
    }
    if (s == NULL || s->arena == NULL) {
        document_fault(&at, "out of memory");
    } else if (list != NULL) {
        take_list(&at, files, s);
    }
    if (d->faults > before) {
        supervisors_settings_free(&s);
    }
    return s;
}

void supervisors_settings_free(struct supervisors_settings **s)
{
    if (*s != NULL) {
        arena_free(&(*s)->arena);
        free(*s);
        *s = NULL;
    }
}

static int copy_text(struct arena *a, const char **text)
{
    *text = arena_copy(a, slice_of(*text)).at;
    return *text == NULL ? -1 : 0;
}

int supervisor_settings_copy(struct arena *a, const struct supervisor_settings *from,
                             struct supervisor_settings *to)
{
    *to = *from;
    const char **texts[] = {&to->option,           &to->url,
                            &to->registration_url, &to->specification_url,
                            &to->result_url,       &to->files.certificate,
                            &to->files.key,        &to->files.ca,
                            &to->files.crl};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (copy_text(a, texts[i]) == -1) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < to->link_host_count; i++) {
        if (copy_text(a, &to->link_hosts[i]) == -1) {
            return -1;
        }
    }
    return 0;
}
