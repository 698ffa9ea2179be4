/* SPDX-License-Identifier: Apache-2.0 */
/* deploy/lab/echo_reply.h: what is taken for an echo request, and that its reply is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "deploy/lab/echo_reply.h"

/* From 192.0.2.1 to 192.0.2.2, id 1, sequence 1, 4 bytes of data. */
static const uint8_t request4[] = {0x45, 0,    0, 32, 0, 1,   0,   0,   64,  1,  0xf6,
                                   0xd9, 192,  0, 2,  1, 192, 0,   2,   2,   8,  0,
                                   0x32, 0x37, 0, 1,  0, 1,   'a', 'b', 'c', 'd'};
/* From 2001:db8::1 to 2001:db8::2, the same, 3 bytes of data. */
static const uint8_t request6[] = {
    0x60, 0, 0, 0, 0, 11, 58,  64,   0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,   0,   0,
    0,    0, 0, 0, 0, 0,  1,   0x20, 0x01, 0x0d, 0xb8, 0,    0, 0, 0,   0,   0,
    0,    0, 0, 0, 0, 2,  128, 0,    0x5f, 0x8f, 0,    1,    0, 1, 'a', 'b', 'c'};

static uint32_t ones_sum(uint32_t sum, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* The sum that a right ICMP checksum makes 0xffff. */
static uint32_t icmp_sum(const uint8_t *packet, size_t size)
{
    if (packet[0] >> 4 == 4) {
        return ones_sum(0, packet + 20, size - 20);
    }
    return ones_sum(ones_sum(58 + (uint32_t)(size - 40), packet + 8, 32), packet + 40, size - 40);
}

/* Writes the right ICMP checksum, so that only what a test changes is wrong. */
static void seal(uint8_t *packet, size_t size)
{
    uint8_t *at = packet + (packet[0] >> 4 == 4 ? 22 : 42);
    uint32_t sum;
    at[0] = at[1] = 0;
    sum = ~icmp_sum(packet, size) & 0xffff;
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* The reply to a request, which asks for this address. */
static void answer(uint8_t *packet, const uint8_t *request, size_t size, const char *address)
{
    struct echo_address asked, expected;
    memcpy(packet, request, size);
    seal(packet, size);
    assert_int_equal(echo_request_read(packet, size, &asked), 0);
    assert_int_equal(echo_address_parse(address, &expected), 0);
    assert_memory_equal(&asked, &expected, sizeof asked);
    echo_reply_make(packet);
}

static void test_ip4_reply(void **state)
{
    uint8_t packet[sizeof request4];
    (void)state;
    answer(packet, request4, sizeof packet, "192.0.2.2");
    assert_memory_equal(packet + 12, request4 + 16, 4);
    assert_memory_equal(packet + 16, request4 + 12, 4);
    assert_int_equal(packet[20], 0);
    assert_memory_equal(packet + 24, request4 + 24, 8);
    assert_int_equal(ones_sum(0, packet, 20), 0xffff);
    assert_int_equal(icmp_sum(packet, sizeof packet), 0xffff);
}

static void test_ip6_reply(void **state)
{
    uint8_t packet[sizeof request6];
    (void)state;
    answer(packet, request6, sizeof packet, "2001:db8::2");
    assert_memory_equal(packet + 8, request6 + 24, 16);
    assert_memory_equal(packet + 24, request6 + 8, 16);
    assert_int_equal(packet[40], 129);
    assert_memory_equal(packet + 44, request6 + 44, sizeof packet - 44);
    assert_int_equal(icmp_sum(packet, sizeof packet), 0xffff);
}

/* A wrong length, a fragment, another protocol, type or code, one bit changed: none is a request.
 */
static void test_refused(void **state)
{
    static const struct {
        const uint8_t *request;
        size_t size, at;
        uint8_t value;
    } wrong[] = {
        {request4, sizeof request4, 0, 0x44}, {request4, sizeof request4, 0, 0x4f},
        {request4, sizeof request4, 0, 0x55}, {request4, sizeof request4, 3, 33},
        {request4, sizeof request4, 3, 27},   {request4, sizeof request4, 6, 0x20},
        {request4, sizeof request4, 7, 1},    {request4, sizeof request4, 9, 17},
        {request4, sizeof request4, 20, 0},   {request4, sizeof request4, 21, 1},
        {request6, sizeof request6, 0, 0x70}, {request6, sizeof request6, 5, 12},
        {request6, sizeof request6, 5, 7},    {request6, sizeof request6, 6, 44},
        {request6, sizeof request6, 40, 129}, {request6, sizeof request6, 41, 1},
    };
    struct echo_address asked;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t packet[64];
        memcpy(packet, wrong[i].request, wrong[i].size);
        packet[wrong[i].at] = wrong[i].value;
        packet[0] = wrong[i].request[0];
        seal(packet, wrong[i].size);
        packet[0] = wrong[i].at == 0 ? wrong[i].value : packet[0];
        assert_int_equal(echo_request_read(packet, wrong[i].size, &asked), -1);
    }
}

static void test_every_truncation_and_flip(void **state)
{
    const uint8_t *const requests[] = {request4, request6};
    const size_t sizes[] = {sizeof request4, sizeof request6}, payload[] = {20, 40};
    struct echo_address asked;
    (void)state;
    for (int i = 0; i < 2; i++) {
        uint8_t packet[64];
        memcpy(packet, requests[i], sizes[i]);
        seal(packet, sizes[i]);
        for (size_t size = 0; size < sizes[i]; size++) {
            assert_int_equal(echo_request_read(packet, size, &asked), -1);
        }
        for (size_t bit = payload[i] * 8; bit < sizes[i] * 8; bit++) {
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(echo_request_read(packet, sizes[i], &asked), -1);
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_addresses(void **state)
{
    struct echo_address a;
    (void)state;
    assert_int_equal(echo_address_parse("", &a), -1);
    assert_int_equal(echo_address_parse("192.0.2", &a), -1);
    assert_int_equal(echo_address_parse("2001:db8::g", &a), -1);
    assert_int_equal(echo_address_parse("::ffff:192.0.2.2", &a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip4_reply), cmocka_unit_test(test_ip6_reply),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_every_truncation_and_flip),
        cmocka_unit_test(test_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
