/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured and what stored keeps, put together. */
#include "mplane-gw/rules.h"

#include "common/door/access_watch.h"
#include "common/log.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/ask.h"
#include "mplane-gw/jobs/repeats.h"
#include "mplane-gw/supervisors/supervisors.h"

static struct access *read_rules(const struct gateway *g, struct slice stored)
{
    return access_read(&(struct document){0}, "mplane-gw.access", g->settings.access, stored);
}

struct access *rules_read(const struct gateway *g)
{
    return read_rules(g, access_watch_document(g->rules));
}

void rules_use(struct gateway *g, struct access *a)
{
    gateway_use_access(g, a);
    if (g->asks != NULL && g->repetitions != NULL) {
        ask_follow_access(g);
        repeats_follow_access(g);
    }
}

/* Other rules: supervisors, once there are any, learn what they may use by them. */
static int take(void *context, struct slice document)
{
    struct gateway *g = context;
    struct access *a = read_rules(g, document);
    if (a == NULL) {
        return -1;
    }
    rules_use(g, a);
    if (g->supervisors != NULL && g->rules != NULL) {
        (void)supervisors_reload(g);
    }
    return 0;
}

int rules_start(struct gateway *g)
{
    g->rules = access_watch_new(g->base, "mplane-gw.access", take, g);
    if (g->rules != NULL && access_rules(g->access) == 0) {
        log_warn("access.empty", "effect=\"nobody may use any capability\"");
    }
    return g->rules == NULL ? -1 : 0;
}

void rules_stop(struct gateway *g)
{
    access_watch_free(&g->rules);
}

void rules_tick(struct gateway *g)
{
    access_watch_tick(g->rules);
}
