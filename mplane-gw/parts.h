/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a gateway in their order: prepared, started on its loop, looked after, stopped. The
 * caller fills in settings, then base, and frees the base at the end.
 */
#ifndef EZREPO_GW_PARTS_H
#define EZREPO_GW_PARTS_H

#include "mplane-gw/gateway.h"

/*
 * Whether these settings of the gateway can be; see struct config_section. One that runs also looks
 * whether the files could be used now: a reload with files that are at fault is refused whole.
 */
int parts_check(struct gateway *g, struct document *d, const struct config_common *common,
                const struct gateway_settings *s);

/*
 * With the privileges of the start: rules, registry, capabilities, certificates, sockets. -1 after
 * an error was logged; then, too, parts_stop() frees what there is.
 */
int parts_prepare(struct gateway *g, const struct config_common *common);

/* On g->base. -1 after an error was logged. */
int parts_start(struct gateway *g);

/*
 * The settings have changed, or the files they name. Certificates and rules change together or not
 * at all: new rules that were written for new certificates would let in whom the old ones name. -1
 * after an error was logged.
 */
int parts_reload(struct gateway *g, const struct config_common *common);

/* Once a second. */
void parts_tick(struct gateway *g);

/* Takes nothing more. */
void parts_drain(struct gateway *g);
/* While draining: what was busy becomes idle at any moment. */
void parts_close_idle(const struct gateway *g);
/*
 * Whether all that waited is answered, or draining has taken long enough. Answers are waited for
 * until they have left; who is only connected gets a tenth of the time.
 */
bool parts_drained(const struct gateway *g, int64_t waited_us);

/* Ends and frees all but the base, whose loop does not run any more: exchanges that wait are left
 * as they are. */
void parts_stop(struct gateway *g);

#endif
