/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/decode.h: JSON, lines, blocks. */
#include "tests/unit/decoded.h"

/* ---- json ---- */

static void test_json(void **state)
{
    (void)state;
    assert_decoded("{\"decoder\": \"json\"}", "", "end");
    assert_decoded("{\"decoder\": \"json\"}", "{\"a\": 1.50}\n[{\"b\": []}, {}]\n{\"c\":\n 1}{}",
                   "1.1:{\"a\":1.50}\n2.2:{\"b\":[]}\n3.2:{}\n4.3:{\"c\":1}\n5.4:{}\nend");
    assert_decoded("{\"decoder\": \"json\"}", "{\"a\": 1, \"a\": 2}\n{\"b\": nan}\n{\"c\": 1}",
                   "1.1!a key that stands twice at byte 12\n"
                   "2.2!lexical error: invalid string in json text. at byte 7\n"
                   "3.3:{\"c\":1}\nend");
    assert_decoded("{\"decoder\": \"json\", \"nan\": \"null\", \"duplicates\": \"list\"}",
                   "{\"a\": 1, \"a\": 2}{\"b\": nan}", "1.1:{\"a\":[1,2]}\n2.1:{\"b\":null}\nend");
}

static void test_json_faults(void **state)
{
    (void)state;
    assert_decoded("{\"decoder\": \"json\"}", "{\"a\": [1}\n{\"b\": 2}\nx\n[{\"c\": 3}, 7]",
                   "1.1-10!expected \"]\", found \"}\" in line 1\n"
                   "2.2:{\"b\":2}\n"
                   "3.3-3!expected \"{\" where a document begins\n"
                   "4.4:{\"c\":3}\n"
                   "5.4-2!expected \"{\" where a document begins\nend");
}

static void test_json_reach(void **state)
{
    static const struct json_reach whole = {.whole = true};
    static const struct json_reach_member a = {SLICE("a"), &whole, NULL};
    static const struct json_reach some = {.members[1] = &a};
    static char text[3500];
    (void)state;
    decoded_limits.json.nodes = 3;
    size_t used = (size_t)snprintf(text, sizeof text, "{\"out\": [");
    for (int i = 0; i < 1000; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? "," : "", i % 10);
    }
    snprintf(text + used, sizeof text - used, "], \"a\": [1]}\n{\"a\": [1, 2]}");
    assert_decoded_bytes("{\"decoder\": \"json\"}", &some, slice_of(text),
                         "1.1:{\"a\":[1]}\n2.2!more values than allowed at byte 11\nend");
    decoded_limits.json.nodes = 100000;
}

/* ---- lines ---- */

#define LINES                                                                                      \
    "{\"decoder\": \"lines\", \"patterns\": [\"{host} : {rtts:rest}\", \"{t:int}[: {l}]\", "       \
    "\"bare\"], \"ignore\": [\"ICMP {:rest}\", \"[ ]{:int} alive\"], \"split\": {\"rtts\": \" "    \
    "\"}}"

static void test_lines(void **state)
{
    (void)state;
    assert_decoded(LINES, "", "end");
    assert_decoded(LINES, "\n \t\r\n\n", "end");
    assert_decoded(LINES,
                   "a : 1 - 2.5\nICMP x\n\nb   : 1  2 \r\n7\n  8 alive\n8: x\nbare\n 9 alive",
                   "1.1:{\"host\":\"a\",\"rtts\":[\"1\",\"-\",\"2.5\"]}\n"
                   "2.4+1:{\"host\":\"b\",\"rtts\":[\"1\",\"\",\"2\",\"\"]}\n"
                   "3.5:{\"t\":\"7\"}\n"
                   "4.7+1:{\"t\":\"8\",\"l\":\"x\"}\n"
                   "5.8:{}\n"
                   "end+1");
    assert_decoded(LINES, "a : ", "1.1:{\"host\":\"a\",\"rtts\":[\"\"]}\nend");
}

