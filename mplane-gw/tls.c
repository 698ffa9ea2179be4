/* OpenSSL's context for mutual TLS. Knows nothing of HTTP. */
#include "mplane-gw/tls.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "mplane-gw/identity.h"

#define IDENTITY_ARENA_BYTES (256 * 1024)

/* A session may be resumed, without the certificate being judged again, for so many seconds. */
#define SESSION_S 300

/* What OpenSSL's queue of errors says first; the queue is empty afterwards. */
static const char *ssl_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    if (reason == NULL && ERR_SYSTEM_ERROR(code)) {
        reason = strerror(ERR_GET_REASON(code));
    }
    ERR_clear_error();
    return reason == NULL ? "unknown" : reason;
}

static int fail(const struct tls_files *f, const char *member, const char *file)
{
    log_error("tls.file", "%s.%s=%s error=\"%s\"", f->option, member, file, ssl_reason());
    return -1;
}

static char *subject_identity(X509 *certificate)
{
    char *text = NULL;
    struct arena *a = arena_new(IDENTITY_ARENA_BYTES);
    if (a != NULL && certificate != NULL) {
        struct slice identity = identity_of(a, X509_get_subject_name(certificate));
        if (identity.at != NULL && identity.len > 0) {
            text = strndup(identity.at, identity.len);
        }
    }
    arena_free(&a);
    return text;
}

char *tls_identity(const SSL *ssl)
{
    return subject_identity(SSL_get0_peer_certificate(ssl));
}

/* OpenSSL has judged; a peer whose subject names nobody is refused as well. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    if (ok == 1 && X509_STORE_CTX_get_error_depth(store) == 0) {
        char *identity = subject_identity(X509_STORE_CTX_get_current_cert(store));
        if (identity == NULL) {
            X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
            return 0;
        }
        free(identity);
    }
    return ok;
}

static int load_key(SSL_CTX *c, const struct tls_files *f)
{
    struct stat s;
    if (stat(f->key, &s) == -1) {
        log_errno("tls.file", "%s.key=%s", f->option, f->key);
        return -1;
    }
    if ((s.st_mode & S_IRWXO) != 0) {
        log_error("tls.file",
                  "%s.key=%s error=\"everybody may use this file (mode %03o); expected "
                  "that only its owner and group may\"",
                  f->option, f->key, s.st_mode & 0777);
        return -1;
    }
    if (SSL_CTX_use_PrivateKey_file(c, f->key, SSL_FILETYPE_PEM) != 1) {
        return fail(f, "key", f->key);
    }
    return 0;
}

static int load_ca(SSL_CTX *c, const struct tls_files *f)
{
    if (SSL_CTX_load_verify_file(c, f->ca) != 1) {
        return fail(f, "ca", f->ca);
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(f->ca);
    if (names == NULL) {
        return fail(f, "ca", f->ca);
    }
    SSL_CTX_set_client_CA_list(c, names);
    return 0;
}

static int load_crl(SSL_CTX *c, const struct tls_files *f)
{
    if (f->crl[0] == '\0') {
        return 0;
    }
    X509_STORE *store = SSL_CTX_get_cert_store(c);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL || X509_load_crl_file(lookup, f->crl, X509_FILETYPE_PEM) < 1) {
        return fail(f, "crl", f->crl);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

static int load_files(SSL_CTX *c, const struct tls_files *f)
{
    if (SSL_CTX_use_certificate_chain_file(c, f->certificate) != 1) {
        return fail(f, "certificate", f->certificate);
    }
    if (load_key(c, f) == -1) {
        return -1;
    }
    if (SSL_CTX_check_private_key(c) != 1) {
        return fail(f, "key", f->key);
    }
    return load_ca(c, f) == 0 && load_crl(c, f) == 0 ? 0 : -1;
}

SSL_CTX *tls_context(const struct tls_files *files)
{
    static const unsigned char session_context[] = "ezrepo mplane-gw";
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(c, session_context, sizeof session_context - 1) != 1) {
        log_error("tls.context", "error=\"%s\"", ssl_reason());
        SSL_CTX_free(c);
        return NULL;
    }
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(c, SESSION_S);
    /* Sessions are in the tickets that peers keep; a cache of ours would grow with each handshake.
     */
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    /* Programs that only shake hands and leave would otherwise be sent what they never read. */
    SSL_CTX_set_num_tickets(c, 1);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    if (load_files(c, files) == -1) {
        SSL_CTX_free(c);
        return NULL;
    }
    return c;
}

SSL_CTX *tls_client_context(const struct tls_files *files)
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL) {
        log_error("tls.context", "error=\"%s\"", ssl_reason());
        return NULL;
    }
    if (load_files(c, files) == -1) {
        SSL_CTX_free(c);
        return NULL;
    }
    return c;
}

int tls_client_copy(SSL_CTX *to, SSL_CTX *from)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(from, &chain);
    if (SSL_CTX_use_cert_and_key(to, SSL_CTX_get0_certificate(from), SSL_CTX_get0_privatekey(from),
                                 chain, 1) != 1) {
        ERR_clear_error();
        return -1;
    }
    SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(from));
    SSL_CTX_set_verify(to, SSL_VERIFY_PEER, on_verify);
    return 0;
}

char *tls_own_identity(SSL_CTX *c)
{
    return subject_identity(SSL_CTX_get0_certificate(c));
}
