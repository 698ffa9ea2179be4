/*
 * Addresses and prefixes. Reading and writing is the C library's; what is added here is exactness:
 * nothing before, nothing behind, no zone. Pure: never resolves a name.
 */
#include "common/address.h"

#include <arpa/inet.h>
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

void address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    int family = address->family == 6 ? AF_INET6 : AF_INET;
    if (inet_ntop(family, address->bytes, text, ADDRESS_TEXT_SIZE) == NULL) {
        text[0] = '\0';
    }
}

struct slice address_canonical(struct arena *a, struct slice s)
{
    struct address address;
    if (address_parse(s, &address) == -1) {
        return s;
    }
    if (address.family == 4) {
        return s; /* inet_pton() takes no other form, such as one with leading zeros */
    }
    char text[ADDRESS_TEXT_SIZE];
    address_text(&address, text);
    struct slice canonical = slice_of(text);
    /* Nearly always it came in canonical form already: then nothing is copied. */
    return slice_equal(s, canonical) ? s : arena_copy(a, canonical);
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
