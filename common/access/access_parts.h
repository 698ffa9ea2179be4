/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules are while they are in force, for the files of this folder. */
#ifndef EZREPO_ACCESS_PARTS_H
#define EZREPO_ACCESS_PARTS_H

#include "common/access/access.h"
#include "common/pattern.h"
#include "schemas/dimensions.h"

#define ACCESS_ROLES (2 * JSON_MEMBERS) /* as many as two documents can name */

/* "Who matches this pattern has this role", or "what matches this pattern this role may use". */
struct access_rule {
    struct pattern pattern;
    uint32_t role; /* an index of `role` */
};

struct access_rules {
    struct access_rule *rule;
    uint32_t count, size;
};

/* Patterns for the dimensions of a series, all of which it has to fit. */
struct role_criteria {
    struct slice pattern[DIMENSION_COUNT];
};

/* One that fits is enough; without any there is no bound. */
struct role_bound {
    struct role_criteria *at;
    uint32_t count;
};

struct access_role {
    struct slice name;
    struct role_bound sees, delivers;
};

/* The roles of one identity, by their numbers. */
struct role_set {
    bool has[ACCESS_ROLES];
};

/* A token or a key. */
struct credential {
    uint8_t mark[ACCESS_DIGEST]; /* a token's digest; a key's id and NULs */
    struct slice name, identity, secret;
    struct slice *types, *labels;
    struct slice *asks; /* of a token: globs on labels of capabilities */
    uint32_t asks_count;
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
    struct access_role role[ACCESS_ROLES];
    uint32_t role_count;
    bool is_bound; /* one of them is */
    struct access_rules roles, authorizations;
    struct credentials tokens, keys;
};

/* The roles that an identity has. */
void access_find_roles(const struct access *a, struct slice identity, struct role_set *set);

/* Whether a glob on labels could match one that starts with `head`. */
bool access_could_match(struct slice glob, const char *head);

/* "sees" and "delivers" of the object at `at`, added to what the role has; faults are told. */
void role_bounds_read(struct access *a, struct access_role *role, const struct document_place *at);

/* Lists of tokens and of keys; faults are told. */
void credentials_read_tokens(struct access *a, const struct document_place *list);
void credentials_read_keys(struct access *a, const struct document_place *list);

#endif
