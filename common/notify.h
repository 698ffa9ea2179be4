/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told by a service of Type=notify, in the protocol of sd_notify(3): datagrams to
 * the Unix socket that NOTIFY_SOCKET names. Nothing is sent, and nothing fails, where nobody asked.
 */
#ifndef EZREPO_NOTIFY_H
#define EZREPO_NOTIFY_H

#include <stdbool.h>

/*
 * Reads NOTIFY_SOCKET and WATCHDOG_USEC from the environment and takes them out of it, so that no
 * child of ours speaks in our name. What cannot be meant for us is passed over (logged).
 */
void notify_start(void);

/* The process is ready to do what it is for. */
void notify_ready(void);

/* It lives: for the watchdog. Call it every second; no more is sent than is asked for. */
void notify_alive(void);

/* It is about to end. */
void notify_stopping(void);

#endif
