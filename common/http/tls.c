/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's context for mutual TLS. Knows nothing of HTTP. */
#include "common/http/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/http/peer_identity.h"
#include "common/log.h"
#include "common/quote.h"
#include "schemas/messages.h"

#define IDENTITY_ARENA_BYTES (256 * 1024)

/* A session may be resumed, without the certificate being judged again, for so many seconds. */
#define SESSION_S 300

/* Of TLS 1.2: only those that authenticate what they encrypt, and whose keys are forgotten. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"

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
        struct slice identity = peer_identity_of(a, X509_get_subject_name(certificate));
        if (identity.at != NULL && identity.len > 0) {
            text = strndup(identity.at, identity.len);
        }
    }
    arena_free(&a);
    return text;
}

/* How many certificates there are from the peer's up to before the CA's; a resumed session has one.
 */
static int chain_length(const SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    return chain == NULL ? 1 : sk_X509_num(chain) > 1 ? sk_X509_num(chain) - 1 : 1;
}

static X509 *chain_at(const SSL *ssl, int i)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    return chain == NULL ? SSL_get0_peer_certificate(ssl) : sk_X509_value(chain, i);
}

/* 0: it cannot be read. */
static int64_t time_us(const ASN1_TIME *time)
{
    struct tm utc = {0};
    return ASN1_TIME_to_tm(time, &utc) != 1 ? 0 : (int64_t)timegm(&utc) * 1000000;
}

int64_t tls_ends_us(const SSL *ssl)
{
    int64_t first_us = INT64_MAX;
    for (int i = 0; i < chain_length(ssl); i++) {
        const X509 *one = chain_at(ssl, i);
        int64_t us = one == NULL ? 0 : time_us(X509_get0_notAfter(one));
        first_us = us < first_us ? us : first_us;
    }
    return first_us;
}

int64_t tls_begins_us(const SSL *ssl)
{
    const X509 *own = SSL_get0_peer_certificate(ssl);
    return own == NULL ? 0 : time_us(X509_get0_notBefore(own));
}

/* Appends the certificate's issuer and serial number to *to, which is moved; or only counts (NULL).
 */
static int add_certificate(const X509 *one, unsigned char **to)
{
    PKCS7_ISSUER_AND_SERIAL *name = PKCS7_ISSUER_AND_SERIAL_new();
    int size = -1;
    if (name != NULL && X509_NAME_set(&name->issuer, X509_get_issuer_name(one)) == 1) {
        ASN1_INTEGER_free(name->serial);
        name->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(one));
        size = name->serial == NULL ? -1 : i2d_PKCS7_ISSUER_AND_SERIAL(name, to);
    }
    PKCS7_ISSUER_AND_SERIAL_free(name);
    return size;
}

struct slice tls_certificates(const SSL *ssl)
{
    const struct slice none = {NULL, 0};
    int size = 0;
    for (int i = 0; i < chain_length(ssl); i++) {
        const X509 *one = chain_at(ssl, i);
        int more = one == NULL ? -1 : add_certificate(one, NULL);
        size = more < 0 ? -1 : size + more;
        if (size < 0 || size > LIMIT_CERTIFICATES) {
            return none;
        }
    }
    unsigned char *made = OPENSSL_malloc((size_t)size), *to = made;
    for (int i = 0; made != NULL && i < chain_length(ssl); i++) {
        add_certificate(chain_at(ssl, i), &to);
    }
    return made == NULL ? none : (struct slice){(const char *)made, (size_t)(to - made)};
}

static bool is_listed(X509_STORE *store, PKCS7_ISSUER_AND_SERIAL *name)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        X509_REVOKED *found = NULL;
        if (list != NULL && X509_NAME_cmp(X509_CRL_get_issuer(list), name->issuer) == 0 &&
            X509_CRL_get0_by_serial(list, &found, name->serial) == 1) {
            return true;
        }
    }
    return false;
}

bool tls_revoked(SSL_CTX *c, struct slice certificates)
{
    if (certificates.len == 0) {
        return false;
    }
    const unsigned char *at = (const unsigned char *)certificates.at;
    const unsigned char *end = at + certificates.len;
    bool revoked = false;
    while (at < end && !revoked) {
        PKCS7_ISSUER_AND_SERIAL *name = d2i_PKCS7_ISSUER_AND_SERIAL(NULL, &at, end - at);
        if (name == NULL) {
            ERR_clear_error();
            return true; /* not to be told apart from one that is */
        }
        revoked = is_listed(SSL_CTX_get_cert_store(c), name);
        PKCS7_ISSUER_AND_SERIAL_free(name);
    }
    return revoked;
}

bool tls_same_certificate(SSL_CTX *a, SSL_CTX *b)
{
    return X509_cmp(SSL_CTX_get0_certificate(a), SSL_CTX_get0_certificate(b)) == 0;
}

static bool has_authority(X509_STORE *store, const X509 *ca)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (one != NULL && X509_cmp(one, ca) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_authorities(X509_STORE *store, X509_STORE *of)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(of);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (one != NULL && !has_authority(store, one)) {
            return false;
        }
    }
    return true;
}

