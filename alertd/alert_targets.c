/* SPDX-License-Identifier: Apache-2.0 */
/* URLs by libcurl's parser, which is the one that uses them. */
#include "alertd/alert_targets.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define ARENA_BYTES ((size_t)4 << 20)
#define UDP         "udp://"
#define SYSLOG_NAME "syslog"
#define URLS        "http://HOST:PORT or https://HOST:PORT, without a password"

/* ---- pieces ---- */

static bool is_url(const char *url)
{
    CURLU *u = curl_url();
    bool good = u != NULL &&
                (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
                strpbrk(url, "# ") == NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
    curl_url_cleanup(u);
    return good;
}

/* A text member in the arena; NULL when there is none, or after a fault was told. */
static const char *read_text(const struct document_place *object, struct arena *a, const char *key,
                             size_t most)
{
    struct document_place at = document_member(object, key);
    struct slice text = at.node == NULL ? (struct slice){NULL, 0} : document_text(&at, 1, most);
    return text.at == NULL ? NULL : document_copy(&at, a, text).at;
}

static void read_url(const struct document_place *at, struct alert_targets *all, struct target *t)
{
    struct slice text = document_text(at, 1, TARGET_URL_BYTES - sizeof ALERTMANAGER_PATH);
    if (text.at == NULL) {
        return;
    }
    t->url = document_copy(at, all->arena, text).at;
    if (t->url != NULL && strchr(t->url, '@') != NULL) {
        document_fault(at, "expected " URLS); /* what was found is not for the log */
    } else if (t->url != NULL && (!is_url(t->url) || (t->kind == TARGET_ALERTMANAGER &&
                                                      strchr(t->url, '?') != NULL))) {
        document_expected(at, URLS);
    }
}

/* How it is got through to: who is asked for, what is shown. */
static void read_way(const struct document_place *at, struct alert_targets *all, struct target *t)
{
    struct document_place url = document_member(at, "url");
    const char *ca = read_text(at, all->arena, "ca", TARGET_FILE_BYTES);
    read_url(&url, all, t);
    t->ca = ca == NULL ? t->ca : ca;
    t->basic_file = read_text(at, all->arena, "basic", TARGET_FILE_BYTES);
    t->bearer_file = read_text(at, all->arena, "bearer", TARGET_FILE_BYTES);
    if (t->basic_file != NULL && t->bearer_file != NULL) {
        struct document_place bearer = document_member(at, "bearer");
        document_fault(&bearer, "basic is given, too");
    }
}

/* The next of them, unless its name is another's. */
static void add(const struct document_place *at, struct alert_targets *all, const struct target *t)
{
    for (uint32_t i = 0; t->name != NULL && i < all->count; i++) {
        if (strcmp(all->names[i], t->name) == 0) {
            document_fault(at, "is told already, as %s", t->name);
            return;
        }
    }
    if (t->name != NULL && t->url != NULL) {
        all->names[all->count] = t->name;
        all->target[all->count++] = *t;
    }
}

/* ---- each ---- */

static void read_alertmanager(const struct document_place *at, struct alert_targets *all,
                              struct target *t)
{
    static const char *const keys[] = {"url", "ca", "basic", "bearer", NULL};
    if (at->node->type != JSON_OBJECT) {
        read_url(at, all, t);
    } else if (document_is_object_of(at, keys)) {
        read_way(at, all, t);
    }
    t->name = t->url;
}

static bool is_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[strspn(name, allowed)] == '\0' && strcmp(name, SYSLOG_NAME) != 0;
}

static void read_routes(const struct document_place *at, struct alert_targets *all,
                        const struct alert_routes *routes, struct target *t)
{
    if (at->node == NULL || !document_is_list(at, ROUTES_MAX)) {
        return;
    }
    struct slice *names = document_take(at, all->arena, at->node->count + (size_t)1, sizeof *names);
    for (struct document_place m = document_first(at); names != NULL && m.node != NULL;
         document_next(&m)) {
        struct slice name = document_text(&m, 1, ROUTE_NAME_BYTES);
        if (name.at != NULL && routes != NULL && alert_routes_find(routes, name) == NULL) {
            document_expected(&m, "the name of a route");
        } else if (name.at != NULL) {
            names[t->route_count++] = document_copy(&m, all->arena, name);
        }
    }
    t->routes = names;
    if (at->node->count == 0) {
        document_expected(at, "names of routes");
    }
}

