/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of certificates and lists. */
#include "common/http/tls_term.h"

#include <openssl/x509.h>
#include <time.h>

static void look_at(struct tls_term *first, const char *what, const ASN1_TIME *end)
{
    struct tm utc = {0};
    if (end == NULL || ASN1_TIME_to_tm(end, &utc) != 1) {
        return;
    }
    int64_t us = (int64_t)timegm(&utc) * 1000000;
    if (us < first->ends_us) {
        *first = (struct tls_term){what, us};
    }
}

static void look_at_certificate(struct tls_term *first, const char *what, const X509 *one)
{
    if (one != NULL) {
        look_at(first, what, X509_get0_notAfter(one));
    }
}

struct tls_term tls_term(SSL_CTX *c)
{
    struct tls_term first = {"nothing", INT64_MAX};
    STACK_OF(X509) *between = NULL;
    STACK_OF(X509_OBJECT) *known = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c));
    look_at_certificate(&first, "the certificate", SSL_CTX_get0_certificate(c));
    SSL_CTX_get0_chain_certs(c, &between);
    for (int i = 0; i < sk_X509_num(between); i++) {
        look_at_certificate(&first, "the certificate", sk_X509_value(between, i));
    }
    for (int i = 0; i < sk_X509_OBJECT_num(known); i++) {
        const X509_OBJECT *one = sk_X509_OBJECT_value(known, i);
        X509_CRL *list = X509_OBJECT_get0_X509_CRL(one);
        look_at_certificate(&first, "an authority", X509_OBJECT_get0_X509(one));
        if (list != NULL) {
            look_at(&first, "a revocation list", X509_CRL_get0_nextUpdate(list));
        }
    }
    return first;
}
