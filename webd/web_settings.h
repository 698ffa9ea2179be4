/* SPDX-License-Identifier: Apache-2.0 */
/* webd's options. */
#ifndef EZREPO_WEB_SETTINGS_H
#define EZREPO_WEB_SETTINGS_H

#include "common/config.h"
#include "common/http/http_limits.h"
#include "common/http/tls.h"

struct web_settings {
    const char *metrics_listen;
    int64_t look_s;
    const struct json *export;
    struct config_strings listen; /* of the page and the API */
    struct config_strings hosts;  /* names for it, without TLS */
    const char *web_dir;
    const char *d3;
    const char *certificate, *key, *ca, *crl; /* "": none */
    const struct json *access;
    struct http_limits http;
    const struct json *proxy; /* NULL: none */
    int64_t session_idle_s, session_most_s;
    int64_t query_timeout_ms;
    int64_t questions_max;
    int64_t questions_max_per_identity;
    int64_t streams_max_per_identity;
    int64_t audit_per_second;
};

extern const struct config_option web_options[];

/* Whether the page is served over TLS; else it is only for this machine. */
bool web_has_tls(const struct web_settings *s);

/* The files that are named; a peer may come without a certificate. */
struct tls_files web_files(const struct web_settings *s);

/* What the table of options cannot say. 0, or -1 after an error was logged: the files cannot be
 * used. Faults of what is written go to d. */
int web_settings_check(struct document *d, const struct web_settings *s);

#endif
