/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisors that the gateway is registered with: those of the option `supervisors`, and those
 * no longer in it that are being left.
 */
#ifndef EZREPO_GW_SUPERVISORS_H
#define EZREPO_GW_SUPERVISORS_H

#include <stdbool.h>

#include "mplane-gw/settings.h"

struct gateway;

/* Reads their certificates, with the privileges of the start. -1 after an error was logged. */
int supervisors_prepare(struct gateway *g);

/* Whether the certificates that these settings name can be used; -1 after an error was logged. */
int supervisors_check(struct gateway *g, const struct gateway_settings *s);

/* Begins to talk to them, on the gateway's loop. -1 after an error was logged. */
int supervisors_start(struct gateway *g);

/* The settings, the certificates or who may use what have changed. -1 after an error was logged. */
int supervisors_reload(struct gateway *g);

/* Once a second: gauges and notes. */
void supervisors_tick(struct gateway *g);

/* Takes nothing more; answers what is under way, and withdraws the capabilities. */
void supervisors_drain(struct gateway *g);
/* Whether that is done, or there is no point in waiting longer. */
bool supervisors_drained(const struct gateway *g);

void supervisors_stop(struct gateway *g);

#endif
