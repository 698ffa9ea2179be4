/* SPDX-License-Identifier: Apache-2.0 */
/* The callbacks of the skeleton (common/daemon.h): how sockets, batches, window and bus work
 * together. */
#ifndef EZREPO_INGESTD_SERVICE_H
#define EZREPO_INGESTD_SERVICE_H

#include <czmq.h>

/* Opens the UDP sockets. */
int service_prepare(void);
int service_start(zloop_t *loop);
int service_reload(void);
void service_drain(void);
void service_tick(void);
void service_stop(void);

#endif
