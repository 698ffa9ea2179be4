/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows all parts of a gateway. */
#include "mplane-gw/parts.h"

#include "common/door/audit_log.h"
#include "common/log.h"
#include "common/told.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/jobs/ask.h"
#include "mplane-gw/jobs/repeats.h"
#include "mplane-gw/posts/collect.h"
#include "mplane-gw/posts/delegate.h"
#include "mplane-gw/registry_listener.h"
#include "mplane-gw/routes.h"
#include "mplane-gw/rules.h"
#include "mplane-gw/supervisors/supervisors.h"

/* Draining takes at most this long; what still waits then gets no answer. */
#define DRAIN_US 10000000

/* What is collected: over HTTPS, and where probes can be told a URL, by UDP. -1: it was told why.
 */
static int offer_collects(const struct record_types *types, const struct gateway_settings *s,
                          const struct registry *r, struct capabilities *c)
{
    char url[1024], error[512] = "";
    const char *urls[] = {url, s->udp_url[0] == '\0' ? NULL : s->udp_url, NULL};
    int rc = settings_collect_url(s, "", url, sizeof url) == -1
                 ? -1
                 : capabilities_collect(c, types, urls, r, error, sizeof error);
    if (error[0] != '\0') {
        told_fault("%s", error);
    }
    return rc;
}

/*
 * What is offered, and the registry it is told by, which the listener (unless NULL) serves; the
 * caller owns both. -1: it was told why.
 */
static int offer_types(const struct config_common *common, const struct gateway_settings *s,
                       const struct record_types *types, struct registry_listener *l,
                       struct registry **r, char url[REGISTRY_URL_BYTES], struct capabilities **c)
{
    char error[512] = "";
    if (settings_registry_url(s, url, REGISTRY_URL_BYTES) == -1 ||
        registry_load(common->schemas_dir, url, types, l, r) == -1) {
        return -1;
    }
    *c = capabilities_new(url, s->public_url, s->label_prefix, *r, error, sizeof error);
    if (*c == NULL) {
        log_error("capabilities.build", "error=\"%s\"", error);
        return -1;
    }
    return offer_collects(types, s, *r, *c);
}

static int offer(const struct config_common *common, const struct gateway_settings *s,
                 struct registry_listener *l, struct registry **r, char url[REGISTRY_URL_BYTES],
                 struct capabilities **c)
{
    struct record_types *types = record_types_configured(common);
    int rc = offer_types(common, s, types, l, r, url, c);
    record_types_free(&types);
    return rc;
}

/* What record types say now, in capabilities and registry; -1: it was told why, and what was
 * offered stays. */
static int offer_again(struct gateway *g, const struct config_common *common)
{
    struct record_types *types = record_types_configured(common);
    struct registry *r = NULL, *served = NULL;
    const char *url = g->registry_url;
    int rc = types == NULL || registry_load(common->schemas_dir, url, types, NULL, &r) == -1
                 ? -1
                 : offer_collects(types, &g->settings, r, g->capabilities);
    if (rc == 0 &&
        registry_load(common->schemas_dir, url, types, g->registry_listener, &served) == 0) {
        registry_free(&g->registry);
        g->registry = r;
        r = NULL;
    }
    registry_free(&served);
    registry_free(&r);
    record_types_free(&types);
    return rc;
}

static int check_offer(const struct config_common *common, const struct gateway_settings *s)
{
    char url[REGISTRY_URL_BYTES];
    struct registry *r = NULL;
    struct capabilities *c = NULL;
    int rc = offer(common, s, NULL, &r, url, &c);
    capabilities_free(&c);
    registry_free(&r);
    return rc;
}

static int check_running(struct gateway *g, const struct gateway_settings *s)
{
    SSL_CTX *made = routes_context(s);
    SSL_CTX_free(made);
    return supervisors_check(g, s) == -1 || made == NULL ? -1 : 0;
}

int parts_check(struct gateway *g, struct document *d, const struct config_common *common,
                const struct gateway_settings *s)
{
    bool running = g->base != NULL;
    int rc = settings_check(d, s, !running);
    if (d->faults > 0) {
        /* What is offered rests on options that are at fault; record types do not. */
        struct record_types *types = record_types_configured(common);
        record_types_free(&types);
        return -1;
    }
    if (check_offer(common, s) == -1) {
        return -1;
    }
    return running ? check_running(g, s) : rc;
}

int parts_prepare(struct gateway *g, const struct config_common *common)
{
    g->access = rules_read(g);
    g->registry_listener = registry_listener_new();
    return g->access != NULL && g->registry_listener != NULL &&
                   offer(common, &g->settings, g->registry_listener, &g->registry, g->registry_url,
                         &g->capabilities) == 0 &&
                   routes_prepare(g) == 0 && registry_prepare(g) == 0 && supervisors_prepare(g) == 0
               ? 0
               : -1;
}

int parts_start(struct gateway *g)
{
    return rules_start(g) == -1 ||
                   (g->audit = audit_log_new(&g->settings.audit_per_second,
                                             &g->counters[COUNT_AUDIT_LEFT_OUT])) == NULL ||
                   ask_start(g) == -1 || exchanges_start(g) == -1 || delegate_start(g) == -1 ||
                   collect_start(g) == -1 || repeats_start(g, desk_restore) == -1 ||
                   routes_start(g) == -1 || registry_start(g) == -1 || supervisors_start(g) == -1
               ? -1
               : 0;
}

int parts_reload(struct gateway *g, const struct config_common *common)
{
    struct access *a = rules_read(g);
    SSL_CTX *files = a == NULL ? NULL : routes_context(&g->settings);
    ask_set_limits(g);
    if (files == NULL || offer_again(g, common) == -1) {
        access_free(&a);
        SSL_CTX_free(files);
        return -1;
    }
    rules_use(g, a);
    connections_use(server_connections(g->server), files);
    return supervisors_reload(g);
}

void parts_tick(struct gateway *g)
{
    rules_tick(g);
    routes_tick(g);
    registry_tick(g);
    ask_tick(g);
    repeats_tick(g);
    audit_log_tick(g->audit);
    collect_tick(g);
    supervisors_tick(g);
    delegate_tick(g);
}

/* ---- the end ---- */

void parts_drain(struct gateway *g)
{
    server_drain(g->server);
    supervisors_drain(g);
}

void parts_close_idle(const struct gateway *g)
{
    connections_close_idle(server_connections(g->server));
}

bool parts_drained(const struct gateway *g, int64_t waited_us)
{
    const struct connections *c = server_connections(g->server);
    bool answered = exchanges_open(g) == 0 && collect_open(g) == 0 && connections_sending(c) == 0 &&
                    supervisors_drained(g);
    return waited_us > DRAIN_US ||
           (answered && (connections_open(c) == 0 || waited_us > DRAIN_US / 10));
}

void parts_stop(struct gateway *g)
{
    collect_stop(g);
    delegate_stop(g);
    routes_stop(g);
    registry_stop(g);
    supervisors_stop(g);
    exchanges_stop(g);
    repeats_stop(g);
    ask_stop(g);
    audit_log_free(&g->audit);
    rules_stop(g);
    capabilities_free(&g->capabilities);
    registry_free(&g->registry);
    access_free(&g->access);
    for (size_t i = 0; i < FORMER_ACCESS; i++) {
        access_free(&g->former[i]);
    }
}
