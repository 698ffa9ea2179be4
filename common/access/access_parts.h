/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules are while they are in force, for the files of this folder. */
#ifndef EZREPO_ACCESS_PARTS_H
#define EZREPO_ACCESS_PARTS_H

#include "common/access/access.h"
#include "common/pattern.h"

#define ACCESS_ROLES (2 * JSON_MEMBERS) /* as many as two documents can name */

/* "Who matches this pattern has this role", or "what matches this pattern this role may use". */
struct access_rule {
    struct pattern pattern;
    uint32_t role; /* an index of role_name */
};

struct access_rules {
    struct access_rule *rule;
    uint32_t count, size;
};

/* A token or a key. */
struct credential {
    uint8_t mark[ACCESS_DIGEST]; /* a token's digest; a key's id and NULs */
    struct slice name, identity, secret;
    struct slice *types, *labels;
    struct prefix *from;
    uint32_t types_count, from_count; /* from_count 0: anywhere */
    int64_t until_us;                 /* WHEN_FUTURE: without an end */
    uint64_t per_second;
};

/* Ascending by marks. */
struct credentials {
    struct credential *at;
    uint32_t count;
};

struct access {
    struct arena *arena;
    struct slice configured, stored; /* the documents */
    struct slice role_name[ACCESS_ROLES];
    uint32_t role_count;
    struct access_rules roles, authorizations;
    struct credentials tokens, keys;
};

/* Lists of tokens and of keys; faults are told. */
void credentials_read_tokens(struct access *a, const struct document_place *list);
void credentials_read_keys(struct access *a, const struct document_place *list);

#endif
