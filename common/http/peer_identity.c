/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a peer is. The subject is walked in the certificate's order; of each relative name (a set)
 * only the first attribute counts, because that is what the mPlane programs see.
 */
#include "common/http/peer_identity.h"

#include <openssl/crypto.h>

/* Appends the attribute's value as UTF-8, behind a dot when it isn't the first. */
static int append(char *out, size_t *len, bool first, const ASN1_STRING *data)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, data);
    int status = -1;
    if (n >= 0 && memchr(utf8, 0, (size_t)n) == NULL &&
        (size_t)n + *len + (first ? 0 : 1) <= PEER_IDENTITY_BYTES) {
        if (!first) {
            out[(*len)++] = '.';
        }
        memcpy(out + *len, utf8, (size_t)n);
        *len += (size_t)n;
        status = 0;
    }
    OPENSSL_free(utf8);
    return status;
}

struct slice peer_identity_of(struct arena *a, const X509_NAME *subject)
{
    const struct slice none = {NULL, 0};
    char *out = arena_alloc(a, PEER_IDENTITY_BYTES + 1);
    size_t len = 0;
    int count = X509_NAME_entry_count(subject), last_set = -1;
    if (out == NULL || count <= 0) {
        return none;
    }
    for (int i = 0; i < count; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int set = X509_NAME_ENTRY_set(entry);
        if (i > 0 && set == last_set) {
            continue;
        }
        last_set = set;
        if (append(out, &len, i == 0, X509_NAME_ENTRY_get_data(entry)) == -1) {
            return none;
        }
    }
    if (len == 0) {
        return none;
    }
    out[len] = '\0';
    return (struct slice){out, len};
}
