/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks of the skeleton (common/daemon.h): how sockets, flushes, and what goes on beside
 * them, work together. */
#ifndef EZREPO_STORED_LOOP_H
#define EZREPO_STORED_LOOP_H

#include <czmq.h>

#include "stored/store.h"

/* `settings` are read from then on, also after they were reloaded. */
int loop_start(zloop_t *loop, const struct store_settings *settings);
int loop_reload(void);
void loop_drain(void);
void loop_tick(void);
void loop_stop(void);

#endif
