/* SPDX-License-Identifier: Apache-2.0 */
/* By which names the page may be asked. Pure. */
#ifndef EZREPO_PAGE_HOSTS_H
#define EZREPO_PAGE_HOSTS_H

#include <stdbool.h>

#include "common/config.h"

/*
 * Whether a request with this Host (RFC 9110, section 7.2; NULL: none, so it is no browser's) may
 * be meant for us: an address, localhost and what is below it (RFC 6761, section 6.3), or one of
 * the names, whatever the case and the port. A site of others whose name leads to this machine (DNS
 * rebinding) has its own name there, and browsers take what it asks for a request to itself.
 */
bool page_host_is_ours(const char *host, const struct config_strings *names);

#endif
