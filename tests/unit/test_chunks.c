/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in chunks: what is malformed, however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/chunks.h"

#define HEAD "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static const char *look(const char *text, size_t step, char room[CHUNKS_FAULT])
{
    struct chunks c = {.state = CHUNKS_HEAD};
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += step) {
        chunks_look(&c, (struct slice){text + at, length - at < step ? length - at : step});
    }
    return chunks_fault(&c, room);
}

/* That the fault ends so; "": there is none. */
static void ends(const char *text, const char *end)
{
    char room[CHUNKS_FAULT];
    for (size_t step = 1; step < 120; step++) {
        const char *fault = look(text, step, room);
        size_t length = strlen(fault), of = strlen(end);
        assert_true(end[0] == '\0' ? length == 0
                                   : length > of && strcmp(fault + length - of, end) == 0);
    }
}

static void test_good(void **state)
{
    (void)state;
    ends(HEAD "5\r\nhello\r\n0\r\n\r\n", "");
    ends(HEAD "00A \r\n0123456789\r\n0\r\nX: trailer zz\r\n\r\nzz\r\n", "");
    ends(HEAD "5\nhello\n0\n\n", "");
    ends(HEAD "ffffffffffffffffffffff\r\n", ""); /* too large, which is not asked here */
    ends("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nzz\r\n", "");
    ends("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nzz\r\n", "");
    ends("POST / HTTP/1.1\r\nTransfer-Encoding:\t CHUNKED \r\n\r\n0\r\n\r\n", "");
}

static void test_malformed(void **state)
{
    (void)state;
    ends(HEAD "zz\r\n", "found \"zz\" as the size of chunk 1");
    ends(HEAD "\r\n", "found \"\" as the size of chunk 1");
    ends(HEAD "-1\r\n", "found \"-1\" as the size of chunk 1");
    ends(HEAD "0x5\r\nhello\r\n", "found \"0x5\" as the size of chunk 1");
    ends(HEAD "5\r\nhello\r\n3;a=b\r\nabc\r\n", "found \"3;a=b\" as the size of chunk 2");
    ends(HEAD "3\r\nabc5\r\nhello\r\n", "found \"5\" behind the bytes of chunk 1");
    ends(HEAD "1\r\nx\x01-\"-\x7f\r\n", "found \"?-?-?\" behind the bytes of chunk 1");
    ends(HEAD "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              "xx\r\n",
         "found \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" as the size of chunk 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good),
                                       cmocka_unit_test(test_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
