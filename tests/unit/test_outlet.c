/* SPDX-License-Identifier: Apache-2.0 */
/* common/outlet.h: lines that nobody waits for, into a pipe, a socket, and a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/outlet.h"

#define LINE 100

/* Line number n, LINE bytes long. */
static const char *line(unsigned n)
{
    static char text[LINE + 1];
    memset(text, 'x', LINE - 1);
    text[LINE - 1] = '\n';
    text[snprintf(text, 16, "%u", n)] = ' ';
    return text;
}

/* All that can be read now; the caller frees it. */
static char *read_all(int fd, size_t *len)
{
    char *bytes = malloc(4 << 20);
    assert_non_null(bytes);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    *len = 0;
    ssize_t n;
    while ((n = read(fd, bytes + *len, 65536)) > 0) {
        *len += (size_t)n;
    }
    return bytes;
}

/* Writes lines until some are left out, has the reader go on: what comes is every line that was
 * taken, in order. */
static void check_slow_reader(int reader, struct outlet *o)
{
    unsigned written = 0, taken = 0, expected = 0;
    outlet_start(o);
    while (o->left_out < 3) {
        taken += outlet_write(o, line(written++), LINE) == 0;
    }
    assert_int_equal(written, taken + 3);
    assert_true(taken > 10000); /* a megabyte, at least */
    assert_false(outlet_flush(o));
    char *all = malloc((size_t)taken * LINE);
    assert_non_null(all);
    size_t have = 0;
    bool through;
    do {
        through = outlet_flush(o);
        size_t len;
        char *part = read_all(reader, &len);
        assert_true(have + len <= (size_t)taken * LINE);
        memcpy(all + have, part, len);
        free(part);
        have += len;
    } while (!through);
    assert_int_equal(have, (size_t)taken * LINE);
    for (; expected < taken; expected++) {
        assert_memory_equal(all + (size_t)expected * LINE, line(expected), LINE);
    }
    free(all);
    assert_null(o->waiting); /* what was kept for it is given back */
    assert_int_equal(outlet_write(o, line(7), LINE), 0);
    size_t len;
    char *last = read_all(reader, &len);
    assert_int_equal(len, LINE);
    assert_memory_equal(last, line(7), LINE);
    free(last);
    assert_int_equal(o->left_out, 3);
}

static void test_a_pipe_that_nobody_reads(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outlet o = {.fd = ends[1]};
    check_slow_reader(ends[0], &o);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_socket_that_nobody_reads(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct outlet o = {.fd = ends[1]};
    check_slow_reader(ends[0], &o);
    close(ends[0]);
    close(ends[1]);
}

static void test_others_who_share_the_pipe_may_wait(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int shared = dup(ends[1]);
    struct outlet o = {.fd = ends[1]};
    outlet_start(&o);
    assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    close(shared);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_reader_that_is_gone(void **state)
{
    (void)state;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    struct outlet o = {.fd = ends[1]};
    outlet_start(&o);
    unsigned taken = 0;
    while (o.len == 0 || taken % 10 != 0) {
        assert_int_equal(outlet_write(&o, line(taken++), LINE), 0);
    }
    close(ends[0]);
    assert_int_equal(outlet_write(&o, line(taken), LINE), -1);
    assert_true(o.left_out > 1); /* what waited as well */
    assert_null(o.waiting);
    close(ends[1]);
}

static void test_a_file(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    assert_non_null(f);
    struct outlet o = {.fd = fileno(f)};
    outlet_start(&o);
    assert_int_equal(outlet_write(&o, line(1), LINE), 0);
    assert_int_equal(outlet_write(&o, line(2), LINE), 0);
    assert_true(outlet_flush(&o));
    assert_int_equal(lseek(o.fd, 0, SEEK_END), 2 * LINE);
    fclose(f);
    o.fd = open("/dev/full", O_WRONLY);
    assert_int_not_equal(o.fd, -1);
    assert_int_equal(outlet_write(&o, line(3), LINE), -1);
    assert_int_equal(o.left_out, 1);
    close(o.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_pipe_that_nobody_reads),
                                       cmocka_unit_test(test_a_socket_that_nobody_reads),
                                       cmocka_unit_test(test_others_who_share_the_pipe_may_wait),
                                       cmocka_unit_test(test_a_reader_that_is_gone),
                                       cmocka_unit_test(test_a_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
