/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options and what it cannot say by itself. */
#include "webd/web_settings.h"

#include <string.h>

#include "common/access/access.h"
#include "common/http/listen.h"
#include "webd/export_rules.h"
#include "webd/people/proxy_header.h"

#define OFFSET(member) offsetof(struct web_settings, member)
#define TEXT(member, preset, reloadable, help)                                                     \
    {#member, CONFIG_STRING, OFFSET(member), preset, 0, 0, reloadable, help},
#define NUMBER(member, preset, min, max, reloadable, help)                                         \
    {#member, CONFIG_INTEGER, OFFSET(member), preset, min, max, reloadable, help},
#define HTTP_NUMBER(member, preset, min, max, reloadable, help)                                    \
    {#member, CONFIG_INTEGER, OFFSET(http.member), preset, min, max, reloadable, help},

const struct config_option web_options[] = {
    TEXT(metrics_listen, "\"127.0.0.1:8893\"", false,
         "address of /metrics, /healthz and /readyz, plain HTTP for anybody who can reach it, "
         "HOST:PORT")
        NUMBER(look_s, "60", 0, 3600, true,
               "how many series are how is looked up so often, and what is exported, "
               "seconds; 0: never"){"export", CONFIG_LIST, OFFSET(export), "[]", 0, 0, true,
                                    "series whose grades and metrics are told one by one"},
    {"listen", CONFIG_STRINGS, OFFSET(listen), "[\"127.0.0.1:8894\"]", 0, 0, false,
     "addresses of the page and the API, HOST:PORT each, IPv6 in brackets; without a certificate "
     "plain HTTP, and only addresses of this machine"},
    {"hosts", CONFIG_STRINGS, OFFSET(hosts), "[]", 0, 0, true,
     "names under which it is asked without TLS, as by a proxy that passes on the Host it got; "
     "localhost and addresses need not be named"},
    TEXT(web_dir, "\"\"", false,
         "folder of the page's files; \"\" the one that came with the program")
        TEXT(d3, "\"/usr/share/nodejs/d3/dist/d3.min.js\"", false,
             "D3, version 5, which the page draws with; Debian's package node-d3")
            TEXT(certificate, "\"\"", true,
                 "PEM file: our certificate and those between it and the CA; \"\" plain HTTP")
                TEXT(key, "\"\"", true,
                     "PEM file: our private key, without a pass phrase; only its owner and group "
                     "may have access")
                    TEXT(ca, "\"\"", true,
                         "PEM file: the CAs whose certificates clients may have; who has none "
                         "comes with a password or a token")
                        TEXT(crl, "\"\"", true,
                             "PEM file: certificate revocation lists, one from each CA, those in "
                             "between included; \"\" none"){
                            "access", CONFIG_OBJECT, OFFSET(access), NULL, 0, 0, true,
                            "who may ask what, beside what the store has: {roles: {ROLE: "
                            "[IDENTITY]}, authorizations: {LABEL: [ROLE]}}"},
    {"proxy", CONFIG_OBJECT, OFFSET(proxy), NULL, 0, 0, true,
     "a reverse proxy that says who asks: {from: [PREFIX], header: NAME}"},
    NUMBER(session_idle_s, "43200", 60, 31622400, true,
           "who logged in and asks nothing is logged out after, seconds")
        NUMBER(session_most_s, "604800", 60, 31622400, true, "and in any case after, seconds")
            NUMBER(query_timeout_ms, "20000", 10, 3600000, true,
                   "a question takes at most, milliseconds") NUMBER(questions_max, "256", 1, 100000,
                                                                    true, "questions under way")
                NUMBER(questions_max_per_identity, "32", 1, 100000, true, "those of one identity")
                    NUMBER(streams_max_per_identity, "16", 1, 100000, true,
                           "streams of changes of one identity: each keeps a connection")
                        HTTP_OPTIONS(HTTP_NUMBER) HTTP_ADDRESS_OPTIONS(HTTP_NUMBER)
                            NUMBER(audit_per_second, "1000", 0, 1000000, true,
                                   "lines of the audit log per second; what is beyond is counted")
                                CONFIG_END,
};

bool web_has_tls(const struct web_settings *s)
{
    return s->certificate[0] != '\0';
}

struct tls_files web_files(const struct web_settings *s)
{
    return (struct tls_files){"webd", s->certificate, s->key, s->ca, s->crl, true};
}

/* Plain HTTP would show passwords and tokens to whoever listens on the way. */
static void check_plain(struct document *d, const struct config_strings *listen)
{
    for (size_t i = 0; i < listen->count; i++) {
        if (!listen_is_loopback(listen->item[i])) {
            document_expected_in(d, "webd.listen", listen->item[i],
                                 "an address of this machine only (127.0.0.1, [::1], localhost), "
                                 "or webd.certificate, webd.key and webd.ca");
        }
    }
}

int web_settings_check(struct document *d, const struct web_settings *s)
{
    const struct config_strings metrics = {(const char **)&s->metrics_listen, 1};
    const struct tls_files own = web_files(s);
    if (s->metrics_listen != NULL) {
        listen_check(d, "webd.metrics_listen", &metrics);
    }
    struct export_rules *exports = export_rules_read(d, s->export);
    export_rules_free(&exports);
    listen_check(d, "webd.listen", &s->listen);
    struct access *a = access_read(d, "webd.access", s->access, (struct slice){NULL, 0});
    access_free(&a);
    struct proxy_header proxy;
    (void)proxy_header_read(d, "webd.proxy", s->proxy, &proxy);
    if (!web_has_tls(s)) {
        check_plain(d, &s->listen);
        return 0;
    }
    return tls_names_check(d, &own) ? tls_check(&own) : 0;
}
