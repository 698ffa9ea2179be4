/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the envelope, and OpenSSL's HMAC. */
#include "common/signed_envelope.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/network_order.h"

#define VERSION     1
#define SHA256_SIZE 32

/* No text in UTF-8 begins so: what is sent to the wrong listener is told at its first byte. */
static const char magic[3] = {'\x89', 'E', 'Z'};

/* Where what stands, in order. */
enum {
    AT_VERSION = sizeof magic,
    AT_FLAGS,
    AT_KEY_ID,
    AT_EPOCH = AT_KEY_ID + SIGNED_KEY_ID_BYTES,
    AT_SEQUENCE = AT_EPOCH + 8,
    AT_TIME = AT_SEQUENCE + 8,
    AT_CONTENT = AT_TIME + 8
};
_Static_assert(AT_CONTENT == SIGNED_HEAD_BYTES, "the head is what stands before the content");

/* ---- codes ---- */

/* A context that has the key: beginning anew with it costs less than to copy one, or to give it the
 * key again. */
struct signed_key {
    EVP_MAC *hmac;
    EVP_MAC_CTX *context;
};

struct signed_key *signed_key_new(const uint8_t secret[SIGNED_SECRET_BYTES])
{
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                                 OSSL_PARAM_construct_end()};
    struct signed_key *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    k->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    k->context = k->hmac == NULL ? NULL : EVP_MAC_CTX_new(k->hmac);
    if (k->context == NULL || EVP_MAC_init(k->context, secret, SIGNED_SECRET_BYTES, params) != 1) {
        signed_key_free(&k);
    }
    return k;
}

void signed_key_free(struct signed_key **k)
{
    if (*k != NULL) {
        EVP_MAC_CTX_free((*k)->context);
        EVP_MAC_free((*k)->hmac);
        free(*k);
        *k = NULL;
    }
}

/* 0, or -1: the library failed. */
static int compute(struct signed_key *k, const char *bytes, size_t size,
                   unsigned char code[SHA256_SIZE])
{
    size_t written = 0;
    return EVP_MAC_init(k->context, NULL, 0, NULL) == 1 &&
                   EVP_MAC_update(k->context, (const unsigned char *)bytes, size) == 1 &&
                   EVP_MAC_final(k->context, code, &written, SHA256_SIZE) == 1 &&
                   written == SHA256_SIZE
               ? 0
               : -1;
}

/* ---- bytes ---- */

size_t signed_write(struct signed_key *k, const struct signed_head *head, struct slice content,
                    char *out)
{
    unsigned char code[SHA256_SIZE];
    size_t end = SIGNED_HEAD_BYTES + content.len;
    if (content.len == 0 || content.len > SIGNED_CONTENT_BYTES) {
        return 0;
    }
    memcpy(out, magic, sizeof magic);
    out[AT_VERSION] = VERSION;
    out[AT_FLAGS] = 0;
    memcpy(out + AT_KEY_ID, head->key_id, SIGNED_KEY_ID_BYTES);
    network_order_put(out + AT_EPOCH, head->epoch);
    network_order_put(out + AT_SEQUENCE, head->sequence);
    network_order_put(out + AT_TIME, (uint64_t)head->time_us);
    memcpy(out + AT_CONTENT, content.at, content.len);
    if (compute(k, out, end, code) == -1) {
        return 0;
    }
    memcpy(out + end, code, SIGNED_CODE_BYTES);
    return end + SIGNED_CODE_BYTES;
}

const char *signed_read(struct slice datagram, struct signed_head *head, struct slice *content)
{
    const char *at = datagram.at;
    if (datagram.len < sizeof magic || memcmp(at, magic, sizeof magic) != 0) {
        return "expected an envelope, found something else";
    }
    if (datagram.len <= SIGNED_FRAME_BYTES) {
        return "expected an envelope with a content, found a shorter one";
    }
    if (at[AT_VERSION] != VERSION || at[AT_FLAGS] != 0) {
        return "expected an envelope of version 1 without flags, found another";
    }
    memcpy(head->key_id, at + AT_KEY_ID, SIGNED_KEY_ID_BYTES);
    head->epoch = network_order_get(at + AT_EPOCH);
    head->sequence = network_order_get(at + AT_SEQUENCE);
    uint64_t time_us = network_order_get(at + AT_TIME);
    if (head->sequence == 0 || head->sequence > SIGNED_SEQUENCE_MOST || time_us > INT64_MAX) {
        return "expected a sequence of 1 ... 2^48-1 and a time, found another number";
    }
    head->time_us = (int64_t)time_us;
    *content = (struct slice){at + AT_CONTENT, datagram.len - SIGNED_FRAME_BYTES};
    return NULL;
}

bool signed_is_true(struct signed_key *k, struct slice datagram)
{
    unsigned char code[SHA256_SIZE];
    size_t end = datagram.len - SIGNED_CODE_BYTES;
    return compute(k, datagram.at, end, code) == 0 &&
           CRYPTO_memcmp(code, datagram.at + end, SIGNED_CODE_BYTES) == 0;
}
