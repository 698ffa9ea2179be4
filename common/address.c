/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and prefixes. Reading and writing is the C library's; what is added here is exactness:
 * nothing before, nothing behind, no zone. Pure: never resolves a name.
 */
#include "common/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

/* Whether the text could begin an address at all: most values that are none end here. */
static bool may_be_address(struct slice text)
{
    if (text.len < 2 || text.len >= ADDRESS_TEXT_SIZE) {
        return false;
    }
    char c = text.at[0];
    return c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int address_parse(struct slice text, struct address *address)
{
    if (!may_be_address(text) || memchr(text.at, '\0', text.len) != NULL) {
        return -1;
    }
    char terminated[ADDRESS_TEXT_SIZE];
    memcpy(terminated, text.at, text.len);
    terminated[text.len] = '\0';

    struct address parsed = {0};
    bool six = memchr(text.at, ':', text.len) != NULL;
    parsed.family = six ? 6 : 4;
    if (inet_pton(six ? AF_INET6 : AF_INET, terminated, parsed.bytes) != 1) {
        return -1;
    }
    *address = parsed;
    return 0;
}

/* The C library writes ::1:2 as if an IPv4 address stood in it; RFC 5952 leaves that to
 * ::ffff:0:0/96.
 */
static bool text_is_compatible(const struct address *address)
{
    static const uint8_t zeros[12];
    const uint8_t *b = address->bytes;
    return address->family == 6 && memcmp(b, zeros, sizeof zeros) == 0 && (b[12] | b[13]) != 0;
}

void address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    const uint8_t *b = address->bytes;
    int family = address->family == 6 ? AF_INET6 : AF_INET;
    if (text_is_compatible(address)) {
        snprintf(text, ADDRESS_TEXT_SIZE, "::%x:%x", (unsigned)b[12] << 8 | b[13],
                 (unsigned)b[14] << 8 | b[15]);
    } else if (inet_ntop(family, b, text, ADDRESS_TEXT_SIZE) == NULL) {
        text[0] = '\0';
    }
}

/* The canonical text of what was parsed from s. */
static struct slice canonical_text(struct arena *a, struct slice s, const struct address *address)
{
    if (address->family == 4) {
        return s; /* inet_pton() takes no other form, such as one with leading zeros */
    }
    char text[ADDRESS_TEXT_SIZE];
    address_text(address, text);
    struct slice canonical = slice_of(text);
    /* Nearly always it came in canonical form already: then nothing is copied. */
    return slice_equal(s, canonical) ? s : arena_copy(a, canonical);
}

struct slice address_canonical(struct arena *a, struct slice s)
{
    struct address address;
    return address_parse(s, &address) == -1 ? s : canonical_text(a, s, &address);
}

/* ---- hosts ---- */

static bool is_port(struct slice text)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        digits++;
    }
    return digits == text.len && digits >= 1 && digits <= 5;
}

static struct slice before(struct slice s, const char *end)
{
    return (struct slice){s.at, (size_t)(end - s.at)};
}

static struct slice from(struct slice s, const char *start)
{
    return (struct slice){start, s.len - (size_t)(start - s.at)};
}

/* "[...]" or "[...]:PORT": what stands in the brackets; whether a port follows. 0, or -1. */
static int open_brackets(struct slice s, struct slice *inner, bool *port)
{
    const char *end = s.len > 2 && s.at[0] == '[' ? memchr(s.at, ']', s.len) : NULL;
    if (end == NULL) {
        return -1;
    }
    struct slice rest = from(s, end + 1);
    *inner = (struct slice){s.at + 1, (size_t)(end - s.at) - 1};
    *port = rest.len > 0;
    return rest.len == 0 || (*rest.at == ':' && is_port(from(rest, rest.at + 1))) ? 0 : -1;
}

/* "fe80::1%eth0": without the zone. */
static struct slice without_zone(struct slice s)
{
    const char *percent = s.len == 0 ? NULL : memchr(s.at, '%', s.len);
    return percent == NULL || percent + 1 == s.at + s.len ? s : before(s, percent);
}

