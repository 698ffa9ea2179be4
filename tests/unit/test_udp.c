/* SPDX-License-Identifier: Apache-2.0 */
/* The UDP sockets: which drops are told, and what becomes of what stands in them at the end. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingestd/udp/udp.h"

static struct udp *udp;
static struct sockaddr_in own; /* of its one socket */

/* A free port is found by binding to port 0; the socket is then taken over. */
static int set_up(void **state)
{
    (void)state;
    socklen_t length = sizeof own;
    char endpoint[32];
    int64_t effective;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    own = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &length), 0);
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", (unsigned)ntohs(own.sin_port));
    udp = udp_new();
    assert_non_null(udp);
    assert_true(udp_is_bound_to(fd, endpoint));
    assert_int_equal(udp_adopt(udp, fd, endpoint, 65536, &effective), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    udp_free(&udp);
    return 0;
}

static void send_some(int count)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&own, sizeof own), 1);
    }
    close(fd);
}

static int receive(void)
{
    struct udp_datagram d;
    int n = udp_receive(udp, 0);
    for (int i = 0; i < n; i++) {
        assert_true(udp_next(udp, &d));
        assert_true(slice_is(d.bytes, "x"));
    }
    assert_false(udp_next(udp, &d));
    return n;
}

static void test_the_rest_counts_as_dropped(void **state)
{
    (void)state;
    send_some(3);
    assert_int_equal(receive(), 3);
    send_some(5);
    udp_refuse_new(udp);
    send_some(7); /* nobody's any more */
    assert_int_equal(udp_drops(udp), 0);
    assert_int_equal(udp_drop_rest(udp), 5);
    assert_int_equal(udp_drops(udp), 5);
    assert_int_equal(udp_fd(udp, 0), -1);
    assert_int_equal(udp_unread_bytes(udp), 0);
    assert_int_equal(udp_drop_rest(udp), 0);
    assert_int_equal(udp_drops(udp), 5);
}

/* The kernel's counter wraps at 2^32; of a socket that is closed it tells nothing. */
static void test_a_closed_socket_dropped_nothing_more(void **state)
{
    const uint64_t told[] = {UINT64_C(3) << 30};
    (void)state;
    udp_set_tally(udp, NULL, told, 2);
    udp_close(udp, 0);
    assert_int_equal(udp_drops(udp), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_rest_counts_as_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_closed_socket_dropped_nothing_more, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
