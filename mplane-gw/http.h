/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS listeners and what each path and method leads to. */
#ifndef EZREPO_GW_HTTP_H
#define EZREPO_GW_HTTP_H

/* Most addresses in `listen`. */
#define HTTP_LISTENERS 16

/* Opens the listening sockets; -1 after an error was logged. */
int http_prepare(void);

/* Accepts connections on gateway.base. -1 after an error was logged. */
int http_start(void);

/* Once a second: ends slow connections. */
void http_tick(void);

/* Accepts nothing more and closes what is idle. */
void http_drain(void);

void http_stop(void);

#endif