int address_of_host(struct slice host, struct address *address)
{
    struct slice s = host, inner;
    bool port;
    if (address_parse(s, address) == 0) {
        return 0;
    }
    if (open_brackets(s, &inner, &port) == 0) {
        s = inner;
    } else {
        const char *colon = s.len == 0 ? NULL : memchr(s.at, ':', s.len);
        if (colon != NULL && is_port(from(s, colon + 1)) &&
            address_parse(before(s, colon), address) == 0) {
            return 0;
        }
    }
    s = without_zone(s);
    return s.len == host.len || address_parse(s, address) == -1 ? -1 : 0;
}

/* Letters, digits, '-', '_' and dots, perhaps a port: nothing whose case could mean anything. */
static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') {
            return c == ':' && i > 0 && is_port(from(s, s.at + i + 1));
        }
    }
    return s.len > 0;
}

static struct slice lower(struct arena *a, struct slice s)
{
    size_t i = 0;
    while (i < s.len && !(s.at[i] >= 'A' && s.at[i] <= 'Z')) {
        i++;
    }
    if (i == s.len) {
        return s;
    }
    char *copy = arena_alloc(a, s.len);
    if (copy == NULL) {
        return (struct slice){NULL, 0};
    }
    for (size_t k = 0; k < s.len; k++) {
        bool upper = s.at[k] >= 'A' && s.at[k] <= 'Z';
        copy[k] = upper ? (char)(s.at[k] - 'A' + 'a') : s.at[k];
    }
    return (struct slice){copy, s.len};
}

struct slice address_host(struct arena *a, struct slice s)
{
    struct address address;
    struct slice inner;
    bool port;
    if (open_brackets(s, &inner, &port) == 0 && !port && address_of_host(s, &address) == 0) {
        s = inner;
    }
    if (address_parse(s, &address) == 0) {
        return canonical_text(a, s, &address);
    }
    if (s.len > 1 && s.at[s.len - 1] == '.' && s.at[s.len - 2] != '.' && is_name(s)) {
        s.len--;
        if (address_parse(s, &address) == 0) {
            return canonical_text(a, s, &address);
        }
    }
    return is_name(s) ? lower(a, s) : s;
}

/* The decimal number behind the slash, without sign or leading zeros. */
static int prefix_bits(struct slice text, unsigned max, uint8_t *bits)
{
    if (text.len < 1 || text.len > 3 || (text.len > 1 && text.at[0] == '0')) {
        return -1;
    }
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return -1;
        }
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    if (value > max) {
        return -1;
    }
    *bits = (uint8_t)value;
    return 0;
}

static void clear_host_bits(struct prefix *prefix)
{
    for (unsigned i = 0; i < sizeof prefix->address.bytes; i++) {
        unsigned before = i * 8;
        if (before >= prefix->bits) {
            prefix->address.bytes[i] = 0;
        } else if (before + 8 > prefix->bits) {
            prefix->address.bytes[i] &= (uint8_t)(0xff << (before + 8 - prefix->bits));
        }
    }
}

int prefix_parse(struct slice text, struct prefix *prefix)
{
    const char *slash = text.len == 0 ? NULL : memchr(text.at, '/', text.len);
    struct slice address = text;
    if (slash != NULL) {
        address.len = (size_t)(slash - text.at);
    }
    struct prefix parsed = {0};
    if (address_parse(address, &parsed.address) == -1) {
        return -1;
    }
    parsed.bits = parsed.address.family == 6 ? 128 : 32;
    if (slash != NULL) {
        struct slice bits = {slash + 1, text.len - address.len - 1};
        if (prefix_bits(bits, parsed.bits, &parsed.bits) == -1) {
            return -1;
        }
        clear_host_bits(&parsed);
    }
    *prefix = parsed;
    return 0;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
    if (prefix->address.family != address->family) {
        return false;
    }
    unsigned whole = prefix->bits / 8U;
    unsigned rest = prefix->bits % 8U;
    if (memcmp(prefix->address.bytes, address->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((prefix->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}
