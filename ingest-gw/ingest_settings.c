/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options and what it cannot say by itself. */
#include "ingest-gw/ingest_settings.h"

#include <string.h>

#include "common/access/access.h"
#include "common/http/listen.h"

#define OFFSET(member) offsetof(struct ingest_settings, member)
#define TEXT(member, preset, reloadable, help)                                                     \
    {#member, CONFIG_STRING, OFFSET(member), preset, 0, 0, reloadable, help},
#define NUMBER(member, preset, min, max, reloadable, help)                                         \
    {#member, CONFIG_INTEGER, OFFSET(member), preset, min, max, reloadable, help},
#define HTTP_NUMBER(member, preset, min, max, reloadable, help)                                    \
    {#member, CONFIG_INTEGER, OFFSET(http.member), preset, min, max, reloadable, help},
#define POSTS_NUMBER(member, preset, min, max, reloadable, help)                                   \
    {#member, CONFIG_INTEGER, OFFSET(posts.member), preset, min, max, reloadable, help},
#define REMOTE_TEXT(member, preset, reloadable, help)                                              \
    {#member, CONFIG_STRING, OFFSET(remote.member), preset, 0, 0, reloadable, help},
#define REMOTE_NUMBER(member, preset, min, max, reloadable, help)                                  \
    {#member, CONFIG_INTEGER, OFFSET(remote.member), preset, min, max, reloadable, help},

const struct config_option ingest_options[] = {
    {"listen", CONFIG_STRINGS, OFFSET(listen), "[\"0.0.0.0:8892\"]", 0, 0, false,
     "addresses for HTTPS, HOST:PORT each, IPv6 in brackets"},
    REMOTE_OPTIONS(REMOTE_TEXT, REMOTE_NUMBER) TLS_OPTIONS(TEXT){
        "access", CONFIG_OBJECT, OFFSET(access), NULL, 0, 0, true,
        "who may deliver what, beside what the store has: {roles: {ROLE: [IDENTITY]}, "
        "authorizations: {Collect-TYPE: [ROLE]}}"},
    TEXT(accept, "\"spool\"", true,
         "when what is posted is answered: spool: it is on disk; store: it is committed, and could "
         "not be lost with this machine's disk if the database has a standby")
        POSTS_OPTIONS(POSTS_NUMBER) HTTP_OPTIONS(HTTP_NUMBER) HTTP_ADDRESS_OPTIONS(HTTP_NUMBER)
            NUMBER(audit_per_second, "1000", 0, 1000000, true,
                   "lines of the audit log per second; what is beyond is counted") CONFIG_END,
};

bool ingest_accepts_stored(const struct ingest_settings *s)
{
    return strcmp(s->accept, "store") == 0;
}

struct tls_files ingest_files(const struct ingest_settings *s)
{
    return (struct tls_files){"ingest-gw", s->certificate, s->key, s->ca, s->crl, true};
}

int ingest_settings_check(struct document *d, const struct ingest_settings *s, bool files)
{
    const struct tls_files own = ingest_files(s);
    listen_check(d, "ingest-gw.listen", &s->listen);
    if (strcmp(s->accept, "spool") != 0 && strcmp(s->accept, "store") != 0) {
        document_expected_in(d, "ingest-gw.accept", s->accept, "\"spool\" or \"store\"");
    }
    bool named = tls_names_check(d, &own);
    struct access *a = access_read(d, "ingest-gw.access", s->access, (struct slice){NULL, 0});
    access_free(&a);
    return files && named ? tls_check(&own) : 0;
}
