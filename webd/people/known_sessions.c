/* SPDX-License-Identifier: Apache-2.0 */
/* A table of buckets of a few places each. */
#include "webd/people/known_sessions.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define WAYS    4

struct known_sessions {
    struct known_session at[BUCKETS][WAYS];
};

struct known_sessions *known_sessions_new(void)
{
    return calloc(1, sizeof(struct known_sessions));
}

void known_sessions_free(struct known_sessions **k)
{
    free(*k);
    *k = NULL;
}

static uint32_t bucket_of(const uint8_t digest[LIMIT_DIGEST_BYTES])
{
    return (uint32_t)(digest[0] << 8 | digest[1]) % BUCKETS;
}

static struct known_session *find(const struct known_sessions *k,
                                  const uint8_t digest[LIMIT_DIGEST_BYTES])
{
    const struct known_session *bucket = k->at[bucket_of(digest)];
    for (int i = 0; i < WAYS; i++) {
        if (bucket[i].user[0] != '\0' &&
            memcmp(bucket[i].digest, digest, LIMIT_DIGEST_BYTES) == 0) {
            return (struct known_session *)(uintptr_t)&bucket[i];
        }
    }
    return NULL;
}

const struct known_session *known_sessions_find(const struct known_sessions *k,
                                                const uint8_t digest[LIMIT_DIGEST_BYTES],
                                                int64_t now_us)
{
    const struct known_session *s = find(k, digest);
    return s == NULL || s->ends_us <= now_us ? NULL : s;
}

bool known_session_is_fresh(const struct known_session *s, uint64_t version, int64_t clock_us)
{
    return s->version >= version && clock_us - s->confirmed_us < SESSION_FRESH_US;
}

bool known_session_holds(const struct known_session *s, uint64_t version, int64_t clock_us)
{
    return s->version >= version && clock_us - s->confirmed_us < SESSION_HELD_US;
}

const struct known_session *known_sessions_put(struct known_sessions *k,
                                               const struct known_session *s)
{
    struct known_session *bucket = k->at[bucket_of(s->digest)], *place = find(k, s->digest);
    for (int i = 0; place == NULL && i < WAYS; i++) {
        place = bucket[i].user[0] == '\0' ? &bucket[i] : NULL;
    }
    if (place == NULL) {
        place = bucket;
        for (int i = 1; i < WAYS; i++) {
            place = bucket[i].confirmed_us < place->confirmed_us ? &bucket[i] : place;
        }
    }
    *place = *s;
    return place;
}

void known_sessions_forget(struct known_sessions *k, const uint8_t digest[LIMIT_DIGEST_BYTES])
{
    struct known_session *s = find(k, digest);
    if (s != NULL) {
        memset(s, 0, sizeof *s);
    }
}
