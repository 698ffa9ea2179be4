/* SPDX-License-Identifier: Apache-2.0 */
#include "common/asking/sight.h"

#include <openssl/evp.h>

#include "common/capability_rows.h"
#include "common/pack.h"

static int make_mark(struct sight *s)
{
    struct pack p;
    size_t size = sizeof s->mark;
    pack_init(&p);
    for (uint32_t i = 0; i < s->count; i++) {
        pack_str(&p, s->patterns[i]);
    }
    struct slice bytes = pack_bytes(&p);
    int rc = pack_ok(&p) && EVP_Q_digest(NULL, "SHA256", NULL, bytes.at, bytes.len, s->mark, &size)
                 ? 0
                 : -1;
    pack_release(&p);
    return rc;
}

const char *sight_denied(const struct access *a, struct slice identity, enum capability_kind kind,
                         struct slice label)
{
    struct slice patterns[LIMIT_SEES * DIMENSION_COUNT];
    if (!access_allows(a, identity, label)) {
        return "";
    }
    if (!access_is_bound(a) || kind == CAPABILITY_COLLECT) {
        return NULL;
    }
    int sees = access_sees(a, identity, label, patterns);
    return sees == -1 ? ": your roles are bound to more criteria than can be asked for"
           : sees > 0 && !QUERY_HAS_CRITERIA(capability_rows[kind].query)
               ? ": it is about all series, and your roles are bound to some"
               : NULL;
}

int sight_find(const struct access *a, struct slice identity, struct slice label, struct sight *s)
{
    int criteria = access_sees(a, identity, label, s->patterns);
    if (criteria == -1) {
        return -1;
    }
    s->count = (uint32_t)criteria * DIMENSION_COUNT;
    memset(s->mark, 0, sizeof s->mark);
    return s->count == 0 ? 0 : make_mark(s);
}

bool sight_is(const struct access *a, struct slice identity, struct slice label,
              const unsigned char mark[SIGHT_BYTES])
{
    static const unsigned char all[SIGHT_BYTES];
    struct sight s;
    return access_is_bound(a)
               ? sight_find(a, identity, label, &s) == 0 && memcmp(s.mark, mark, SIGHT_BYTES) == 0
               : memcmp(mark, all, SIGHT_BYTES) == 0;
}
