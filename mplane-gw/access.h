/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use which capability: identities have roles, roles may use capabilities. What no rule
 * allows is denied. Pure.
 */
#ifndef EZREPO_GW_ACCESS_H
#define EZREPO_GW_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/document.h"

/* A document with more rules than this is refused. */
#define ACCESS_RULES 10000

struct access;

/*
 * Reads {"roles": {ROLE: [IDENTITY, ...]}, "authorizations": {LABEL: [ROLE, ...]}}. An identity and
 * a capability's label are exact or globs (common/pattern.h); a role in "authorizations" must stand
 * in "roles". NULL stands for a document without rules. Everything is copied. NULL after each
 * fault was told. The caller owns the result.
 */
struct access *access_read(struct document *d, const struct json *option);
void access_free(struct access **a);

/* Whether this identity may use the capability of this label. An empty identity may use none. */
bool access_allows(const struct access *a, struct slice identity, struct slice label);

/*
 * The globs on labels that this identity may use and that could match one that starts with `head`,
 * up to `max` of them: how many. They live as long as the rules.
 */
uint32_t access_globs(const struct access *a, struct slice identity, const char *head,
                      struct slice *globs, uint32_t max);

/* Whether both were read from the same text. */
bool access_equal(const struct access *a, const struct access *b);

/* How many rules it has; 0: nobody may do anything. */
size_t access_rules(const struct access *a);

#endif
