/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text and back, by libcrypto where it has it. */
#include "common/access/credential_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char token_head[] = "ezr_";
static const char hex_digits[] = "0123456789abcdef";

void credential_base64(const uint8_t bytes[ACCESS_SECRET], char text[CREDENTIAL_BASE64_SIZE])
{
    EVP_EncodeBlock((unsigned char *)text, bytes, ACCESS_SECRET);
}

/* libcrypto takes blanks around it, and any bits behind the last byte: written again, it must be
 * the same text. */
int credential_unbase64(struct slice text, uint8_t bytes[ACCESS_SECRET])
{
    unsigned char decoded[ACCESS_SECRET + 1];
    char again[CREDENTIAL_BASE64_SIZE];
    if (text.len != CREDENTIAL_BASE64_SIZE - 1 ||
        EVP_DecodeBlock(decoded, (const unsigned char *)text.at, (int)text.len) !=
            ACCESS_SECRET + 1) {
        return -1;
    }
    credential_base64(decoded, again);
    int rc = CRYPTO_memcmp(again, text.at, text.len) == 0 ? 0 : -1;
    memcpy(bytes, decoded, ACCESS_SECRET);
    OPENSSL_cleanse(decoded, sizeof decoded);
    OPENSSL_cleanse(again, sizeof again);
    return rc;
}

void credential_base64url(const uint8_t bytes[ACCESS_SECRET], char text[CREDENTIAL_URL_SIZE])
{
    char padded[CREDENTIAL_BASE64_SIZE];
    credential_base64(bytes, padded);
    for (size_t i = 0; i < CREDENTIAL_URL_SIZE - 1; i++) {
        text[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i];
    }
    text[CREDENTIAL_URL_SIZE - 1] = '\0';
    OPENSSL_cleanse(padded, sizeof padded);
}

void credential_token(const uint8_t bytes[ACCESS_SECRET], char token[ACCESS_TOKEN_BYTES + 1])
{
    memcpy(token, token_head, sizeof token_head - 1);
    credential_base64url(bytes, token + sizeof token_head - 1);
}

int credential_sha256(struct slice text, uint8_t digest[ACCESS_DIGEST])
{
    size_t size = ACCESS_DIGEST;
    return EVP_Q_digest(NULL, "SHA256", NULL, text.at, text.len, digest, &size) == 1 ? 0 : -1;
}

int credential_digest(struct slice token, uint8_t digest[ACCESS_DIGEST])
{
    return token.len == ACCESS_TOKEN_BYTES && slice_starts(token, token_head)
               ? credential_sha256(token, digest)
               : -1;
}

void credential_hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = hex_digits[bytes[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

static int hex_value(char c)
{
    const char *at = c == '\0' ? NULL : strchr(hex_digits, c);
    return at == NULL ? -1 : (int)(at - hex_digits);
}

int credential_unhex(struct slice text, uint8_t *bytes, size_t size)
{
    if (text.len != 2 * size) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text.at[2 * i]), low = hex_value(text.at[2 * i + 1]);
        if (high == -1 || low == -1) {
            return -1;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return 0;
}
