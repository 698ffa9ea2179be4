/* SPDX-License-Identifier: Apache-2.0 */
/* Listening TCP sockets from "HOST:PORT" texts. */
#ifndef EZREPO_HTTP_LISTEN_H
#define EZREPO_HTTP_LISTEN_H

#include "common/config.h"

#define LISTEN_HOST_SIZE 256

/* Most addresses in `listen`. */
#define SERVER_LISTENERS 16

/*
 * Splits "192.0.2.1:8890", "[2001:db8::1]:8890" or "name:8890" into host (without brackets) and
 * port. 0, or -1 when it is none of these; port 1..65535.
 */
int listen_split(const char *text, char host[LISTEN_HOST_SIZE], char port[6]);

/*
 * Whether a server could listen on each of them, of which there are 1 to SERVER_LISTENERS. Faults
 * go to d, under `option`.
 */
void listen_check(struct document *d, const char *option, const struct config_strings *listen);

/* Whether nobody on another machine could reach it: 127.0.0.0/8, ::1 or localhost, with a port. */
bool listen_is_loopback(const char *text);

/*
 * A bound, listening, non-blocking socket; an IPv6 one takes IPv6 only. -1 after an error was
 * logged that names the option.
 */
int listen_open(const char *option, const char *text);

#endif
