/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the section "mplane-gw". */
#ifndef EZREPO_GW_SETTINGS_H
#define EZREPO_GW_SETTINGS_H

#include "common/config.h"
#include "common/door/posts.h"
#include "common/http/http_limits.h"

#define URL_PATH_BYTES 512 /* of a request's path, of public_url's, the NUL included */

struct gateway_settings {
    struct config_strings listen;
    const char *registry_listen;
    const char *public_url;
    const char *registry_url;
    const char *label_prefix;
    const char *certificate;
    const char *key;
    const char *ca;
    const char *crl;
    const struct json *access;
    const struct json *supervisors;
    int64_t answer_timeout_ms;
    int64_t query_timeout_ms;
    int64_t store_timeout_ms;
    int64_t result_keep_s;
    int64_t results_max_per_identity;
    int64_t results_max;
    int64_t results_bytes;
    int64_t repeats_max_per_identity;
    int64_t repeats_max;
    int64_t repeat_runs;
    int64_t repeat_bytes;
    const char *repeats_file;
    int64_t answer_bytes;
    struct posts_limits posts;
    const char *udp_url;
    const char *exports_file;
    int64_t exports_max;
    int64_t exports_max_per_identity;
    int64_t envelope_max;
    struct http_limits http;
    int64_t audit_per_second;
};

extern const struct config_option settings_options[];

/*
 * Whether they can be, and make sense together; see struct config_section. With `files` also
 * whether the files that they name could be used now, supervisors' as well (see tls_check()): -1
 * when one could not.
 */
int settings_check(struct document *d, const struct gateway_settings *s, bool files);

struct supervisors_settings;

/* The option `supervisors`, read. NULL after each fault was told. The caller owns it. */
struct supervisors_settings *settings_supervisors(struct document *d,
                                                  const struct gateway_settings *s);

/*
 * The URL to which results are posted: mplane-https://HOST:PORT/TOKEN/result, or without a token
 * ("") .../result. -1 when it does not fit.
 */
int settings_collect_url(const struct gateway_settings *s, const char *token, char *url,
                         size_t size);

/*
 * The URL under which clients fetch our registry: registry_url, or what follows from
 * registry_listen and, where that is any address, the host in public_url. -1 when it does not fit.
 */
int settings_registry_url(const struct gateway_settings *s, char *url, size_t size);

#endif