static void test_lines_at_fault(void **state)
{
    (void)state;
    assert_decoded(LINES, "7\nICMP y\nnobody takes this\n8\n",
                   "1.1:{\"t\":\"7\"}\n"
                   "2.3+1!expected a line that a pattern takes or ignores, found \"nobody takes "
                   "this\"\n"
                   "3.4:{\"t\":\"8\"}\nend");
    decoded_limits.line_bytes = 10;
    assert_decoded(LINES, "1234567890\n12345678901\n1\n123456789\r\n1234567890\r\n12345678901",
                   "1.1:{\"t\":\"1234567890\"}\n"
                   "2.2-11!expected a line of at most 10 bytes, found 11\n"
                   "3.3:{\"t\":\"1\"}\n"
                   "4.4:{\"t\":\"123456789\"}\n"
                   "5.5-11!expected a line of at most 10 bytes, found 11\n"
                   "6.6-11!expected a line of at most 10 bytes, found 11\n"
                   "end");
    decoded_limits.line_bytes = 400;
}

static void test_lines_that_are_no_text(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "7\n\xff\n\0\n8\0\n9\0:\n1\r\n\xc3\xa9 : \xc3\xa9\n\0";
    (void)state;
    assert_decoded_bytes(LINES, NULL, (struct slice){text, sizeof text - 1},
                         "1.1:{\"t\":\"7\"}\n"
                         "2.2!expected a line of UTF-8 without NUL\n"
                         "3.4:{\"t\":\"8\"}\n"
                         "4.5!expected a line of UTF-8 without NUL\n"
                         "5.6:{\"t\":\"1\"}\n"
                         "6.7:{\"host\":\"\xc3\xa9\",\"rtts\":[\"\xc3\xa9\"]}\nend");
}

static void test_limits_of_trees(void **state)
{
    (void)state;
    decoded_limits.json.nodes = 5;
    decoded_limits.json.string_bytes = 4;
    assert_decoded(LINES, "a : 1 2\na : 1 2 3\na : 12345\n7",
                   "1.1:{\"host\":\"a\",\"rtts\":[\"1\",\"2\"]}\n"
                   "2.2!more values than allowed\n"
                   "3.3!a text longer than allowed\n"
                   "4.4:{\"t\":\"7\"}\nend");
    decoded_limits.json.nodes = 100000;
    decoded_limits.json.string_bytes = 1000;
}

/* Many lines, which the window is filled with several times. */
static void test_many_lines(void **state)
{
    struct arena *a = arena_new(1 << 20), *tree = arena_new(1 << 16);
    struct format_input *in = decoded_input(a, LINES);
    struct decode *d = decode_new(in, NULL, &decoded_limits);
    struct decode_item item;
    uint64_t n = 0, line = 0;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char text[200];
        snprintf(text, sizeof text, "%d\nICMP %d\n%d.%d : 1 2 3\nx%d\n%s", i, i, i, i, i,
                 i % 50 == 0 ? "ICMP                                                        \n"
                             : "\n");
        struct slice bytes = slice_of(text);
        enum decode_event event;
        while ((event = decode_next(d, &bytes, false, tree, &item)) != DECODE_MORE) {
            assert_true(event == DECODE_DOCUMENT || event == DECODE_FAULT);
            assert_int_equal(item.number, ++n);
            assert_int_equal(item.line, line + (n % 3 == 1 ? 1 : n % 3 == 2 ? 3 : 4));
            assert_int_equal(event == DECODE_FAULT, n % 3 == 0);
            line += n % 3 == 0 ? 5 : 0;
            arena_reset(tree);
        }
    }
    assert_int_equal(n, 9000);
    decode_free(&d);
    arena_free(&tree);
    arena_free(&a);
}

/* ---- blocks ---- */

#define PING                                                                                       \
    "{\"decoder\": \"blocks\", \"begin\": [\"PING {name:host}[ ]({addr:host})\", \"begin "         \
    "{name}\"],"                                                                                   \
    " \"lines\": [\"\\\\[{time_first:num}\\\\] \", \"{loss:num}% loss\", \"ttl {ttl:int}\"]}"

