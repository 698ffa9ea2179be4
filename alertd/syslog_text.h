/* SPDX-License-Identifier: Apache-2.0 */
/* What syslog is sent: a line an alert. Pure. */
#ifndef EZREPO_ALERTD_SYSLOG_TEXT_H
#define EZREPO_ALERTD_SYSLOG_TEXT_H

#include "alertd/alerts.h"

#define SYSLOG_BYTES 2048 /* what RFC 5424 says a receiver should take */

/*
 * One message, cut between characters: by RFC 5424 for another machine, else without the machine's
 * name and with its local time, as syslog(3) writes it to /dev/log. Its length.
 */
size_t syslog_write(char text[SYSLOG_BYTES + 1], const struct alert *alert, bool fires, bool local,
                    const char *host, long process, int64_t now_us);

#endif
