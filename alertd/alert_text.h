/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts as text: their keys, labels and annotations; as Alertmanager and the store take them.
 * Pure. */
#ifndef EZREPO_ALERTD_ALERT_TEXT_H
#define EZREPO_ALERTD_ALERT_TEXT_H

#include <stdio.h>

#include "alertd/alerts.h"

#define ALERT_TIME_BYTES 64

/* "2026-11-21T20:10:35.123456Z" */
void alert_time(int64_t us, char text[ALERT_TIME_BYTES]);

/*
 * Each from malloc; NULL when memory is out. Labels follow from what the alert is of, and nothing
 * else; annotations tell how it is now. The link is "" without a page.
 */
char *alert_key(struct slice route, const struct alert_subject *s);
char *alert_labels(const struct alert_routes *routes, const struct route *route,
                   const struct alert_subject *s);
char *alert_link(const char *page_url, const struct alert_subject *s);
char *alert_annotations(const struct route *route, const struct alert_subject *s, const char *link);

/* Those of an alert of our own. */
char *alert_own_labels(const struct alert_routes *routes, const char *name, struct slice route);
char *alert_own_annotations(const char *summary);

/* An element of what is POSTed to /api/v2/alerts; what fires ends by itself then. */
void alert_print_alertmanager(FILE *f, const struct alert *alert, int64_t ends_us);

/* By enum alert_known, as the store has them. */
extern const char *const alert_known_names[];

/* An element of an alerts message (schemas/messages.h). */
void alert_print_store(FILE *f, const struct alert *alert, const char *const *receivers,
                       unsigned count);

#endif
