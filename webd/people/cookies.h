/* SPDX-License-Identifier: Apache-2.0 */
/* The cookie of a session, and what a page of ours shows that a page of others cannot. Pure. */
#ifndef EZREPO_COOKIES_H
#define EZREPO_COOKIES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/access/credential_text.h"

#define COOKIE_BYTES     (CREDENTIAL_URL_SIZE - 1) /* 32 random bytes in base64url */
#define COOKIE_NAME_SIZE 24
#define COOKIE_SET_SIZE  184
#define CSRF_SIZE        CREDENTIAL_URL_SIZE

/*
 * What the cookie of a webd is called that listens there ("ADDRESS:PORT"; NULL: nowhere): cookies
 * are for all ports of a host (RFC 6265, section 8.5), and on it may be several sets. Over TLS its
 * name has a browser take it only over TLS, of this host and for all of it.
 */
void cookie_name(char name[COOKIE_NAME_SIZE], bool tls, const char *listen);

/* The value of the cookie of this name in a header of cookies (NULL: there is none); .at NULL: none
 * is there that could be one. */
struct slice cookie_find(const char *header, const char *name);

/* Whether the text has the form of what a cookie, or a ticket, says. */
bool cookie_is_one(struct slice text);

/* What sets it for so many seconds; 0 takes it away. */
void cookie_set(char text[COOKIE_SET_SIZE], const char *name, const char *value, bool tls,
                int64_t seconds);

/* The token that a request has to show that is more than a question, by the secret of who asks: a
 * cookie's value. 0, or -1: memory is out. */
int csrf_token(struct slice secret, char token[CSRF_SIZE]);

/* Whether what was shown (NULL: nothing) is the token. */
bool csrf_is(const char token[CSRF_SIZE], const char *shown);

/*
 * Whether a request came from a page of our own, as far as it says: by `origin`, which must be the
 * host it was sent to, over TLS where we have that (else a proxy on this machine may have); without
 * one by `site` (Sec-Fetch-Site). Who says neither is no browser.
 */
bool origin_is_ours(const char *origin, const char *site, const char *host, bool tls);

#endif