bool tls_same_authorities(SSL_CTX *a, SSL_CTX *b)
{
    X509_STORE *x = SSL_CTX_get_cert_store(a), *y = SSL_CTX_get_cert_store(b);
    return has_authorities(x, y) && has_authorities(y, x);
}

bool tls_trusts(SSL_CTX *c, const SSL *ssl)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *judging = peer == NULL ? NULL : X509_STORE_CTX_new();
    bool trusted = judging != NULL &&
                   X509_STORE_CTX_init(judging, SSL_CTX_get_cert_store(c), peer,
                                       SSL_get_peer_cert_chain(ssl)) == 1 &&
                   X509_STORE_CTX_set_default(judging, "ssl_client") == 1 &&
                   X509_verify_cert(judging) == 1;
    X509_STORE_CTX_free(judging);
    ERR_clear_error();
    return trusted;
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

/* OpenSSL asks for a pass phrase: nobody is there who could give one. */
static int on_pass_phrase(char *buffer, int size, int writing, void *context)
{
    bool *asked = context;
    (void)buffer, (void)size, (void)writing;
    if (asked != NULL) {
        *asked = true;
    }
    return -1;
}

static int load_key(SSL_CTX *c, const struct tls_files *f)
{
    struct stat s;
    bool asked = false;
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
    SSL_CTX_set_default_passwd_cb_userdata(c, &asked);
    int loaded = SSL_CTX_use_PrivateKey_file(c, f->key, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(c, NULL);
    if (loaded != 1 && asked) {
        ERR_clear_error();
        log_error("tls.file",
                  "%s.key=%s error=\"the key is encrypted; expected one without a pass phrase, as "
                  "openssl pkey -in FILE -out NEW writes it\"",
                  f->option, f->key);
        return -1;
    }
    return loaded == 1 ? 0 : fail(f, "key", f->key);
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

static bool has_list(X509_STORE *store, const X509_NAME *issuer)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        if (list != NULL && X509_NAME_cmp(X509_CRL_get_issuer(list), issuer) == 0) {
            return true;
        }
    }
    return false;
}

/* Of whose certificates it is not known whether they are revoked, none is taken. */
static void warn_of_missing_lists(X509_STORE *store, const struct tls_files *f)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        char *name = ca == NULL || has_list(store, X509_get_subject_name(ca))
                         ? NULL
                         : X509_NAME_oneline(X509_get_subject_name(ca), NULL, 0);
        if (name != NULL) {
            log_warn("tls.crl",
                     "%s.crl=%s ca=%s effect=\"it has no list of this CA, whose "
                     "certificates are all refused\"",
                     f->option, f->crl, QUOTED(slice_of(name)));
        }
        OPENSSL_free(name);
    }
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
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    warn_of_missing_lists(store, f);
    return 0;
}

static int load_own(SSL_CTX *c, const struct tls_files *f, bool with_key)
{
    SSL_CTX_set_default_passwd_cb(c, on_pass_phrase);
    int rc = SSL_CTX_use_certificate_chain_file(c, f->certificate) == 1
                 ? 0
                 : fail(f, "certificate", f->certificate);
    if (!with_key) {
        return rc;
    }
    if (load_key(c, f) == -1 || rc == -1) {
        return -1;
    }
    return SSL_CTX_check_private_key(c) == 1 ? 0 : fail(f, "key", f->key);
}

/* All of them are looked at, whatever is wrong with one. */
static int load_files(SSL_CTX *c, const struct tls_files *f, bool with_key)
{
    int own = load_own(c, f, with_key), ca = load_ca(c, f), crl = load_crl(c, f);
    return own == 0 && ca == 0 && crl == 0 ? 0 : -1;
}

static bool name_check(struct document *d, const char *section, const char *member,
                       const char *file)
{
    char option[64];
    if (file == NULL || !tls_is_content(file)) {
        return file != NULL;
    }
    snprintf(option, sizeof option, "%s.%s", section, member);
    document_expected_in(d, option, file, "the name of a file");
    return false;
}

bool tls_names_check(struct document *d, const struct tls_files *f)
{
    bool certificate = name_check(d, f->option, "certificate", f->certificate);
    bool key = name_check(d, f->option, "key", f->key);
    bool ca = name_check(d, f->option, "ca", f->ca);
    bool crl = name_check(d, f->option, "crl", f->crl);
    return certificate && key && ca && crl;
}

int tls_check(const struct tls_files *files)
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_method());
    if (c == NULL) {
        log_error("tls.context", "error=\"%s\"", ssl_reason());
        return -1;
    }
    bool may_read = access(files->key, R_OK) == 0 || (errno != EACCES && errno != EPERM);
    int result = load_files(c, files, may_read);
    SSL_CTX_free(c);
    return result;
}

SSL_CTX *tls_context(const struct tls_files *files)
{
    static const unsigned char session_context[] = "ezrepo";
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, CIPHERS) != 1 ||
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
    SSL_CTX_set_verify(
        c, SSL_VERIFY_PEER | (files->anonymous ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), on_verify);
    if (load_files(c, files, true) == -1) {
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
    if (load_files(c, files, true) == -1) {
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
    if (SSL_CTX_set_cipher_list(to, CIPHERS) != 1) {
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
