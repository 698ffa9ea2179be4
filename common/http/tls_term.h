/* SPDX-License-Identifier: Apache-2.0 */
/* Until when what a server stands on is good. */
#ifndef EZREPO_HTTP_TLS_TERM_H
#define EZREPO_HTTP_TLS_TERM_H

#include <openssl/ssl.h>

#include "common/foreseen.h"

/*
 * Adds what ends of a context: its own certificate with those between it and the CA, the
 * authorities, and the revocation lists, which are not good after their next update (RFC 5280,
 * 5.1.2.5). What has no end is left out. Whose one is, is empty where its name is none that
 * peer_identity_of() takes.
 */
void tls_terms(SSL_CTX *c, struct foreseen_ends *ends);

#endif
