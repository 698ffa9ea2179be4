/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisors that the gateway is registered with: those of the option `supervisors`, and those
 * no longer in it that are being left.
 */
#ifndef EZREPO_GW_SUPERVISORS_H
#define EZREPO_GW_SUPERVISORS_H

#include <stdbool.h>

#include "mplane-gw/settings.h"

/* Reads their certificates, with the privileges of the start. -1 after an error was logged. */
int supervisors_prepare(void);

/* Whether the certificates that these settings name can be used; -1 after an error was logged. */
int supervisors_check(const struct gateway_settings *s);

/* Begins to talk to them, on gateway.base. -1 after an error was logged. */
int supervisors_start(void);

/* The settings, the certificates or who may use what have changed. -1 after an error was logged. */
int supervisors_reload(void);

/* Once a second: gauges and notes. */
void supervisors_tick(void);

/* Takes nothing more; answers what is under way, and withdraws the capabilities. */
void supervisors_drain(void);
/* Whether that is done, or there is no point in waiting longer. */
bool supervisors_drained(void);

void supervisors_stop(void);

#endif
