/* SPDX-License-Identifier: Apache-2.0 */
/* The table of delegated export URLs, found by the digests of their tokens. */
#include "mplane-gw/posts/exports.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct exports {
    struct export *by_digest;
};

struct exports *exports_new(void)
{
    return calloc(1, sizeof(struct exports));
}

void exports_free(struct exports **e)
{
    struct export *one, *after;
    if (*e == NULL) {
        return;
    }
    HASH_ITER(hh, (*e)->by_digest, one, after)
    {
        exports_remove(*e, one);
    }
    free(*e);
    *e = NULL;
}

static struct slice keep(char **room, struct slice text)
{
    struct slice kept = {*room, text.len};
    if (text.len > 0) {
        memcpy(*room, text.at, text.len);
        *room += text.len;
    }
    return kept;
}

struct export *exports_add(struct exports *e, const struct grant_message *g)
{
    size_t texts = g->owner.len + g->poster.len + g->label.len + g->token.len +
                   g->certificates.len + g->asked_label.len + g->asked_when.len;
    struct export *one = calloc(1, sizeof *one + texts + 1);
    if (one == NULL) {
        return NULL;
    }
    char *room = (char *)(one + 1);
    memcpy(one->digest, g->digest.at, sizeof one->digest);
    one->grant = *g;
    one->grant.digest = (struct slice){(const char *)one->digest, sizeof one->digest};
    one->grant.owner = keep(&room, g->owner);
    one->grant.poster = keep(&room, g->poster);
    one->grant.label = keep(&room, g->label);
    one->grant.token = keep(&room, g->token);
    one->grant.certificates = keep(&room, g->certificates);
    one->grant.asked_label = keep(&room, g->asked_label);
    one->grant.asked_when = keep(&room, g->asked_when);
    HASH_ADD(hh, e->by_digest, digest, sizeof one->digest, one);
    if (one->hh.tbl == NULL) {
        free(one);
        return NULL;
    }
    return one;
}

void exports_remove(struct exports *e, struct export *one)
{
    HASH_DEL(e->by_digest, one);
    free(one);
}

int exports_digest(struct slice url_token, unsigned char digest[EXPORT_DIGEST_BYTES])
{
    size_t size = EXPORT_DIGEST_BYTES;
    return EVP_Q_digest(NULL, "SHA256", NULL, url_token.at, url_token.len, digest, &size) == 1 ? 0
                                                                                               : -1;
}

const struct export *exports_find(const struct exports *e, struct slice url_token, int64_t now_us)
{
    unsigned char digest[EXPORT_DIGEST_BYTES];
    struct export *one = NULL;
    if (exports_digest(url_token, digest) == 0) {
        HASH_FIND(hh, e->by_digest, digest, EXPORT_DIGEST_BYTES, one);
    }
    return one != NULL && one->grant.from_us <= now_us && now_us < one->grant.until_us ? one : NULL;
}

struct export *exports_of(const struct exports *e, struct slice owner, struct slice token)
{
    for (struct export *one = e->by_digest; one != NULL; one = one->hh.next) {
        if (slice_equal(one->grant.token, token) && slice_equal(one->grant.owner, owner)) {
            return one;
        }
    }
    return NULL;
}

size_t exports_count(const struct exports *e)
{
    return HASH_COUNT(e->by_digest);
}

size_t exports_count_of(const struct exports *e, struct slice owner)
{
    size_t count = 0;
    for (const struct export *one = e->by_digest; one != NULL; one = one->hh.next) {
        count += slice_equal(one->grant.owner, owner);
    }
    return count;
}

bool exports_sweep(struct exports *e, int64_t now_us)
{
    struct export *one, *after;
    bool removed = false;
    HASH_ITER(hh, e->by_digest, one, after)
    {
        if (now_us >= one->told_until_us) {
            one->url_token[0] = '\0';
        }
        if (now_us >= one->grant.until_us) {
            exports_remove(e, one);
            removed = true;
        }
    }
    return removed;
}

void exports_encode(const struct exports *e, struct pack *p)
{
    for (const struct export *one = e->by_digest; one != NULL; one = one->hh.next) {
        grant_encode(p, &one->grant);
    }
}

int exports_decode(struct exports *e, struct slice bytes)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    while (!unpack_done(&u)) {
        struct grant_message g;
        struct export *same = NULL;
        if (grant_decode(&u, NULL, &g) == -1 || g.digest.len != EXPORT_DIGEST_BYTES) {
            return -1;
        }
        HASH_FIND(hh, e->by_digest, g.digest.at, EXPORT_DIGEST_BYTES, same);
        if (same != NULL || exports_add(e, &g) == NULL) {
            return -1;
        }
    }
    return 0;
}
