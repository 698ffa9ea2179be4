/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, digests, ids and secrets as text. Pure. */
#ifndef EZREPO_CREDENTIAL_TEXT_H
#define EZREPO_CREDENTIAL_TEXT_H

#include <stdint.h>

#include "common/access/access.h"

#define CREDENTIAL_HEX_SIZE    (2 * ACCESS_DIGEST + 1)
#define CREDENTIAL_BASE64_SIZE 45 /* of ACCESS_SECRET bytes, with the NUL */

#define CREDENTIAL_URL_SIZE 44 /* the same in base64url without padding */

/* What stands in a URL or a cookie for these bytes; and SHA-256 of a text such as that: 0, or -1
 * when memory is out. */
void credential_base64url(const uint8_t bytes[ACCESS_SECRET], char text[CREDENTIAL_URL_SIZE]);
int credential_sha256(struct slice text, uint8_t digest[ACCESS_DIGEST]);

/* The token that these bytes are. */
void credential_token(const uint8_t bytes[ACCESS_SECRET], char token[ACCESS_TOKEN_BYTES + 1]);

/* SHA-256 of a token's text. -1 when it has not the form of one, or memory is out. */
int credential_digest(struct slice token, uint8_t digest[ACCESS_DIGEST]);

/* Exactly `size` bytes, in small hexadecimal digits; text has 2 * size + 1 of room. 0, or -1. */
int credential_unhex(struct slice text, uint8_t *bytes, size_t size);
void credential_hex(const uint8_t *bytes, size_t size, char *text);

/* A secret in base64 with its padding. 0, or -1. */
int credential_unbase64(struct slice text, uint8_t bytes[ACCESS_SECRET]);
void credential_base64(const uint8_t bytes[ACCESS_SECRET], char text[CREDENTIAL_BASE64_SIZE]);

#endif