static void test_blocks(void **state)
{
    (void)state;
    assert_decoded(PING, "", "end");
    assert_decoded(PING, "before\n\n", "end");
    assert_decoded(PING, "PING a(192.0.2.1) 56 bytes",
                   "1.1:{\"name\":\"a\",\"addr\":\"192.0.2.1\"}\nend");
    assert_decoded(
        PING,
        "x\nPING a (192.0.2.1) 56\n[1.5] y\n[2.5] y\nttl 1\nother\nttl 2 z\n33% loss\n"
        "begin b\r\n\r\nbegin c\n5% loss, more",
        "1.2:{\"name\":\"a\",\"addr\":\"192.0.2.1\",\"time_first\":\"1.5\",\"ttl\":\"2\","
        "\"loss\":\"33\"}\n"
        "2.9:{\"name\":\"b\"}\n"
        "3.11:{\"name\":\"c\",\"loss\":\"5\"}\nend");
}

#define TRACE                                                                                      \
    "{\"decoder\": \"blocks\", \"begin\": \"to {dest} from {src}\", \"lines\": [{\"pattern\": "    \
    "\"{hop:int} {rest:rest}\", \"into\": \"hops\"}, {\"pattern\": \"mtu {mtu}\", \"into\": "      \
    "\"mtus\"}, \"at {at}\"], \"end\": [\"end {code:int}\", \"abort\"], \"strict\": true, "        \
    "\"ignore\": [\"#\"], \"split\": {\"rest\": \" \", \"src\": \".\"}}"

/* Lines that are gathered, the end of a block, what stands outside. */
static void test_lists_and_ends(void **state)
{
    (void)state;
    assert_decoded(
        TRACE,
        "to d from a.b\n1 x y\nat 7\n2 z\nmtu 3\n? *\nat 8\nend 5\n# c\n\nto e from f\nabort",
        "1.1:{\"hops\":[{\"hop\":\"1\",\"rest\":[\"x\",\"y\"]},{\"hop\":\"2\",\"rest\":[\"z\"]}],"
        "\"mtus\":[{\"mtu\":\"3\"}],\"dest\":\"d\",\"src\":[\"a\",\"b\"],\"at\":\"8\",\"code\":"
        "\"5\"}\n"
        "2.11+1:{\"dest\":\"e\",\"src\":[\"f\"]}\nend");
    /* What follows an end belongs to no block; the end itself can be the last line. */
    assert_decoded(TRACE, "1 x\nto d from f\nend 1\n1 x\n#\nto e from f\nat 1\nend 2\n2 y\n# z",
                   "1.1!expected a line that begins a block or is ignored, found \"1 x\"\n"
                   "2.2:{\"dest\":\"d\",\"src\":[\"f\"],\"code\":\"1\"}\n"
                   "3.4!expected a line that begins a block or is ignored, found \"1 x\"\n"
                   "4.6+1:{\"dest\":\"e\",\"src\":[\"f\"],\"at\":\"1\",\"code\":\"2\"}\n"
                   "5.9!expected a line that begins a block or is ignored, found \"2 y\"\n"
                   "end+1");
}

static void test_lines_at_fault_in_blocks(void **state)
{
    (void)state;
    decoded_limits.line_bytes = 20;
    assert_decoded(
        TRACE,
        "\xff\nto d from f\n1 \xff\n1 x\n2 aaaaaaaaaaaaaaaaaaaaaaaaaaa\n3 z\nend 1\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaa\nto e from f\n",
        "1.1!expected a line of UTF-8 without NUL\n"
        "2.3!expected a line of UTF-8 without NUL\n"
        "2.5-29!expected a line of at most 20 bytes, found 29\n"
        "2.2:{\"hops\":[{\"hop\":\"1\",\"rest\":[\"x\"]},{\"hop\":\"3\",\"rest\":[\"z\"]}],"
        "\"dest\":\"d\",\"src\":[\"f\"],\"code\":\"1\"}\n"
        "3.8-27!expected a line of at most 20 bytes, found 27\n"
        "4.9:{\"dest\":\"e\",\"src\":[\"f\"]}\nend");
    decoded_limits.line_bytes = 400;
}

