/* SPDX-License-Identifier: Apache-2.0 */
/* common/mplane/members and envelope: which member is which, and the walk through envelopes. */
#include "common/mplane/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena == NULL ? -1 : 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct json *parse(const char *text)
{
    static const struct json_limits limits = {JSON_DEPTH, 10000, 1000, false};
    char error[200];
    const struct json *tree = json_parse(arena, slice_of(text), &limits, error, sizeof error);
    if (tree == NULL) {
        fail_msg("%s: %s", text, error);
    }
    return tree;
}

/* The writer goes by them: mPlane programs sort the keys. */
static void test_keys_are_sorted(void **state)
{
    (void)state;
    for (int i = 1; i < MPLANE_KEY_COUNT; i++) {
        assert_true(strcmp(mplane_key_name((enum mplane_key)(i - 1)),
                           mplane_key_name((enum mplane_key)i)) < 0);
    }
}

/* Each key of each kind is found alone, and no other beside it. */
static void test_each_key(void **state)
{
    (void)state;
    struct mplane_members m;
    for (int i = 0; i < MPLANE_KEY_COUNT; i++) {
        const char *name = mplane_key_name((enum mplane_key)i);
        mplane_members_sort(
            parse(arena_printf(arena, "{\"x\":1,\"%s\":\"v\",\"%ss\":2}", name, name)), &m);
        uint32_t kinds = 0;
        for (int k = 0; k < MPLANE_KINDS; k++) {
            bool is = mplane_kind_key((enum mplane_kind)k) == (enum mplane_key)i;
            kinds += is;
            assert_true(!is || m.kind == (enum mplane_kind)k);
        }
        assert_int_equal(m.kinds, kinds);
        for (int j = 0; j < MPLANE_KEY_COUNT; j++) {
            /* "results" is a key as well as "result". */
            bool there = j == i || (i == MPLANE_KEY_RESULT && j == MPLANE_KEY_RESULTS);
            assert_int_equal(m.at[j] != NULL, there);
        }
        assert_true(slice_is(mplane_members_text(&m, (enum mplane_key)i), "v"));
    }
}

static void test_kinds(void **state)
{
    (void)state;
    struct mplane_members m;
    mplane_members_sort(parse("{\"label\":5,\"result\":\"a\",\"envelope\":null}"), &m);
    assert_int_equal(m.kinds, 2);
    assert_null(mplane_members_text(&m, MPLANE_KEY_LABEL).at);
    assert_null(mplane_members_text(&m, MPLANE_KEY_TOKEN).at);
    mplane_members_sort(parse("{\"indirection\":\"a\"}"), &m);
    assert_int_equal(m.kinds, 0);
    mplane_members_sort(parse("[{\"result\":\"a\"}]"), &m);
    assert_int_equal(m.kinds, 0);
    assert_int_equal(m.message->type, JSON_ARRAY);
    mplane_members_sort(NULL, &m);
    assert_int_equal(m.kinds, 0);
}

static void test_can_open(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool can;
    } cases[] = {
        {"{\"envelope\":\"m\",\"contents\":[]}", true},
        {"{\"contents\":[{}],\"envelope\":null,\"result\":\"m\"}", true},
        {"{\"envelope\":\"m\",\"contents\":{}}", false},
        {"{\"envelope\":\"m\"}", false},
        {"{\"result\":\"m\",\"contents\":[]}", false},
        {"[]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mplane_members m;
        mplane_members_sort(parse(cases[i].text), &m);
        const struct mplane_place last = {MPLANE_NESTING - 1, {0}}, beyond = {MPLANE_NESTING, {0}};
        assert_int_equal(mplane_can_open(&m), cases[i].can);
        assert_int_equal(mplane_opens(&m, &last), cases[i].can);
        assert_false(mplane_opens(&m, &beyond));
    }
}

/* What was met: each message's label and place. */
struct met {
    uint32_t deepest;
    const char *stop; /* label of the message that ends the walk */
    char text[1000];
};

static enum mplane_step meet(void *context, const struct mplane_members *m,
                             const struct mplane_place *place)
{
    struct met *met = context;
    size_t used = strlen(met->text);
    struct slice label = mplane_members_text(m, MPLANE_KEY_LABEL);
    snprintf(met->text + used, sizeof met->text - used, "%s%.*s;",
             mplane_place_prefix(arena, place), SLICE_SHOWN(label, 20));
    if (met->stop != NULL && slice_is(label, met->stop)) {
        return MPLANE_STOP;
    }
    return mplane_can_open(m) && place->depth < met->deepest ? MPLANE_OPEN : MPLANE_GO_ON;
}

static const char nested[] =
    "{\"envelope\":\"m\",\"label\":\"a\",\"contents\":["
    "{\"label\":\"b\"},"
    "{\"envelope\":\"m\",\"label\":\"c\",\"contents\":[{\"label\":\"d\"},7,{\"label\":\"e\"}]},"
    "{\"envelope\":\"m\",\"label\":\"f\",\"contents\":[]},"
    "{\"label\":\"g\"}]}";

static void test_walk(void **state)
{
    (void)state;
    static const struct {
        uint32_t deepest;
        const char *stop;
        int outcome;
        const char *met;
    } cases[] = {
        {0, NULL, 0, "a;"},
        {1, NULL, 0, "a;contents[0].b;contents[1].c;contents[2].f;contents[3].g;"},
        {2, NULL, 0,
         "a;contents[0].b;contents[1].c;contents[1].contents[0].d;contents[1].contents[1].;"
         "contents[1].contents[2].e;contents[2].f;contents[3].g;"},
        {2, "d", -1, "a;contents[0].b;contents[1].c;contents[1].contents[0].d;"},
        {2, "a", -1, "a;"},
        {2, "g", -1,
         "a;contents[0].b;contents[1].c;contents[1].contents[0].d;contents[1].contents[1].;"
         "contents[1].contents[2].e;contents[2].f;contents[3].g;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct met met = {.deepest = cases[i].deepest, .stop = cases[i].stop};
        assert_int_equal(mplane_walk(parse(nested), meet, &met), cases[i].outcome);
        assert_string_equal(met.text, cases[i].met);
    }
}

/* A place has as many steps as there is room for, each whole. */
static void test_place_in_little_room(void **state)
{
    (void)state;
    static const struct mplane_place place = {2, {1, 4294967295}};
    char text[64];
    assert_int_equal(mplane_place_text(&place, text, sizeof text), 32);
    assert_string_equal(text, "contents[1].contents[4294967295]");
    for (size_t size = 1; size < sizeof text; size++) {
        size_t length = mplane_place_text(&place, text, size);
        assert_true(length < size);
        assert_int_equal(length, strlen(text));
        assert_true(length == 0 || length == 11 || length == 32);
    }
    struct arena *full = arena_new(1);
    assert_string_equal(mplane_place_prefix(full, &place), "");
    arena_free(&full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_sorted),
        cmocka_unit_test(test_each_key),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_can_open),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_place_in_little_room),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
