/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An export URL is a right of who asked for it, passed on: it holds as long as that identity may
 * use the capability, and the certificate by which it asked is not revoked. Whoever posts must
 * still have a certificate, and is accounted for.
 */
#include "mplane-gw/posts/delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/http/connections.h"
#include "common/kept_file.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/posts/exports.h"

/* For so long the same specification is answered with the same URL. */
#define TOLD_US INT64_C(600000000)

/* A file larger than this is not ours. */
#define FILE_BYTES ((size_t)512 * 1024 * 1024)

struct delegation {
    struct exports *exports;
    bool unwritten; /* the file does not say what is so */
};

/* ---- the file ---- */

/* 0, or -1 after an error was logged; then delegate_tick() tries again. */
static int save(const struct gateway *g)
{
    static struct log_limit said;
    struct pack p;
    pack_init(&p);
    exports_encode(g->delegation->exports, &p);
    struct slice bytes = pack_bytes(&p);
    const char *path = g->settings.exports_file;
    FILE *f = pack_ok(&p) ? kept_file_begin(path) : NULL;
    int rc =
        f == NULL ? -1 : kept_file_end(f, path, fwrite(bytes.at, 1, bytes.len, f) == bytes.len);
    g->delegation->unwritten = rc == -1;
    if (rc == -1 && log_allowed(&said, 1)) {
        log_errno("exports.write", "file=%s", path);
    }
    pack_release(&p);
    return rc;
}

static int read_file(struct exports *exports, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return errno == ENOENT ? 0 : -1;
    }
    int rc = -1;
    char *bytes = NULL;
    errno = EBADMSG; /* unless something else is the matter */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= FILE_BYTES &&
        (bytes = malloc((size_t)st.st_size + 1)) != NULL &&
        read(fd, bytes, (size_t)st.st_size) == st.st_size) {
        rc = exports_decode(exports, (struct slice){bytes, (size_t)st.st_size});
    }
    free(bytes);
    close(fd);
    return rc;
}

int delegate_start(struct gateway *g)
{
    const char *path = g->settings.exports_file;
    struct delegation *d = calloc(1, sizeof *d);
    g->delegation = d;
    if (d == NULL || (d->exports = exports_new()) == NULL) {
        log_error("exports.start", "error=\"out of memory\"");
        return -1;
    }
    if (path[0] != '\0' && read_file(d->exports, path) == -1) {
        log_errno("exports.read",
                  "file=%s advice=\"move it away: then no delegated export URL holds any more\"",
                  path);
        return -1;
    }
    return 0;
}

void delegate_stop(struct gateway *g)
{
    if (g->delegation != NULL) {
        exports_free(&g->delegation->exports);
        free(g->delegation);
        g->delegation = NULL;
    }
}

void delegate_tick(struct gateway *g)
{
    struct delegation *d = g->delegation;
    if ((exports_sweep(d->exports, daemon_now_us()) || d->unwritten) &&
        g->settings.exports_file[0] != '\0') {
        save(g);
    }
    g->counters[COUNT_EXPORTS] = exports_count(d->exports);
}

/* ---- giving ---- */

/* The export may be revoked before the reply is written: of its texts the reply has copies. */
static void reply_receipt(const struct desk_request *r, const struct mplane_message *sections,
                          const struct export *one, struct desk_reply *reply)
{
    if (reply->label.at == NULL) {
        struct slice asked = one->grant.asked_label;
        reply->label = arena_copy(r->arena, asked.len > 0 ? asked : one->grant.label);
    }
    reply->message = answer_receipt(sections, reply->token, reply->label);
}

/* The specification's scope, for a message that names its token only. */
static void restore_scope(const struct export *one, struct mplane_message *receipt)
{
    struct when w;
    char error[256];
    if (one->grant.asked_when.len > 0 &&
        when_parse(one->grant.asked_when, &w, error, sizeof error) == 0) {
        receipt->has_when = true;
        receipt->when = w;
    }
}

static void add_url(const struct desk_request *r, const struct export *one,
                    struct desk_reply *reply)
{
    char url[1024];
    if (one->url_token[0] != '\0' &&
        settings_collect_url(&r->gateway->settings, one->url_token, url, sizeof url) == 0) {
        reply->message.export = arena_copy(r->arena, slice_of(url));
    }
}

/* Who is to post: the identity in the metadata, any for null, else who asks. */
static struct slice poster_of(const struct desk_request *r, const struct mplane_message *m)
{
    for (uint32_t i = 0; i < m->metadata_count; i++) {
        if (slice_is(m->metadata[i].name, "export.identity")) {
            struct slice given = m->metadata[i].value;
            return given.at == NULL ? slice_of("") : given.len == 0 ? r->identity : given;
        }
    }
    return r->identity;
}

/* A token nobody can guess (128 random bits), and its digest. */
static int make_token(char token[TOKEN_TEXT], unsigned char digest[EXPORT_DIGEST_BYTES])
{
    unsigned char random[TOKEN_BYTES];
    if (RAND_priv_bytes(random, sizeof random) != 1) {
        return -1;
    }
    token_text(random, token);
    return exports_digest(slice_of(token), digest);
}

