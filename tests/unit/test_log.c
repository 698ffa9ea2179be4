/* SPDX-License-Identifier: Apache-2.0 */
/* common/log.h: what becomes of lines while nobody reads the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define MOST_BYTES ((size_t)4 << 20)

/* Line by line: under the sanitizers each strstr() looks at all that is left. */
static size_t lines_of(const char *text, const char *with)
{
    size_t n = 0;
    const char *end;
    for (const char *at = text; (end = strchrnul(at, '\n')) > at;
         at = *end == '\0' ? end : end + 1) {
        n += memmem(at, (size_t)(end - at), with, strlen(with)) != NULL;
    }
    return n;
}

/* Appends what can be read to the text. */
static void read_more(int fd, char *text)
{
    size_t have = strlen(text);
    ssize_t n;
    while ((n = read(fd, text + have, MOST_BYTES - have - 1)) > 0) {
        have += (size_t)n;
        text[have] = '\0';
    }
}

static void test_what_is_left_out_is_told(void **state)
{
    (void)state;
    int ends[2], kept = dup(STDERR_FILENO);
    char *text = calloc(1, MOST_BYTES);
    assert_non_null(text);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    log_start("test", 0);
    size_t said = 0;
    for (; log_left_out() < 5; said++) {
        log_info("some.event", "number=%zu", said);
    }
    log_flush(); /* no room yet: nothing is told */
    for (int i = 0; i < 1000 && strstr(text, "log.left_out") == NULL; i++) {
        read_more(ends[0], text);
        log_flush();
    }
    dup2(kept, STDERR_FILENO);
    read_more(ends[0], text);
    assert_non_null(
        strstr(text, "warn test[0] log.left_out lines=5 reason=\"nobody read the log\"\n"));
    assert_int_equal(lines_of(text, "log.left_out"), 1);
    assert_int_equal(lines_of(text, " some.event number="), said - 5);
    assert_int_equal(log_left_out(), 5);
    free(text);
    close(kept);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_left_out_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
