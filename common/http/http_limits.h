/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server over HTTPS allows, and what it counts: the same options and the same counters in
 * each process that has one.
 */
#ifndef EZREPO_HTTP_HTTP_LIMITS_H
#define EZREPO_HTTP_HTTP_LIMITS_H

#include <stdint.h>

#include "common/counter.h"
#include "common/histogram.h"

struct http_limits {
    int64_t body_bytes;
    int64_t bodies_bytes;
    int64_t replies_bytes;
    int64_t replies_bytes_per_identity;
    int64_t headers_bytes;
    int64_t handshake_timeout_s;
    int64_t idle_timeout_s;
    int64_t transfer_timeout_s;
    int64_t connections_max;
    int64_t connections_max_per_identity;
    int64_t requests_per_second;
    int64_t requests_burst;
    int64_t request_bytes;
    /* Of a server whose peers may come without a certificate; 0 without a limit. */
    int64_t connections_max_per_address;
    int64_t bodies_bytes_per_address;
    int64_t unknown_per_second;
    int64_t unknown_burst;
};

/* What of it only such a server has. */
#define HTTP_ADDRESS_OPTIONS(NUMBER)                                                               \
    NUMBER(connections_max_per_address, "64", 1, 100000, true,                                     \
           "open connections of one address (IPv6: of one /64) without a certificate; beyond it "  \
           "one that is idle is closed, else the slowest to send its request")                     \
    NUMBER(bodies_bytes_per_address, "8388608", 1024, 8589934592, true,                            \
           "of bodies_bytes, what the connections without a certificate of one address may hold, " \
           "bytes")                                                                                \
    NUMBER(unknown_per_second, "5", 1, 1000000, true,                                              \
           "requests of one address per second with neither certificate nor a token that is good") \
    NUMBER(unknown_burst, "100", 1, 10000000, true,                                                \
           "of them, how many may come at once after a rest")

/* The options that set them: NUMBER(member, preset, min, max, reloadable, help). */
#define HTTP_OPTIONS(NUMBER)                                                                       \
    NUMBER(body_bytes, "4194304", 1024, 67108864, false, "largest body of a request, bytes")       \
    NUMBER(bodies_bytes, "33554432", 1024, 8589934592, true,                                       \
           "memory for bodies that are being received, of all connections, beyond the first 64 "   \
           "KiB of each; then larger ones are read one after the other, bytes")                    \
    NUMBER(replies_bytes, "67108864", 1048576, 8589934592, true,                                   \
           "bytes of replies on their way, of all; beyond it there are receipts instead of "       \
           "answers")                                                                              \
    NUMBER(replies_bytes_per_identity, "16777216", 65536, 8589934592, true,                        \
           "those of one identity; a single answer may be larger")                                 \
    NUMBER(headers_bytes, "16384", 1024, 1048576, false, "largest header of a request, bytes")     \
    NUMBER(handshake_timeout_s, "10", 1, 3600, true, "a TLS handshake takes at most, seconds")     \
    NUMBER(idle_timeout_s, "120", 1, 86400, true,                                                  \
           "a connection without a request is closed after, seconds")                              \
    NUMBER(transfer_timeout_s, "60", 1, 86400, true,                                               \
           "receiving a request or sending an answer takes at most, seconds")                      \
    NUMBER(connections_max, "512", 1, 100000, true,                                                \
           "open connections; beyond it the one idle the longest is closed")                       \
    NUMBER(connections_max_per_identity, "64", 1, 100000, true,                                    \
           "open connections of one identity; beyond it its own idle ones are closed, else the "   \
           "new one")                                                                              \
    NUMBER(requests_per_second, "500", 0, 1000000, true,                                           \
           "requests of one identity per second, each message of an envelope is one; 0 no limit")  \
    NUMBER(requests_burst, "2000", 1, 10000000, true,                                              \
           "requests that an identity may make at once after a rest")                              \
    NUMBER(request_bytes, "65536", 1024, 1073741824, true,                                         \
           "so many bytes of a body, uncompressed, or of its reply count as one more request")

#define HTTP_COUNTERS(COUNTER, GAUGE)                                                              \
    COUNTER(CONNECTIONS_ACCEPTED, "connections.accepted", "", "connections accepted")              \
    GAUGE(CONNECTIONS_OPEN, "connections.open", "", "connections, now")                            \
    COUNTER(CONNECTIONS_EXPIRED, "connections.expired", "",                                        \
            "connections closed because a phase took too long or the peer's certificate "          \
            "ended")                                                                               \
    COUNTER(CONNECTIONS_EVICTED, "connections.evicted", "", "connections closed to make room")     \
    COUNTER(CONNECTIONS_REFUSED, "connections.refused", "",                                        \
            "connections closed because the identity or the address has too many that are busy")   \
    COUNTER(HANDSHAKES_FAILED, "handshakes.failed", "",                                            \
            "no TLS, no or a wrong certificate, left before the end")                              \
    COUNTER(REQUESTS_MALFORMED, "requests.malformed", "",                                          \
            "requests of which it is not certain where they end; their connections were closed")   \
    GAUGE(IDENTITIES, "identities", "",                                                            \
          "identities, tokens and addresses with connections or requests, just now")               \
    GAUGE(BODIES_BYTES, "bodies.bytes", "bytes", "what posted bodies take of their budget, now")   \
    GAUGE(BODIES_WAITING, "bodies.waiting", "",                                                    \
          "posted bodies that wait for room in their budget, now")                                 \
    COUNTER(BODIES_HELD_BACK, "bodies.held_back", "",                                              \
            "posted bodies that had to wait for room in their budget")                             \
    GAUGE(CERTIFICATE_ENDS, "certificate.ends", "timestamp",                                       \
          "when the first ends of our certificate, the authorities and the revocation lists")      \
    GAUGE(REPLIES_BYTES, "replies.bytes", "bytes", "replies on their way, now")                    \
    COUNTER(REPLIES_HELD_BACK, "replies.held_back", "",                                            \
            "answers without room, so that there was a receipt")

#define HTTP_HISTOGRAMS(HISTOGRAM)                                                                 \
    HISTOGRAM(REQUEST, "request.duration", "from a request that has come until its reply has left")

/* In the order of the list, as those of a process that has it. */
enum http_duration { HTTP_HISTOGRAMS(HISTOGRAM_CONSTANT) HTTP_DURATIONS };

#define HTTP_CONSTANT(constant, name, unit, help) HTTP_##constant,
/* In the order of the list, as those of a process that begins its own list with it. */
enum http_counter { HTTP_COUNTERS(HTTP_CONSTANT, HTTP_CONSTANT) HTTP_COUNTER_COUNT };

#endif
