/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/people/cookies.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void cookie_name(char name[COOKIE_NAME_SIZE], bool tls, const char *listen)
{
    const char *port = listen == NULL ? NULL : strrchr(listen, ':');
    snprintf(name, COOKIE_NAME_SIZE, "%sezrepo%s%.5s", tls ? "__Host-" : "",
             port == NULL ? "" : "-", port == NULL ? "" : port + 1);
}

bool cookie_is_one(struct slice text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (text.len != COOKIE_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\0' || strchr(digits, text.at[i]) == NULL) {
            return false;
        }
    }
    return true;
}

struct slice cookie_find(const char *header, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, "; \t");
        size_t size = strcspn(at, ";");
        struct slice value = {at + length + 1, size - length - 1};
        if (size > length && strncmp(at, name, length) == 0 && at[length] == '=' &&
            cookie_is_one(value)) {
            return value;
        }
        at += size;
    }
    return (struct slice){NULL, 0};
}

void cookie_set(char text[COOKIE_SET_SIZE], const char *name, const char *value, bool tls,
                int64_t seconds)
{
    snprintf(text, COOKIE_SET_SIZE, "%s=%s; Max-Age=%lld; Path=/; HttpOnly; SameSite=Strict%s",
             name, value, (long long)seconds, tls ? "; Secure" : "");
}

int csrf_token(struct slice secret, char token[CSRF_SIZE])
{
    static const char what[] = "ezrepo: more than a question";
    uint8_t sum[ACCESS_DIGEST];
    size_t size = sizeof sum;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret.at, secret.len,
                  (const unsigned char *)what, sizeof what - 1, sum, sizeof sum, &size) == NULL) {
        return -1;
    }
    credential_base64url(sum, token);
    return 0;
}

bool csrf_is(const char token[CSRF_SIZE], const char *shown)
{
    return shown != NULL && token[0] != '\0' && strlen(shown) == CSRF_SIZE - 1 &&
           CRYPTO_memcmp(shown, token, CSRF_SIZE - 1) == 0;
}

bool origin_is_ours(const char *origin, const char *site, const char *host, bool tls)
{
    static const char secure[] = "https://", plain[] = "http://";
    if (origin == NULL) {
        return site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    }
    size_t length = strncasecmp(origin, secure, sizeof secure - 1) == 0         ? sizeof secure - 1
                    : !tls && strncasecmp(origin, plain, sizeof plain - 1) == 0 ? sizeof plain - 1
                                                                                : 0;
    return length > 0 && host != NULL && strcasecmp(origin + length, host) == 0;
}