static void read_webhook(const struct document_place *at, struct alert_targets *all,
                         const struct alert_routes *routes, struct target *t)
{
    static const char *const keys[] = {"name",  "url",    "secret", "ca",
                                       "basic", "bearer", "routes", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place name = document_member(at, "name"), of = document_member(at, "routes");
    struct document_place secret = document_member(at, "secret");
    struct slice text = document_text(&name, 1, TARGET_NAME_BYTES);
    read_way(at, all, t);
    read_routes(&of, all, routes, t);
    t->secret_file = read_text(at, all->arena, "secret", TARGET_FILE_BYTES);
    t->name = text.at == NULL ? NULL : document_copy(&name, all->arena, text).at;
    if (t->name != NULL && !is_name(t->name)) {
        document_expected(&name, "a name of letters, digits and ._-, other than " SYSLOG_NAME);
    }
    if (secret.node == NULL) {
        document_expected(&secret, "the file of a secret");
    }
}

static void read_list(struct document *d, const char *name, const struct json *list,
                      enum target_kind kind, const char *ca, const struct alert_routes *routes,
                      struct alert_targets *all)
{
    struct document_place at = document_part(d, name, list);
    if (list == NULL || !document_is_list(&at, (TARGETS_MAX - 1) / 2)) {
        return;
    }
    for (struct document_place m = document_first(&at); m.node != NULL; document_next(&m)) {
        struct target t = {.kind = kind, .ca = ca};
        if (kind == TARGET_ALERTMANAGER) {
            read_alertmanager(&m, all, &t);
        } else {
            read_webhook(&m, all, routes, &t);
        }
        add(&m, all, &t);
    }
}

/* ---- syslog ---- */

/* "ADDRESS:PORT"; IPv6 in brackets. */
static socklen_t udp_address(const char *text, struct sockaddr_storage *address)
{
    static const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                          .ai_socktype = SOCK_DGRAM};
    char host[64];
    const char *port = strrchr(text, ':');
    struct addrinfo *found = NULL;
    bool brackets = text[0] == '[';
    size_t length = port == NULL ? 0 : (size_t)(port - text);
    socklen_t size = 0;
    if (port == NULL || length >= sizeof host || length < 3 || port[1] == '\0' ||
        brackets != (port[-1] == ']')) {
        return 0;
    }
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? length - 2 : length), text + brackets);
    if ((strchr(host, ':') != NULL) == brackets &&
        getaddrinfo(host, port + 1, &hints, &found) == 0) {
        memcpy(address, found->ai_addr, found->ai_addrlen);
        size = found->ai_addrlen;
        freeaddrinfo(found);
    }
    return size;
}

socklen_t target_syslog_address(const char *url, struct sockaddr_storage *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    *address = (struct sockaddr_storage){0};
    if (strncmp(url, UDP, sizeof UDP - 1) == 0) {
        return udp_address(url + sizeof UDP - 1, address);
    }
    if (url[0] != '/' || strlen(url) >= sizeof name.sun_path) {
        return 0;
    }
    snprintf(name.sun_path, sizeof name.sun_path, "%s", url);
    memcpy(address, &name, sizeof name);
    return sizeof name;
}

static void add_syslog(struct document *d, const char *url, struct alert_targets *all)
{
    struct sockaddr_storage address;
    if (url[0] == '\0') {
        return;
    }
    if (target_syslog_address(url, &address) == 0) {
        document_expected_in(d, "alertd.syslog", url, "/dev/log, or udp://ADDRESS:PORT");
        return;
    }
    all->names[all->count] = SYSLOG_NAME;
    all->target[all->count++] = (struct target){
        .kind = TARGET_SYSLOG, .name = SYSLOG_NAME, .url = arena_printf(all->arena, "%s", url)};
}

/* ---- all ---- */

struct alert_targets *alert_targets_read(struct document *d, const struct target_options *options,
                                         const struct alert_routes *routes)
{
    struct alert_targets *all = calloc(1, sizeof *all);
    uint32_t before = d->faults;
    if (all != NULL) {
        all->arena = arena_new(ARENA_BYTES);
    }
    if (all == NULL || all->arena == NULL) {
        document_fault_in(d, "alertd.alertmanagers", "out of memory");
    } else {
        const char *ca = arena_printf(all->arena, "%s", options->ca);
        read_list(d, "alertd.alertmanagers", options->alertmanagers, TARGET_ALERTMANAGER, ca,
                  routes, all);
        read_list(d, "alertd.webhooks", options->webhooks, TARGET_WEBHOOK, ca, routes, all);
        add_syslog(d, options->syslog, all);
    }
    if (d->faults > before) {
        alert_targets_free(&all);
    }
    return all;
}

void alert_targets_free(struct alert_targets **t)
{
    if (*t != NULL) {
        arena_free(&(*t)->arena);
        free(*t);
        *t = NULL;
    }
}

bool target_takes(const struct target *t, const char *route)
{
    bool takes = t->route_count == 0;
    for (uint32_t i = 0; i < t->route_count; i++) {
        takes = takes || slice_is(t->routes[i], route);
    }
    return takes;
}