static void test_blocks_that_are_too_large(void **state)
{
    (void)state;
    decoded_limits.document_bytes = 30;
    assert_decoded(TRACE, "to d from f\n1 aaaaaaaaaaa\n2 b\n3 c\nto e from f\n1 aaaaaaaaaaaaaaa\n",
                   "1.1!expected a block of at most 30 bytes\n"
                   "2.5:{\"hops\":[{\"hop\":\"1\",\"rest\":[\"aaaaaaaaaaaaaaa\"]}],\"dest\":\"e\","
                   "\"src\":[\"f\"]}\nend");
    assert_decoded(TRACE, "to d from f\n1 aaaaaaaaaaa\n2 b\n3 c\nend 1\n4 d\n",
                   "1.1!expected a block of at most 30 bytes\n"
                   "2.6!expected a line that begins a block or is ignored, found \"4 d\"\nend");
    decoded_limits.document_bytes = 4000;
    decoded_limits.json.nodes = 3;
    assert_decoded(PING, "begin b\nttl 1\nttl 2\nttl 3\nbegin c\nttl 1\n3% loss\n[1] ",
                   "1.1:{\"name\":\"b\",\"ttl\":\"3\"}\n2.5!more values than allowed\nend");
    decoded_limits.json.nodes = 100000;
}

/* The bytes of each are what stood there. */
static void test_bytes(void **state)
{
    static const char text[] = "to d from f\r\n1 x\nto e from f\nend 1\n\nto g from h";
    static const char *const expected[] = {"to d from f\r\n1 x\n", "to e from f\nend 1\n",
                                           "to g from h"};
    struct arena *a = arena_new(1 << 20);
    struct decode *d = decode_new(decoded_input(a, TRACE), NULL, &decoded_limits);
    struct decode_item item;
    struct slice bytes = slice_of(text);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(decode_next(d, &bytes, true, a, &item), DECODE_DOCUMENT);
        assert_true(slice_is(item.bytes, expected[i]));
    }
    assert_int_equal(decode_next(d, &bytes, true, a, &item), DECODE_END);
    assert_int_equal(decode_next(d, &bytes, true, a, &item), DECODE_END);
    decode_free(&d);
    arena_free(&a);
}

/* A document that the arena has no room for is a fault; the next one is read. */
static void test_small_arena(void **state)
{
    static const char *const inputs[] = {"{\"decoder\": \"json\"}", LINES, TRACE,
                                         "{\"decoder\": \"prometheus\"}",
                                         "{\"decoder\": \"influx\"}"};
    static const char *const texts[] = {"{\"a\": [1, 2]}", "a : 1 2", "to d from f\n1 x\n",
                                        "a{b=\"c\"} 1 2", "a,b=c d=1,e=\"x\" 5"};
    struct arena *a = arena_new(1 << 20);
    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct format_input *in = decoded_input(a, inputs[i]);
        enum decode_event event = DECODE_FAULT;
        for (size_t bytes = 16; event != DECODE_DOCUMENT; bytes += 16) {
            struct arena *small = arena_new(bytes);
            struct decode *d = decode_new(in, NULL, &decoded_limits);
            struct decode_item item;
            struct slice text = slice_of(texts[i]);
            event = decode_next(d, &text, true, small, &item);
            assert_true(event == DECODE_DOCUMENT || event == DECODE_FAULT);
            assert_true(event == DECODE_DOCUMENT ||
                        strncmp(item.why, "needs more memory than allowed", 30) == 0);
            assert_int_equal(decode_next(d, &text, true, small, &item), DECODE_END);
            assert_in_range(bytes, 16, 10000);
            decode_free(&d);
            arena_free(&small);
        }
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_faults),
        cmocka_unit_test(test_json_reach),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_at_fault),
        cmocka_unit_test(test_lines_that_are_no_text),
        cmocka_unit_test(test_limits_of_trees),
        cmocka_unit_test(test_many_lines),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_lists_and_ends),
        cmocka_unit_test(test_lines_at_fault_in_blocks),
        cmocka_unit_test(test_blocks_that_are_too_large),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_small_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
