/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings as they stand in a configuration. */
#ifndef EZREPO_PG_CONNINFO_H
#define EZREPO_PG_CONNINFO_H

#include "common/document.h"

/*
 * Whether libpq can read the option's text; NULL is not looked at. Neither the text nor what libpq
 * says of it is shown, since there may be a password in it. Refused as well is a URI whose password
 * has an '@' or a '/' as it is: libpq would take what follows for a host or a database, and show it
 * when it cannot connect.
 */
void conninfo_check(struct document *d, const char *option, const char *text);

#endif
