/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the section "ingest-gw". */
#ifndef EZREPO_INGEST_SETTINGS_H
#define EZREPO_INGEST_SETTINGS_H

#include "common/config.h"
#include "common/door/posts.h"
#include "common/http/http_limits.h"
#include "common/http/tls.h"
#include "ingest-gw/remote/remote.h"

struct ingest_settings {
    struct config_strings listen;
    const char *certificate;
    const char *key;
    const char *ca;
    const char *crl;
    const struct json *access;
    const char *accept;
    struct posts_limits posts;
    struct http_limits http;
    int64_t audit_per_second;
    struct remote_settings remote;
};

extern const struct config_option ingest_options[];

/* Whether what is posted is answered only when it is stored. */
bool ingest_accepts_stored(const struct ingest_settings *s);

/* The files they name. */
struct tls_files ingest_files(const struct ingest_settings *s);

/*
 * Whether they can be, and make sense together; see struct config_section. With `files` also
 * whether the files that they name could be used now: -1 when one could not.
 */
int ingest_settings_check(struct document *d, const struct ingest_settings *s, bool files);

#endif
