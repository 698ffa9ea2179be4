/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 and IPv6 addresses and prefixes in text. */
#ifndef EZREPO_ADDRESS_H
#define EZREPO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"

#define ADDRESS_TEXT_SIZE 46

struct address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

struct prefix {
    struct address address; /* host bits cleared */
    uint8_t bits;
};

/* 0 when the text is exactly one address (no blanks, no zone, no leading zeros in IPv4), else -1.
 */
int address_parse(struct slice text, struct address *address);

/* The canonical text (RFC 5952 for IPv6), NUL-terminated. */
void address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* The canonical text in the arena when s is an address, else s itself; .at NULL when memory is out.
 */
struct slice address_canonical(struct arena *a, struct slice s);

/*
 * A host as records have it. What is an address becomes its canonical text; brackets around one and
 * a trailing dot are no part of it; a name is lower case. All else, also an address with a port or
 * a zone, is s itself. .at NULL when memory is out.
 */
struct slice address_host(struct arena *a, struct slice s);

/*
 * The address that a host is, or that stands before a port ("192.0.2.1:443", "[2001:db8::1]:443")
 * or a zone ("fe80::1%eth0"): by it the host is found among those of a prefix. 0, or -1.
 */
int address_of_host(struct slice host, struct address *address);

/* "192.0.2.0/24", or an address alone, which is the prefix of all its bits. -1 when it is neither.
 */
int prefix_parse(struct slice text, struct prefix *prefix);

/* False across families. */
bool prefix_contains(const struct prefix *prefix, const struct address *address);

#endif
