/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of certificates and lists. */
#include "common/http/tls_term.h"

#include <openssl/x509.h>
#include <time.h>

#include "common/http/peer_identity.h"

#define NAME_BYTES ((size_t)16 * 1024) /* of an arena for one */

static void add(struct foreseen_ends *ends, enum foreseen_kind kind, const X509_NAME *whose,
                const ASN1_TIME *end)
{
    struct tm utc = {0};
    struct arena *a = arena_new(NAME_BYTES);
    if (end != NULL && ASN1_TIME_to_tm(end, &utc) == 1) {
        struct slice name = a == NULL ? slice_of("") : peer_identity_of(a, whose);
        foreseen_add(ends, kind, name, (int64_t)timegm(&utc) * 1000000);
    }
    arena_free(&a);
}

static void add_certificate(struct foreseen_ends *ends, enum foreseen_kind kind, const X509 *one)
{
    if (one != NULL) {
        add(ends, kind, X509_get_subject_name(one), X509_get0_notAfter(one));
    }
}

void tls_terms(SSL_CTX *c, struct foreseen_ends *ends)
{
    STACK_OF(X509) *between = NULL;
    STACK_OF(X509_OBJECT) *known = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c));
    add_certificate(ends, FORESEEN_CERTIFICATE, SSL_CTX_get0_certificate(c));
    SSL_CTX_get0_chain_certs(c, &between);
    for (int i = 0; i < sk_X509_num(between); i++) {
        add_certificate(ends, FORESEEN_CERTIFICATE, sk_X509_value(between, i));
    }
    for (int i = 0; i < sk_X509_OBJECT_num(known); i++) {
        const X509_OBJECT *one = sk_X509_OBJECT_value(known, i);
        const X509_CRL *list = X509_OBJECT_get0_X509_CRL(one);
        add_certificate(ends, FORESEEN_AUTHORITY, X509_OBJECT_get0_X509(one));
        if (list != NULL) {
            add(ends, FORESEEN_REVOCATION_LIST, X509_CRL_get_issuer(list),
                X509_CRL_get0_nextUpdate(list));
        }
    }
}
