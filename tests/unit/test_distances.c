/* SPDX-License-Identifier: Apache-2.0 */
/* stored/periods/distances.h: when it is told that a type's records come too far apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "stored/periods/distances.h"

static void take(struct distances *d, const char *type, int64_t us, bool apart, int times)
{
    struct distance_type *t = distances_type(d, slice_of(type));
    assert_non_null(t);
    for (int i = 0; i < times; i++) {
        distances_take(t, us, apart);
    }
}

static void assert_apart(const struct distances *d, uint32_t i, const char *type, int64_t us)
{
    struct slice found;
    int64_t typical_us;
    if (type == NULL) {
        assert_int_equal(distances_apart(d, i, &found, &typical_us), -1);
        return;
    }
    assert_int_equal(distances_apart(d, i, &found, &typical_us), 0);
    assert_true(slice_is(found, type));
    assert_int_equal(typical_us, us);
}

static void most_decide(void **state)
{
    (void)state;
    struct distances *d = distances_new();
    assert_non_null(d);
    assert_apart(d, 0, NULL, 0);
    take(d, "few", 50, true, 3);
    assert_apart(d, 0, NULL, 0);
    take(d, "half", 50, true, 4);
    take(d, "half", 5, false, 4);
    assert_apart(d, 0, NULL, 0);
    take(d, "half", 50, true, 1);
    take(d, "all", 70, true, 10);
    take(d, "all", 90, true, 10);
    take(d, "all", 80, true, 1);
    assert_apart(d, 0, "half", 50);
    assert_apart(d, 1, "all", 80);
    assert_apart(d, 2, NULL, 0);
    distances_forget(d);
    assert_apart(d, 0, NULL, 0);
    distances_free(&d);
}

/* What was long ago counts for nothing. */
static void only_the_newest(void **state)
{
    (void)state;
    struct distances *d = distances_new();
    assert_non_null(d);
    take(d, "t", 50, true, 1000);
    assert_apart(d, 0, "t", 50);
    take(d, "t", 5, false, 31);
    assert_apart(d, 0, "t", 50);
    take(d, "t", 5, false, 1);
    assert_apart(d, 0, NULL, 0);
    distances_free(&d);
}

static void bounded(void **state)
{
    (void)state;
    char name[32];
    struct distances *d = distances_new();
    assert_non_null(d);
    for (int i = 0; i < DISTANCE_TYPES; i++) {
        snprintf(name, sizeof name, "type %d", i);
        assert_non_null(distances_type(d, slice_of(name)));
    }
    assert_null(distances_type(d, slice_of("one more")));
    assert_non_null(distances_type(d, slice_of("type 7")));
    distances_free(&d);
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_decide),
        cmocka_unit_test(only_the_newest),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
