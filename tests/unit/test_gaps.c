/* SPDX-License-Identifier: Apache-2.0 */
/* stored/periods/gaps.h: which gap holds for a type, of the three who may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stored/periods/gaps.h"

#define S(n) (INT64_C(1000000) * (n))

static const char delivered[] =
    "{\"types\": {\"ping\": {\"interval_s\": 300}, \"OTT\": {}, \"new\": {\"interval_s\": 10}}}";

static struct record_types *types_with(const char *own)
{
    const struct record_types_source sources[] = {
        {.name = "delivered", .bytes = slice_of(delivered)},
        {.name = "own", .bytes = slice_of(own), .own = true}};
    struct record_types *t = record_types_read_sources(sources, 2);
    assert_non_null(t);
    return t;
}

static void assert_gaps(const char *own, const struct kept_gap *kept, uint32_t kept_count,
                        const struct kept_gap *expected, uint32_t count)
{
    struct gaps g = {NULL, NULL, 0, 0};
    struct record_types *t = types_with(own);
    assert_int_equal(gaps_decide(&g, t, kept, kept_count), 0);
    record_types_free(&t); /* nothing of it is needed any more */
    for (uint32_t i = 0; i < count; i++) {
        if (gaps_of(&g, expected[i].type) != expected[i].us) {
            fail_msg("%s: expected %lld, found %lld", expected[i].type.at,
                     (long long)expected[i].us, (long long)gaps_of(&g, expected[i].type));
        }
    }
    for (uint32_t i = 0; i < g.count; i++) {
        assert_true(i == 0 ? g.at[i].type.len == 0 : g.at[i].type.len > 0);
    }
    gaps_release(&g);
}

static void a_new_store_has_what_is_delivered(void **state)
{
    (void)state;
    const struct kept_gap expected[] = {{slice_of("ping"), S(750)},
                                        {slice_of("OTT"), S(900)},
                                        {slice_of("new"), S(25)},
                                        {slice_of("unknown"), S(900)},
                                        {slice_of(""), S(900)}};
    assert_gaps("{}", NULL, 0, expected, 5);
}

/* What was said of all others before holds also for types that were not named then. */
static void a_store_of_before_keeps_its_gaps(void **state)
{
    (void)state;
    const struct kept_gap kept[] = {
        {slice_of("gone"), S(60)}, {slice_of(""), S(300)}, {slice_of("ping"), S(200)}};
    const struct kept_gap expected[] = {{slice_of("ping"), S(200)},    {slice_of("OTT"), S(300)},
                                        {slice_of("new"), S(300)},     {slice_of("gone"), S(60)},
                                        {slice_of("unknown"), S(300)}, {slice_of(""), S(300)}};
    assert_gaps("{}", kept, 3, expected, 6);
    struct gaps g = {NULL, NULL, 0, 0};
    struct record_types *t = types_with("{}");
    assert_int_equal(gaps_decide(&g, t, kept, 3), 0);
    assert_int_equal(g.kept, 5); /* all of them would become others */
    assert_int_equal(gaps_decide(&g, t, NULL, 0), 0);
    assert_int_equal(g.kept, 0);
    record_types_free(&t);
    gaps_release(&g);
}

static void what_the_operator_says_goes_first(void **state)
{
    (void)state;
    const struct kept_gap kept[] = {{slice_of(""), S(300)}, {slice_of("ping"), S(300)}};
    const struct kept_gap of_types[] = {{slice_of("ping"), S(2500)},
                                        {slice_of("speedtest"), S(4500)},
                                        {slice_of("OTT"), S(300)},
                                        {slice_of("unknown"), S(300)}};
    assert_gaps(
        "{\"types\": {\"ping\": {\"interval_s\": 1000}, \"speedtest\": {\"interval_s\": 1800},"
        " \"OTT\": {\"aliases\": {}}}}",
        kept, 2, of_types, 4);
    /* Of all others: also of those that are named and have no interval. */
    const struct kept_gap of_all[] = {{slice_of("ping"), S(300)},
                                      {slice_of("OTT"), S(70)},
                                      {slice_of("new"), S(300)},
                                      {slice_of("unknown"), S(70)}};
    assert_gaps("{\"gap_s\": 70}", kept, 2, of_all, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_has_what_is_delivered),
        cmocka_unit_test(a_store_of_before_keeps_its_gaps),
        cmocka_unit_test(what_the_operator_says_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
