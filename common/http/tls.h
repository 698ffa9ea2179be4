/* SPDX-License-Identifier: Apache-2.0 */
/* Mutual TLS: the context that every connection is made from, and who the peer is. */
#ifndef EZREPO_HTTP_TLS_H
#define EZREPO_HTTP_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/document.h"

struct tls_files {
    const char *option;      /* for messages: where they are named, "mplane-gw" */
    const char *certificate; /* PEM: ours, then the intermediate ones */
    const char *key;         /* PEM, without a pass phrase; refused when others than owner and group
                              * may read it */
    const char *ca;          /* PEM: whose certificates peers may have */
    const char *crl;         /* PEM: one list from each CA, those in between included; "" none */
    bool anonymous; /* a server's: peers may come without a certificate; one that is shown counts */
};

/* The options that name them: TEXT(member, preset, reloadable, help). */
#define TLS_OPTIONS(TEXT)                                                                          \
    TEXT(certificate, NULL, true, "PEM file: our certificate and those between it and the CA")     \
    TEXT(key, NULL, true,                                                                          \
         "PEM file: our private key, without a pass phrase; only its owner and group may have "    \
         "access")                                                                                 \
    TEXT(ca, NULL, true, "PEM file: the CAs whose certificates clients may have")                  \
    TEXT(crl, "\"\"", true,                                                                        \
         "PEM file: certificate revocation lists, one from each CA, those in between included; "   \
         "\"\" none")

/*
 * Whether what is given for the files can be their names: faults go to d, under files->option.
 * False also when one is not given at all (NULL), of which nothing is told here.
 */
bool tls_names_check(struct document *d, const struct tls_files *files);

/* Whether what should be a file's name is what should be in the file. */
static inline bool tls_is_content(const char *file)
{
    return strchr(file, '\n') != NULL || strncmp(file, "-----", 5) == 0;
}

/*
 * Whether these files could be used now: 0, or -1 after an error was logged. For who checks a
 * configuration without running it, and may not be allowed to read the key: then that is passed
 * over.
 */
int tls_check(const struct tls_files *files);

/*
 * A context for servers: TLS 1.2 and 1.3, no renegotiation, and a peer without a certificate that
 * one of the CAs signed, and whose subject gives an identity, does not get through the handshake;
 * with files->anonymous one without any does.
 * NULL after an error was logged that names the file. The caller owns it: SSL_CTX_free().
 */
SSL_CTX *tls_context(const struct tls_files *files);

/*
 * The same for clients: the peer has to have a server's certificate. What is asked for by name is
 * for the caller to check.
 */
SSL_CTX *tls_client_context(const struct tls_files *files);

/* Makes a context of somebody else's use what tls_client_context() loaded. -1 when memory is out.
 */
int tls_client_copy(SSL_CTX *to, SSL_CTX *from);

/* Our own identity in this context, as tls_identity(). */
char *tls_own_identity(SSL_CTX *c);

/* When the first of the certificates that the peer has shown ends; microseconds since 1970. */
int64_t tls_ends_us(const SSL *ssl);

/* When the peer's own certificate began to be good; likewise. */
int64_t tls_begins_us(const SSL *ssl);

/*
 * The peer's certificate and those between it and the CA, each as the DER of its issuer and serial
 * number, one behind the other; of a resumed session only the peer's. From OpenSSL's malloc; the
 * caller owns it: OPENSSL_free(). Without bytes: none, or they take more than LIMIT_CERTIFICATES.
 */
struct slice tls_certificates(const SSL *ssl);

/* Whether one of these is on a revocation list of this context. */
bool tls_revoked(SSL_CTX *c, struct slice certificates);

/* Whether two contexts of tls_context() have the same certificate of their own; and whether each
 * has the authorities of the other. */
bool tls_same_certificate(SSL_CTX *a, SSL_CTX *b);
bool tls_same_authorities(SSL_CTX *a, SSL_CTX *b);

/* Whether the peer's certificate, which it has shown, would be taken by this context; false also
 * when it has shown none, or memory is out. */
bool tls_trusts(SSL_CTX *c, const SSL *ssl);

/*
 * The identity of the peer's certificate as a C string from malloc, which the caller owns; NULL
 * when there is none.
 */
char *tls_identity(const SSL *ssl);

#endif
