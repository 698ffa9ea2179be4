/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A criterion for one dimension: "*" (or any run of asterisks) is any; for source and dest an
 * address or CIDR prefix; else a glob: '*' any run, '?' one character, '\*', '\?' and '\\' these
 * themselves, all else literal, case-sensitive.
 */
#ifndef EZREPO_PATTERN_H
#define EZREPO_PATTERN_H

#include <stdbool.h>

#include "common/address.h"

enum pattern_kind { PATTERN_ANY, PATTERN_EXACT, PATTERN_GLOB, PATTERN_PREFIX };

struct pattern {
    enum pattern_kind kind;
    struct slice text;    /* as written; must outlive this */
    struct prefix prefix; /* PATTERN_PREFIX */
};

/*
 * addresses: the dimension is source or dest. 0, or -1 when malformed: not UTF-8, a NUL in it,
 * longer than LIMIT_DIMENSION_BYTES, a backslash before anything but '*', '?' and a backslash, or
 * for addresses a prefix that cannot be.
 */
int pattern_compile(struct slice text, bool addresses, struct pattern *pattern);

/* The same for what was published when such backslashes and prefixes were not refused: they are
 * text like any other. */
int pattern_compile_kept(struct slice text, bool addresses, struct pattern *pattern);

/*
 * An address or prefix compares as addresses when the value is an address ("2001:DB8::1" is
 * 2001:db8::1, an IPv4 prefix never holds an IPv6 address), as text when it is none.
 */
bool pattern_matches(const struct pattern *pattern, struct slice value);

/* The same for who has parsed the value already: address is NULL when it is none. */
bool pattern_matches_address(const struct pattern *pattern, struct slice value,
                             const struct address *address);

/* Whether the bytes are UTF-8 without NUL, surrogates and overlong forms: what PostgreSQL takes. */
bool pattern_is_text(struct slice s);

/* The pattern as SQL's LIKE sees it (with backslash as the escape), in the arena. */
struct slice pattern_like(struct arena *a, const struct pattern *pattern);

#endif
