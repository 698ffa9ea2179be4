/* SPDX-License-Identifier: Apache-2.0 */
/* scrypt (RFC 7914), by libcrypto. */
#include "common/access/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>

#include "common/utf8.h"

/* With 32 MiB at a time as much work as N = 2^17, r = 8, p = 1, which takes 128 MiB. */
#define TODAY_LN 15
#define TODAY_R  8
#define TODAY_P  3

#define SALT       16 /* bytes */
#define KEY        32
#define SALT_TEXT  22 /* in base64 without padding */
#define KEY_TEXT   43
#define BASE64_MAX 48

#define MEMORY_MOST ((uint64_t)256 << 20)
#define WORK_MOST   (8 * ((uint64_t)1 << TODAY_LN) * TODAY_R * TODAY_P)

struct hash_parts {
    unsigned ln, r, p;
    uint8_t salt[SALT], key[KEY];
};

const char *password_fault(struct slice password)
{
    const char *at = password.at, *end = password.at + password.len;
    size_t characters = 0;
    if (password.len > PASSWORD_BYTES) {
        return "expected at most 1024 bytes";
    }
    for (size_t length; at < end; at += length, characters++) {
        length = utf8_character(at, end);
        if (length == 0 || utf8_code(at, length) < 0x20 || utf8_code(at, length) == 0x7f) {
            return "expected characters in UTF-8, no control characters";
        }
    }
    return characters < PASSWORD_CHARACTERS ? "expected at least 10 characters" : NULL;
}

/* ---- text ---- */

static void to_base64(const uint8_t *bytes, size_t size, size_t length, char *text)
{
    char padded[BASE64_MAX + 1];
    EVP_EncodeBlock((unsigned char *)padded, bytes, (int)size);
    memcpy(text, padded, length);
    text[length] = '\0';
}

/* Written again it must be the same text: libcrypto takes more than that. */
static bool from_base64(struct slice text, size_t size, size_t length, uint8_t *bytes)
{
    char padded[BASE64_MAX + 1], again[BASE64_MAX + 1];
    unsigned char decoded[BASE64_MAX];
    size_t whole = (length + 3) / 4 * 4;
    if (text.len != length) {
        return false;
    }
    memset(padded, '=', whole);
    memcpy(padded, text.at, length);
    if (EVP_DecodeBlock(decoded, (const unsigned char *)padded, (int)whole) == -1) {
        return false;
    }
    memcpy(bytes, decoded, size);
    to_base64(bytes, size, length, again);
    return memcmp(again, text.at, length) == 0;
}

static bool is_bearable(const struct hash_parts *h)
{
    uint64_t n = h->ln < 32 ? (uint64_t)1 << h->ln : UINT32_MAX;
    return h->ln >= 10 && h->r >= 1 && h->r <= 64 && h->p >= 1 && h->p <= 64 &&
           128 * n * h->r <= MEMORY_MOST && n * h->r * h->p <= WORK_MOST;
}

static bool read_parts(struct slice text, struct hash_parts *h)
{
    char head[64], again[64];
    const char *last = text.at == NULL ? NULL : memrchr(text.at, '$', text.len);
    const char *before = last == NULL ? NULL : memrchr(text.at, '$', (size_t)(last - text.at));
    size_t head_len = before == NULL ? sizeof head : (size_t)(before - text.at);
    if (head_len >= sizeof head) {
        return false;
    }
    memcpy(head, text.at, head_len);
    head[head_len] = '\0';
    if (sscanf(head, "$scrypt$ln=%2u,r=%2u,p=%2u", &h->ln, &h->r, &h->p) != 3) {
        return false;
    }
    snprintf(again, sizeof again, "$scrypt$ln=%u,r=%u,p=%u", h->ln, h->r, h->p);
    struct slice salt = {before + 1, (size_t)(last - before - 1)};
    struct slice key = {last + 1, text.len - (size_t)(last + 1 - text.at)};
    return strcmp(head, again) == 0 && from_base64(salt, SALT, SALT_TEXT, h->salt) &&
           from_base64(key, KEY, KEY_TEXT, h->key) && is_bearable(h);
}

bool password_is_hash(struct slice text)
{
    struct hash_parts h;
    return read_parts(text, &h);
}

/* ---- hashes ---- */

static int derive(struct slice password, const struct hash_parts *h, uint8_t key[KEY])
{
    return EVP_PBE_scrypt(password.len == 0 ? "" : password.at, password.len, h->salt, SALT,
                          (uint64_t)1 << h->ln, h->r, h->p, 2 * MEMORY_MOST, key, KEY) == 1
               ? 0
               : -1;
}

int password_hash(struct slice password, char text[PASSWORD_HASH_SIZE])
{
    struct hash_parts h = {.ln = TODAY_LN, .r = TODAY_R, .p = TODAY_P};
    char salt[BASE64_MAX], key[BASE64_MAX];
    if (RAND_bytes(h.salt, SALT) != 1 || derive(password, &h, h.key) == -1) {
        return -1;
    }
    to_base64(h.salt, SALT, SALT_TEXT, salt);
    to_base64(h.key, KEY, KEY_TEXT, key);
    snprintf(text, PASSWORD_HASH_SIZE, "$scrypt$ln=%u,r=%u,p=%u$%s$%s", h.ln, h.r, h.p, salt, key);
    OPENSSL_cleanse(&h, sizeof h);
    return 0;
}

int password_matches(struct slice password, struct slice hash)
{
    struct hash_parts h;
    uint8_t key[KEY];
    bool is_one = read_parts(hash, &h);
    if (!is_one) {
        h = (struct hash_parts){.ln = TODAY_LN, .r = TODAY_R, .p = TODAY_P};
    }
    int rc = derive(password, &h, key);
    bool same = rc == 0 && CRYPTO_memcmp(key, h.key, KEY) == 0;
    OPENSSL_cleanse(key, sizeof key);
    return rc == -1 ? -1 : same && is_one ? 1 : 0;
}
