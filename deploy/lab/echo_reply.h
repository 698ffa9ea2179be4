/* SPDX-License-Identifier: Apache-2.0 */
/* Turns an echo request into its reply, in place. Pure: no clock, no sockets. */
#ifndef EZREPO_LAB_ECHO_REPLY_H
#define EZREPO_LAB_ECHO_REPLY_H

#include <stddef.h>
#include <stdint.h>

/* The destination of a packet, as 16 bytes; an IPv4 address stands as ::ffff:a.b.c.d. */
struct echo_address {
    uint8_t bytes[16];
};

/*
 * The address that an ICMP or ICMPv6 echo request (a whole IP packet) asks: 0. -1 when the packet
 * is anything else, is a fragment, has extension headers, is shorter than it claims, or its
 * checksum is wrong.
 */
int echo_request_read(const uint8_t *packet, size_t size, struct echo_address *asked);

/*
 * Makes the reply out of a packet that echo_request_read() took, of the same size: addresses
 * swapped, type changed, a fresh TTL, checksums computed.
 */
void echo_reply_make(uint8_t *packet);

/* "192.0.2.1" or "2001:db8::1": 0, or -1 when the text is no address. */
int echo_address_parse(const char *text, struct echo_address *address);

#endif
