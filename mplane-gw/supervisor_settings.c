/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the list of supervisors, and judging links. No sockets, no clock, no globals. */
#include "mplane-gw/supervisor_settings.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SETTINGS_BYTES (1024 * 1024)
#define POLL_MAX_S     3600

/* What is read, for messages. */
struct supervisor_settings_reader {
    struct arena *arena;
    size_t index;
    char *error;
    size_t error_size;
};

static int fault(struct supervisor_settings_reader *r, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fault(struct supervisor_settings_reader *r, const char *member, const char *format, ...)
{
    va_list args;
    int n = snprintf(r->error, r->error_size, "supervisors[%zu]%s%s: ", r->index,
                     member[0] == '\0' ? "" : ".", member);
    if (n > 0 && (size_t)n < r->error_size) {
        va_start(args, format);
        vsnprintf(r->error + n, r->error_size - (size_t)n, format, args);
        va_end(args);
    }
    return -1;
}

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

static const char *const members[] = {"url",
                                      "registration_path",
                                      "specification_path",
                                      "result_path",
                                      "certificate",
                                      "key",
                                      "ca",
                                      "crl",
                                      "poll_s",
                                      "expiry_s",
                                      "link_hosts"};

static bool is_member(struct slice name)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (slice_is(name, members[i])) {
            return true;
        }
    }
    return false;
}

/* A member's text, copied; the preset when it is absent. NULL after a fault. */
static const char *text_of(struct supervisor_settings_reader *r, const struct json *o,
                           const char *member, const char *preset)
{
    const struct json *node = json_get(o, member);
    struct slice text = node == NULL ? slice_of(preset) : node->text;
    if (node != NULL &&
        (node->type != JSON_STRING || memchr(node->text.at, '\0', node->text.len) != NULL)) {
        fault(r, member, "expected a string, found a %s", json_type_name(node->type));
        return NULL;
    }
    if (text.at == NULL) {
        fault(r, member, "missing");
        return NULL;
    }
    struct slice copy = arena_copy(r->arena, text);
    if (copy.at == NULL) {
        fault(r, member, "out of memory");
    }
    return copy.at;
}

static int number_of(struct supervisor_settings_reader *r, const struct json *o, const char *member,
                     int64_t preset, int64_t *value)
{
    const struct json *node = json_get(o, member);
    char *end = NULL;
    *value = preset;
    if (node == NULL) {
        return 0;
    }
    if (node->type == JSON_NUMBER && node->text.len < 8) {
        *value = strtoll(node->text.at, &end, 10);
    }
    if (end == NULL || *end != '\0' || *value < 1 || *value > POLL_MAX_S) {
        return fault(r, member, "expected an integer 1..%d", POLL_MAX_S);
    }
    return 0;
}

static int take_url(struct supervisor_settings_reader *r, const struct json *o,
                    struct supervisor_settings *s)
{
    struct parts p;
    const char *text = text_of(r, o, "url", NULL);
    if (text == NULL) {
        return -1;
    }
    if (!is_printable(slice_of(text)) || split(text, &p) == -1 || !p.plain || !p.has_port ||
        strcmp(p.path, "/") != 0) {
        return fault(r, "url", "expected https://HOST:PORT, found \"%.200s\"", text);
    }
    s->url = arena_printf(r->arena, "https://%s:%s", p.host, p.port);
    return s->url == NULL ? fault(r, "url", "out of memory") : 0;
}

static int take_path(struct supervisor_settings_reader *r, const struct json *o, const char *member,
                     const char *preset, const char *url, const char **whole)
{
    const char *path = text_of(r, o, member, preset);
    if (path == NULL) {
        return -1;
    }
    if (path[0] != '/' || strlen(path) > 512 || strpbrk(path, "?#") != NULL ||
        !is_printable(slice_of(path))) {
        return fault(r, member, "expected a path that begins with \"/\", found \"%.200s\"", path);
    }
    *whole = arena_printf(r->arena, "%s%s", url, path);
    return *whole == NULL ? fault(r, member, "out of memory") : 0;
}

static int take_files(struct supervisor_settings_reader *r, const struct json *o,
                      const struct supervisor_files *files, struct supervisor_files *own)
{
    const bool other_ca = json_get(o, "ca") != NULL;
    if ((json_get(o, "certificate") == NULL) != (json_get(o, "key") == NULL)) {
        return fault(r, "", "expected `certificate` and `key` together, or neither");
    }
    own->certificate = text_of(r, o, "certificate", files->certificate);
    own->key = own->certificate == NULL ? NULL : text_of(r, o, "key", files->key);
    own->ca = own->key == NULL ? NULL : text_of(r, o, "ca", files->ca);
    own->crl = own->ca == NULL ? NULL : text_of(r, o, "crl", other_ca ? "" : files->crl);
    return own->crl == NULL ? -1 : 0;
}

