/* SPDX-License-Identifier: Apache-2.0 */
/* Until when what a server stands on is good. */
#ifndef EZREPO_HTTP_TLS_TERM_H
#define EZREPO_HTTP_TLS_TERM_H

#include <openssl/ssl.h>
#include <stdint.h>

/* What ends first of a context's own certificate with those between it and the CA, the authorities,
 * and the revocation lists, which are not good after their next update (RFC 5280, 5.1.2.5). */
struct tls_term {
    const char *what; /* "the certificate", "an authority", "a revocation list" */
    int64_t ends_us;  /* since 1970; INT64_MAX: nothing ends */
};

struct tls_term tls_term(SSL_CTX *c);

#endif
