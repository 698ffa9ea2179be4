/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of alerts, as the configuration says: receivers, by their names. Pure. */
#ifndef EZREPO_ALERTD_ALERT_TARGETS_H
#define EZREPO_ALERTD_ALERT_TARGETS_H

#include <sys/socket.h>

#include "alertd/alert_routes.h"

#define TARGETS_MAX       32
#define ALERTMANAGER_PATH "/api/v2/alerts" /* behind its URL */
#define TARGET_URL_BYTES  1024
#define TARGET_NAME_BYTES 64
#define TARGET_FILE_BYTES 4095

enum target_kind {
    TARGET_ALERTMANAGER, /* is told again and again; what it is not told any more is over */
    TARGET_WEBHOOK,      /* is told once that an alert fires, and once that it is over */
    TARGET_SYSLOG        /* the same */
};

struct target {
    enum target_kind kind;
    const char *name; /* in the store and in the log: an Alertmanager's URL, a webhook's name */
    const char *url;  /* where POSTs go; of syslog where it is */
    const char *ca;   /* PEM file; "": the system's */
    const char *basic_file;  /* USER:PASSWORD; NULL: none */
    const char *bearer_file; /* a token; NULL: none */
    const char *secret_file; /* of a webhook's signatures; NULL: none */
    uint32_t route_count;    /* it is told of these routes only; 0: of all */
    const struct slice *routes;
};

struct alert_targets {
    struct arena *arena;
    uint32_t count;
    struct target target[TARGETS_MAX];
    const char *names[TARGETS_MAX]; /* of each */
};

/* What the options are: lists are NULL where they are not given, texts are "". */
struct target_options {
    const struct json *alertmanagers, *webhooks;
    const char *syslog, *ca;
};

/* NULL after faults were told, also of webhooks that name routes which are not there. The caller
 * owns it. */
struct alert_targets *alert_targets_read(struct document *d, const struct target_options *options,
                                         const struct alert_routes *routes);
void alert_targets_free(struct alert_targets **targets);

bool target_takes(const struct target *target, const char *route);

/* The address of "udp://192.0.2.1:514", or of "/dev/log"; its size, or 0: it is none. */
socklen_t target_syslog_address(const char *url, struct sockaddr_storage *address);

#endif
