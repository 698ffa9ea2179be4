/* SPDX-License-Identifier: Apache-2.0 */
/* Reads echo requests and makes replies of them (RFC 792, RFC 4443). Touches nothing but the
 * packet. */
#include "deploy/lab/echo_reply.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum {
    IP4_HEADER = 20,
    IP6_HEADER = 40,
    ICMP_HEADER = 8,
    ICMP4_REPLY = 0,
    ICMP4_REQUEST = 8,
    ICMP6_REQUEST = 128,
    ICMP6_REPLY = 129,
    PROTOCOL_ICMP4 = 1,
    PROTOCOL_ICMP6 = 58,
    REPLY_TTL = 64
};

static size_t read16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void write16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum16(uint32_t sum, const uint8_t *at, size_t size)
{
    size_t i;
    for (i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)read16(at + i);
    if (i < size)
        sum += (uint32_t)at[i] << 8;
    return sum;
}

/* The Internet checksum of a sum: 0 for bytes that hold their own right checksum. */
static uint32_t checksum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static bool is_ip4(const uint8_t *packet)
{
    return packet[0] >> 4 == 4;
}

static size_t ip4_header_size(const uint8_t *packet)
{
    return (size_t)(packet[0] & 0x0f) * 4;
}

/* The sum over ICMPv6's pseudo header: both addresses, the length, the protocol. */
static uint32_t ip6_pseudo_sum(const uint8_t *packet)
{
    return sum16((uint32_t)read16(packet + 4) + PROTOCOL_ICMP6, packet + 8, 32);
}

static int ip4_request_read(const uint8_t *packet, size_t size, struct echo_address *asked)
{
    size_t header = ip4_header_size(packet), total = read16(packet + 2);
    const uint8_t *icmp = packet + header;

    if (header < IP4_HEADER || total != size || total < header + ICMP_HEADER)
        return -1;
    if (read16(packet + 6) & 0x3fff || packet[9] != PROTOCOL_ICMP4)
        return -1;
    if (icmp[0] != ICMP4_REQUEST || icmp[1] != 0 || checksum(sum16(0, icmp, total - header)) != 0)
        return -1;
    memset(asked->bytes, 0, 10);
    memset(asked->bytes + 10, 0xff, 2);
    memcpy(asked->bytes + 12, packet + 16, 4);
    return 0;
}

static int ip6_request_read(const uint8_t *packet, size_t size, struct echo_address *asked)
{
    const uint8_t *icmp = packet + IP6_HEADER;
    size_t payload;

    if (size < IP6_HEADER + ICMP_HEADER)
        return -1;
    payload = read16(packet + 4);
    if (payload != size - IP6_HEADER || packet[6] != PROTOCOL_ICMP6)
        return -1;
    if (icmp[0] != ICMP6_REQUEST || icmp[1] != 0 ||
        checksum(sum16(ip6_pseudo_sum(packet), icmp, payload)) != 0)
        return -1;
    memcpy(asked->bytes, packet + 24, 16);
    return 0;
}

int echo_request_read(const uint8_t *packet, size_t size, struct echo_address *asked)
{
    if (size < IP4_HEADER)
        return -1;
    if (is_ip4(packet))
        return ip4_request_read(packet, size, asked);
    return packet[0] >> 4 == 6 ? ip6_request_read(packet, size, asked) : -1;
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t kept[16];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

void echo_reply_make(uint8_t *packet)
{
    uint8_t *icmp;

    if (is_ip4(packet)) {
        size_t header = ip4_header_size(packet);
        swap(packet + 12, packet + 16, 4);
        packet[8] = REPLY_TTL;
        write16(packet + 10, 0);
        write16(packet + 10, checksum(sum16(0, packet, header)));
        icmp = packet + header;
        icmp[0] = ICMP4_REPLY;
        write16(icmp + 2, 0);
        write16(icmp + 2, checksum(sum16(0, icmp, read16(packet + 2) - header)));
    } else {
        swap(packet + 8, packet + 24, 16);
        packet[7] = REPLY_TTL;
        icmp = packet + IP6_HEADER;
        icmp[0] = ICMP6_REPLY;
        write16(icmp + 2, 0);
        write16(icmp + 2, checksum(sum16(ip6_pseudo_sum(packet), icmp, read16(packet + 4))));
    }
}

int echo_address_parse(const char *text, struct echo_address *address)
{
    if (inet_pton(AF_INET6, text, address->bytes) == 1)
        return 0;
    memset(address->bytes, 0, 10);
    memset(address->bytes + 10, 0xff, 2);
    return inet_pton(AF_INET, text, address->bytes + 12) == 1 ? 0 : -1;
}
