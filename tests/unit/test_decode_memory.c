/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders when memory is out: they say so, and nothing is lost of what they said. */
#include "tests/unit/decoded.h"
#include "tests/unit/scarce.h"

/* One of each decoder, and bytes that make its window grow. */
struct scarce_decoder {
    struct format_input *in;
    struct slice text;
    uint64_t documents;
};

static bool decode_all(void *context)
{
    struct scarce_decoder *s = context;
    struct decode *d = decode_new(s->in, NULL, &decoded_limits);
    struct arena *a = arena_new(1 << 20);
    struct slice bytes = s->text;
    struct decode_item item;
    enum decode_event event = d == NULL || a == NULL ? DECODE_NO_MEMORY : DECODE_DOCUMENT;
    s->documents = 0;
    while (event == DECODE_DOCUMENT) {
        event = decode_next(d, &bytes, true, a, &item);
        s->documents += event == DECODE_DOCUMENT;
    }
    /* A document that the arena has no memory for is at fault. */
    assert_true(event == DECODE_END || event == DECODE_NO_MEMORY || event == DECODE_FAULT);
    assert_true(event != DECODE_FAULT ||
                strncmp(item.why, "needs more memory than allowed", 30) == 0);
    if (a != NULL) {
        arena_free(&a);
    }
    decode_free(&d);
    return event == DECODE_END;
}

static void test_decoders(void **state)
{
    static const struct {
        const char *input, *part;
        bool each; /* part is a document */
    } decoders[] = {
        {"{\"decoder\": \"json\"}", "{\"a\": [1, \"b\"]}\n", true},
        {"{\"decoder\": \"lines\", \"patterns\": [\"{a} {b:rest}\"]}", "a b c\n", true},
        {"{\"decoder\": \"blocks\", \"begin\": \"a {b}\", \"lines\": [\"{c}\"]}", "a b\nc\n", true},
        {"{\"decoder\": \"prometheus\"}", "a{b=\"c\"} 1\n", false},
        {"{\"decoder\": \"influx\"}", "a,b=c d=1\n", true},
    };
    static char text[10000];
    struct arena *a = arena_new(1 << 20);
    (void)state;
    decoded_limits.document_bytes = sizeof text;
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        size_t used = 0;
        uint64_t parts = 0;
        while (used + 100 < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", decoders[i].part);
            parts++;
        }
        struct scarce_decoder s = {decoded_input(a, decoders[i].input), slice_of(text), 0};
        assert_in_range(scarce_until(decode_all, &s), 3, 100);
        assert_int_equal(s.documents, decoders[i].each ? parts : 1);
    }
    decoded_limits.document_bytes = 4000;
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decoders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