static int take_link_hosts(struct supervisor_settings_reader *r, const struct json *o,
                           struct supervisor_settings *s)
{
    const struct json *list = json_get(o, "link_hosts");
    char text[SUPERVISOR_URL_BYTES];
    struct parts p;
    if (list == NULL) {
        return 0;
    }
    if (list->type != JSON_ARRAY || list->count > SUPERVISOR_LINKS_MAX) {
        return fault(r, "link_hosts", "expected a list of at most %d strings",
                     SUPERVISOR_LINKS_MAX);
    }
    for (const struct json *e = list->first; e != NULL; e = e->next) {
        bool named = e->type == JSON_STRING && e->text.len < 300 && is_printable(e->text);
        snprintf(text, sizeof text, "https://%.*s", named ? (int)e->text.len : 0, e->text.at);
        if (!named || split(text, &p) == -1 || !p.plain || !p.has_port ||
            !is_at(&p, text + strlen("https://"))) {
            return fault(r, "link_hosts", "expected HOST:PORT, found \"%.*s\"",
                         named ? (int)e->text.len : 0, e->text.at);
        }
        struct slice copy = arena_copy(r->arena, e->text);
        if (copy.at == NULL) {
            return fault(r, "link_hosts", "out of memory");
        }
        s->link_hosts[s->link_host_count++] = copy.at;
    }
    return 0;
}

static int take_supervisor(struct supervisor_settings_reader *r, const struct json *o,
                           const struct supervisor_files *files, struct supervisor_settings *s)
{
    if (o->type != JSON_OBJECT) {
        return fault(r, "", "expected an object, found a %s", json_type_name(o->type));
    }
    for (const struct json *m = o->first; m != NULL; m = m->next) {
        if (!is_member(m->key)) {
            return fault(r, "", "unknown member \"%.*s\"", SLICE_SHOWN(m->key, 80));
        }
    }
    s->option = arena_printf(r->arena, "mplane-gw.supervisors[%zu]", r->index);
    if (s->option == NULL) {
        return fault(r, "", "out of memory");
    }
    return take_url(r, o, s) == 0 &&
                   take_path(r, o, "registration_path", "/register/capability", s->url,
                             &s->registration_url) == 0 &&
                   take_path(r, o, "specification_path", "/show/specification", s->url,
                             &s->specification_url) == 0 &&
                   take_path(r, o, "result_path", "/register/result", s->url, &s->result_url) ==
                       0 &&
                   take_files(r, o, files, &s->files) == 0 && take_link_hosts(r, o, s) == 0 &&
                   number_of(r, o, "poll_s", 5, &s->poll_s) == 0 &&
                   number_of(r, o, "expiry_s", 10, &s->expiry_s) == 0
               ? 0
               : -1;
}

static int take_list(struct supervisor_settings_reader *r, const struct json *list,
                     const struct supervisor_files *files, struct supervisors_settings *s)
{
    if (list->count > SUPERVISORS_MAX) {
        snprintf(r->error, r->error_size, "supervisors: expected at most %d, found %u",
                 SUPERVISORS_MAX, list->count);
        return -1;
    }
    for (const struct json *o = list->first; o != NULL; o = o->next) {
        if (take_supervisor(r, o, files, &s->supervisor[r->index]) == -1) {
            return -1;
        }
        for (size_t i = 0; i < r->index; i++) {
            if (strcasecmp(s->supervisor[i].url, s->supervisor[r->index].url) == 0) {
                return fault(r, "url", "is that of supervisors[%zu], too", i);
            }
        }
        s->count = ++r->index;
    }
    return 0;
}

struct supervisors_settings *supervisors_settings_read(const struct json *list,
                                                       const struct supervisor_files *files,
                                                       char *error, size_t error_size)
{
    struct supervisors_settings *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->arena = arena_new(SETTINGS_BYTES);
    }
    if (s == NULL || s->arena == NULL) {
        snprintf(error, error_size, "supervisors: out of memory");
        supervisors_settings_free(&s);
        return NULL;
    }
    struct supervisor_settings_reader r = {s->arena, 0, error, error_size};
    if (list != NULL && take_list(&r, list, files, s) == -1) {
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