static const char *why_not(const struct desk_request *r, const struct mplane_message *m,
                           struct slice reply_token)
{
    const struct gateway_settings *s = &r->gateway->settings;
    const struct exports *exports = r->gateway->delegation->exports;
    return s->exports_file[0] == '\0' ? "no export URLs are given here (mplane-gw.exports_file)"
           : m->when.repeat           ? "when: expected no repetition"
           : exports_count(exports) >= (size_t)s->exports_max ? "too many export URLs are given"
           : exports_count_of(exports, r->identity) >= (size_t)s->exports_max_per_identity
               ? "you have too many export URLs; interrupt some"
           : reply_token.len > LIMIT_TEXT_BYTES || r->identity.len > LIMIT_TEXT_BYTES ||
                   m->label.len > LIMIT_TEXT_BYTES || poster_of(r, m).len > LIMIT_TEXT_BYTES
               ? "token, label or identity is too long to be kept"
               : NULL;
}

/* Gives one and has it kept. NULL after a refusal. */
static struct export *give(const struct desk_request *r, const struct mplane_message *m,
                           const struct capability *k, struct desk_reply *reply)
{
    struct exports *exports = r->gateway->delegation->exports;
    unsigned char digest[EXPORT_DIGEST_BYTES];
    char token[TOKEN_TEXT];
    int64_t now_us = daemon_now_us();
    bool instant;
    struct grant_message g = {.digest = {(const char *)digest, sizeof digest},
                              .owner = r->identity,
                              .poster = poster_of(r, m),
                              .label = k->label,
                              .token = reply->token,
                              .certificates = r->certificates,
                              .asked_label = m->label,
                              .asked_when = when_text(r->arena, &m->when)};
    struct export *one = NULL;
    if (when_range(&m->when, now_us, &g.from_us, &g.until_us, &instant) == -1 || instant ||
        g.until_us <= now_us) {
        desk_refuse(r, reply, "when: expected a range that is not over, as now ... future");
        return NULL;
    }
    if (make_token(token, digest) == 0) {
        one = exports_add(exports, &g);
    }
    if (one != NULL && save(r->gateway) == -1) {
        exports_remove(exports, one);
        one = NULL;
    }
    if (one == NULL) {
        desk_refuse(r, reply, "the export URL cannot be kept, ask again later");
        return NULL;
    }
    memcpy(one->url_token, token, sizeof one->url_token);
    one->told_until_us = now_us + TOLD_US;
    log_info("export.given", "peer=%s identity=%s capability=%s poster=%s", r->peer,
             QUOTED(g.owner), QUOTED(g.label), QUOTED(g.poster));
    return one;
}

void delegate_specification(const struct desk_request *r, const struct mplane_message *m,
                            const struct capability *k, struct desk_reply *reply)
{
    struct exports *exports = r->gateway->delegation->exports;
    struct export *one = exports_of(exports, r->identity, reply->token);
    if (one != NULL && (one->url_token[0] == '\0' || !slice_equal(one->grant.label, k->label) ||
                        !slice_equal(one->grant.poster, poster_of(r, m)))) {
        desk_refuse(r, reply,
                    "token: it is that of an export URL you were given, and is not told again; "
                    "interrupt it, or take another token");
        return;
    }
    const char *why = one == NULL ? why_not(r, m, reply->token) : NULL;
    if (why != NULL) {
        desk_refuse(r, reply, "%s", why);
        return;
    }
    one = one == NULL ? give(r, m, k, reply) : one;
    if (one != NULL) {
        reply_receipt(r, m, one, reply);
        add_url(r, one, reply);
    }
}

/* ---- redemptions and interrupts ---- */

bool delegate_redemption(const struct desk_request *r, const struct mplane_message *m,
                         struct desk_reply *reply)
{
    struct exports *exports = r->gateway->delegation->exports;
    struct export *one = exports_of(exports, r->identity, reply->token);
    const struct capability *k =
        one == NULL ? NULL : capabilities_by_label(r->gateway->capabilities, one->grant.label);
    if (one == NULL) {
        return false;
    }
    reply->capability = k;
    /* The record type may be gone from the schemas; revoking must be possible all the same. */
    const struct mplane_message *sections = m->has_when || k == NULL ? m : &k->message;
    reply_receipt(r, sections, one, reply);
    if (!m->has_when) {
        restore_scope(one, &reply->message);
    }
    if (m->kind != MPLANE_INTERRUPT) {
        add_url(r, one, reply);
        return true;
    }
    log_info("export.revoked", "peer=%s identity=%s capability=%s", r->peer, QUOTED(r->identity),
             QUOTED(one->grant.label));
    exports_remove(exports, one);
    if (save(r->gateway) == -1) {
        desk_refuse(r, reply,
                    "revoked, but not for good: the file cannot be written; it is tried "
                    "again until it can");
    }
    return true;
}

/* ---- posting ---- */

struct slice delegate_label(const struct gateway *g, struct slice url_token, struct slice identity,
                            struct slice *owner)
{
    const struct export *one = exports_find(g->delegation->exports, url_token, daemon_now_us());
    if (one == NULL || (one->grant.poster.len > 0 && !slice_equal(one->grant.poster, identity)) ||
        !access_allows(g->access, one->grant.owner, one->grant.label) ||
        connections_revoked(server_connections(g->server), one->grant.certificates)) {
        return (struct slice){NULL, 0};
    }
    *owner = one->grant.owner;
    return one->grant.label;
}
