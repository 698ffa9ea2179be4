/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the option `supervisors` says of each, and where its answers go. Pure: URLs are only
 * compared; libcurl, which will use them, also takes them apart.
 */
#ifndef EZREPO_GW_SUPERVISOR_SETTINGS_H
#define EZREPO_GW_SUPERVISOR_SETTINGS_H

#include <stdint.h>

#include "common/document.h"

#define SUPERVISORS_MAX      8
#define SUPERVISOR_LINKS_MAX 8
#define SUPERVISOR_URL_BYTES 1024

struct supervisor_files {
    const char *certificate, *key, *ca, *crl; /* crl: "" none */
};

struct supervisor_settings {
    const char *option; /* where it stands, for messages: "mplane-gw.supervisors[0]" */
    const char *url;    /* https://HOST:PORT, no path */
    const char *registration_url, *specification_url, *result_url;
    const char *link_hosts[SUPERVISOR_LINKS_MAX]; /* HOST:PORT, besides its own */
    uint32_t link_host_count;
    struct supervisor_files files;
    int64_t poll_s, expiry_s;
};

struct supervisors_settings {
    struct arena *arena;
    size_t count;
    struct supervisor_settings supervisor[SUPERVISORS_MAX];
};

/*
 * Reads the list; NULL is an empty one. Files that a supervisor does not name are those given here;
 * when it names a `ca`, no `crl` goes with it unless it names one. All is copied. NULL after each
 * fault was told. The caller owns the result.
 */
struct supervisors_settings *supervisors_settings_read(struct document *d, const struct json *list,
                                                       const struct supervisor_files *files);
void supervisors_settings_free(struct supervisors_settings **s);

/* A copy with its texts in the arena. -1 when it is full. */
int supervisor_settings_copy(struct arena *a, const struct supervisor_settings *from,
                             struct supervisor_settings *to);

enum supervisor_link {
    SUPERVISOR_LINK_OWN,       /* to the supervisor itself */
    SUPERVISOR_LINK_ELSEWHERE, /* to a host that link_hosts names */
    SUPERVISOR_LINK_REFUSED /* it asked for another host, or it is no URL of ours: our result URL */
};

/*
 * Where the answer to a message with this link goes. Absent, empty, or the supervisor's own host
 * and port with the path "/": our result URL, since that is how some say nothing. Another path
 * there is taken; another host only when link_hosts has it.
 */
enum supervisor_link supervisor_result_url(const struct supervisor_settings *s, struct slice link,
                                           char url[SUPERVISOR_URL_BYTES]);

#endif
