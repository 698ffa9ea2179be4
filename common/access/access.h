/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what. Identities have roles, roles may use capabilities, all of them or as far as some
 * series go; what no rule allows is denied. Tokens and keys stand for an identity that may deliver
 * some types of records, from some addresses, until some time. All of it comes from two documents
 * together: a process's own configuration, and what stored keeps for all of them. Pure; no clock,
 * no sockets.
 */
#ifndef EZREPO_ACCESS_H
#define EZREPO_ACCESS_H

#include "common/address.h"
#include "common/document.h"
#include "schemas/messages.h"

#define ACCESS_CRITERIA    16    /* in one list of a role */
#define ACCESS_RULES       10000 /* of one kind in one document, and tokens, and keys */
#define ACCESS_TYPES       64    /* globs of one token or key; its prefixes as well */
#define ACCESS_NAME_BYTES  128   /* of a token, key or user */
#define ACCESS_KEY_ID      8     /* bytes */
#define ACCESS_SECRET      32    /* bytes */
#define ACCESS_DIGEST      32    /* bytes, SHA-256 */
#define ACCESS_TOKEN_BYTES 47    /* "ezr_" and 32 bytes in base64url without padding */
#define ACCESS_PER_SECOND  1000000

struct access;

/*
 * Reads what is configured, an option of this name: {"roles": {ROLE: [IDENTITY, ...], or
 * {"identities": [IDENTITY, ...], "sees": [CRITERIA, ...], "delivers": [CRITERIA, ...]}},
 * "authorizations": {LABEL: [ROLE, ...]}}, or NULL; and what is stored, JSON text, or .at NULL: the
 * same and "tokens" and "keys", as common/access/README.md has them. An identity and a capability's
 * label are exact or globs (common/pattern.h); a role in "authorizations" must stand in "roles" of
 * the same document. A role of one name is one role, wherever its identities and criteria stand.
 * CRITERIA are patterns by dimension, {"dest": "192.0.2.0/24"}. Everything is copied. NULL after
 * each fault was told; of what is stored by places that begin with a member's name. The caller owns
 * the result.
 */
struct access *access_read(struct document *d, const char *option, const struct json *configured,
                           struct slice stored);
void access_free(struct access **a);

/* Whether this identity may use the capability of this label. An empty identity may use none. */
bool access_allows(const struct access *a, struct slice identity, struct slice label);

/*
 * The globs on labels that this identity may use and that could match one that starts with `head`:
 * how many; -1: there are more than `max`. They live as long as the rules.
 */
int access_globs(const struct access *a, struct slice identity, const char *head,
                 struct slice *globs, uint32_t max);

/*
 * Which series this identity may see by the capability of this label: how many criteria, each
 * DIMENSION_COUNT patterns for a series in `patterns`, one of which it has to fit. Of the roles by
 * which it may use the capability it is the union; 0: one of these sees all. -1: it may not use it,
 * or there are more than LIMIT_SEES, so that it cannot be asked. The patterns live as long as the
 * rules.
 */
int access_sees(const struct access *a, struct slice identity, struct slice label,
                struct slice patterns[LIMIT_SEES * DIMENSION_COUNT]);

/*
 * Tells of each role that may use the capability of this label, and is not bound to series, each
 * glob on identities that have it; .at NULL: it has none. A role's come one after the other; they
 * live as long as the rules.
 */
void access_holders(const struct access *a, struct slice label,
                    void (*tell)(void *context, struct slice role, struct slice identity),
                    void *context);

/*
 * Of which series this identity may deliver records: how many rows of `delivers` as the message
 * deliver has them; 0: of all. -1: there are more than LIMIT_DELIVERS. Of the roles that may
 * deliver a type it is the union; one of these without criteria delivers all of that type. A token
 * or key (`credential`) has its types of itself: then the criteria of all roles count. The rows
 * live as long as the rules.
 */
int access_delivers(const struct access *a, struct slice identity, bool credential,
                    struct slice rows[LIMIT_DELIVERS * DELIVERS_ROW]);

/* Whether any role is bound to series. */
bool access_is_bound(const struct access *a);

/* Why one may deliver nothing who has so many of these (access_globs() by LABEL_COLLECT,
 * access_delivers()), for him to read; NULL: he may. */
const char *access_denied(int globs, int rows);

/* Whether both were read from the same texts. */
bool access_equal(const struct access *a, const struct access *b);

/* How many authorisations there are; 0: nobody may use any capability. */
size_t access_rules(const struct access *a);

/* What a token or a key stands for. It lives as long as the rules. */
struct access_grant {
    const char *reason;         /* why not: "unknown", "ended", "elsewhere"; NULL: granted */
    struct slice name;          /* of the token or key; .at NULL: it is unknown */
    struct slice identity;      /* whose deliveries these are */
    const struct slice *types;  /* globs on record types */
    const struct slice *labels; /* the same behind LABEL_COLLECT, as `deliver` takes them */
    uint32_t types_count;       /* of both; 0: it delivers nothing, but asks */
    const struct slice
        *asks; /* of a token: globs on labels that it may ask by, if its identity may */
    uint32_t asks_count;
    uint64_t per_second; /* requests or datagrams; 0: it does not say */
    struct slice secret; /* of a key, ACCESS_SECRET bytes; .at NULL: it was not told here */
};

/* Whether it can be the name of a token, a key or a user: at most ACCESS_NAME_BYTES letters, digits
 * and . _ - @ : / +. */
bool access_is_name(struct slice name);

/*
 * Whether what was presented is a token that is good at this time from this address; what it
 * grants, or why not. It is found by its digest: what comparing takes tells nothing of any token.
 */
bool access_token(const struct access *a, struct slice token, const struct address *peer,
                  int64_t now_us, struct access_grant *grant);

/* The same for a key by its id. Who named it has yet to show that he has its secret. */
bool access_key(const struct access *a, const uint8_t id[ACCESS_KEY_ID], const struct address *peer,
                int64_t now_us, struct access_grant *grant);

#endif
