/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an X.509 certificate: the identity of its subject, when it has one, is a text. */
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/http/peer_identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *certificate = size > 65536 ? NULL : d2i_X509(NULL, &at, (long)size);
    struct arena *a = arena_new(256 * 1024);
    if (certificate != NULL && a != NULL) {
        struct slice identity = peer_identity_of(a, X509_get_subject_name(certificate));
        if (identity.at != NULL && (identity.len == 0 || identity.len > PEER_IDENTITY_BYTES ||
                                    memchr(identity.at, '\0', identity.len) != NULL ||
                                    identity.at[identity.len] != '\0')) {
            abort();
        }
    }
    arena_free(&a);
    X509_free(certificate);
    return 0;
}
