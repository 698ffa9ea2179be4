/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/constraints.json: 138 pairs of a constraint and a value as the SDK decides them. A
 * constraint that the SDK cannot read, and we can, stands in a table with the reason, and the
 * decision per value.
 */
#include "tests/golden/mplane_vectors.h"

#include "common/mplane/constraint.h"

static const struct {
    const char *primitive, *constraint, *value;
    const char *rendered;
    bool met;
    const char *reason;
} read_by_us[] = {
    {"natural", "0...99", "5", "0 ... 99", true, "clear without blanks"},
    {"string", "", "", "*", true, "one SDK takes it for any"},
    {"string", "", "a", "*", true, "one SDK takes it for any"},
    {"boolean", "true", "true", "True", true, "a boolean as JSON has it"},
    {"boolean", "true", "True", "True", true, "a boolean as JSON has it"},
    {"address", "192.0.2.19, 192.0.3.21", "192.0.3.21", "192.0.2.19,192.0.3.21", true,
     "the specification's own example"},
    {"address", "192.0.2.0/24", "192.0.2.5", "192.0.2.0/24", true,
     "the specification's prefix constraint"},
    {"time", "past ... now", "now", "past ... now", true, "all times until now"},
};
#define READ_BY_US (sizeof read_by_us / sizeof read_by_us[0])

static int find(const struct json *c)
{
    for (size_t i = 0; i < READ_BY_US; i++) {
        if (json_is(json_get(c, "prim"), read_by_us[i].primitive) &&
            json_is(json_get(c, "constraint"), read_by_us[i].constraint) &&
            json_is(json_get(c, "value"), read_by_us[i].value)) {
            return (int)i;
        }
    }
    return -1;
}

/* The SDK renders sets in any order: the same members, then, and the same brackets. */
static void check_rendered(struct slice found, struct slice expected, struct slice of)
{
    size_t members = 1, other_members = 1;
    if (slice_equal(found, expected)) {
        return;
    }
    if (found.len != expected.len || memmem(found.at, found.len, " ... ", 5) != NULL) {
        vectors_equal(found, expected, of);
    }
    for (size_t i = 0; i < found.len; i++) {
        members += found.at[i] == ',';
        other_members += expected.at[i] == ',';
    }
    assert_true(members > 1 && members == other_members);
    for (const char *at = found.at, *end = found.at + found.len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t n = (size_t)((comma == NULL ? end : comma) - at);
        const char *in = memmem(expected.at, expected.len, at, n);
        if (in == NULL) {
            vectors_equal(found, expected, of);
        }
        at += n + 1;
    }
}

/* Does the value meet the constraint? For a list, as typed: its values separated by blanks. */
static bool decide(struct arena *a, enum primitive primitive, const struct constraint *constraint,
                   struct slice typed, const struct json *on_wire)
{
    const struct json *wire = on_wire == NULL ? NULL : on_wire->first;
    char error[200];
    struct value v;
    if (!constraint->list) {
        assert_int_equal(value_parse(a, primitive, typed, &v, error, sizeof error), 0);
        bool met = constraint_met(constraint, &v);
        if (met && on_wire != NULL) {
            vectors_equal(v.text, on_wire->text, typed);
        }
        return met;
    }
    bool met = true;
    for (const char *at = typed.at, *end = typed.at + typed.len; at < end;) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        struct slice part = {at, (size_t)((blank == NULL ? end : blank) - at)};
        assert_int_equal(value_parse(a, primitive, part, &v, error, sizeof error), 0);
        met = met && constraint_met(constraint, &v);
        if (on_wire != NULL) {
            assert_non_null(wire);
            vectors_equal(v.text, wire->text, typed);
            wire = wire->next;
        }
        at += part.len + 1;
    }
    assert_true(wire == NULL);
    return met;
}

/* The only value that meets it, or NULL: programs fill it in on their own. */
static const struct value *single_of(const struct constraint *c)
{
    if (c->kind == CONSTRAINT_RANGE && slice_equal(c->low.text, c->high.text)) {
        return &c->low;
    }
    return c->kind == CONSTRAINT_SET && c->member_count == 1 ? &c->members[0] : NULL;
}

static void check_kind(const struct json *c, const struct constraint *constraint)
{
    static const char *const names[] = {[CONSTRAINT_ANY] = "Constraint",
                                        [CONSTRAINT_RANGE] = "RangeConstraint",
                                        [CONSTRAINT_SET] = "SetConstraint",
                                        [CONSTRAINT_PREFIX] = "none"};
    const struct json *single = json_get(c, "single_value");
    const struct value *ours = single_of(constraint);
    assert_true(json_is(json_get(c, "kind"), names[constraint->kind]));
    if (single->type == JSON_NULL) {
        assert_null(ours);
        return;
    }
    assert_non_null(ours);
    if (ours->primitive == PRIMITIVE_TIME && ours->point == WHEN_AT) {
        /* As Python shows it, without the fraction. */
        assert_true(ours->text.len >= single->text.len &&
                    memcmp(ours->text.at, single->text.at, single->text.len) == 0);
        return;
    }
    vectors_equal(ours->text, single->text, single->text);
}

static void check_case(struct arena *a, const struct json *c, size_t *ours)
{
    struct slice text = vectors_text(c, "constraint"), typed = vectors_text(c, "value");
    enum primitive primitive = primitive_parse(vectors_text(c, "prim"));
    struct constraint constraint;
    char error[200] = "";
    int at = find(c),
        status = constraint_parse(a, primitive, text, &constraint, error, sizeof error);
    if (at != -1) {
        assert_non_null(json_get(c, "constraint_error"));
        assert_int_equal(status, 0);
        vectors_equal(constraint_text(a, &constraint), slice_of(read_by_us[at].rendered), text);
        assert_int_equal(decide(a, primitive, &constraint, typed, NULL), read_by_us[at].met);
        ++*ours;
        return;
    }
    if (json_get(c, "constraint_error") != NULL) {
        if (status != -1 || strlen(error) == 0) {
            fail_msg("\"%.*s\" accepted", (int)text.len, text.at);
        }
        return;
    }
    if (status == -1) {
        fail_msg("\"%.*s\": %s", (int)text.len, text.at, error);
    }
    check_rendered(constraint_text(a, &constraint), vectors_text(c, "rendered"), text);
    check_kind(c, &constraint);
    const struct json *satisfied = json_get(c, "satisfied");
    bool met = decide(a, primitive, &constraint, typed, json_get(c, "on_wire"));
    /* The SDK fails where a value cannot be compared: null, another address family, now. Not met.
     */
    assert_true(satisfied != NULL || json_get(c, "error") != NULL);
    if (met != (satisfied != NULL && satisfied->type == JSON_TRUE)) {
        fail_msg("\"%.*s\" against \"%.*s\": found %s", (int)typed.len, typed.at, (int)text.len,
                 text.at, met ? "met" : "not met");
    }
}

static void test_constraints(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 20);
    size_t ours = 0;
    const struct json *cases = vectors_cases(a, "constraints.json", 138);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        check_case(a, c, &ours);
    }
    assert_int_equal(ours, READ_BY_US);
    arena_free(&a);
}

/* What the vectors leave open. */
static void test_more(void **state)
{
    (void)state;
    static const struct {
        enum primitive primitive;
        const char *constraint, *value;
        bool met;
    } cases[] = {
        {PRIMITIVE_ADDRESS, "192.0.2.0/24", "192.0.3.1", false},
        {PRIMITIVE_ADDRESS, "192.0.2.0/24", "*", false},
        {PRIMITIVE_ADDRESS, "2001:db8::/32", "2001:db8:1::1", true},
        {PRIMITIVE_ADDRESS, "2001:db8::/32", "192.0.2.1", false},
        {PRIMITIVE_ADDRESS, "fe80::1%eth0", "fe80::1%eth0", true},
        {PRIMITIVE_ADDRESS, "fe80::1%eth0", "fe80::1%eth1", false},
        {PRIMITIVE_NATURAL, "5,*", "*", true},
        {PRIMITIVE_NATURAL, "18446744073709551614 ... 18446744073709551614", "18446744073709551615",
         false},
        {PRIMITIVE_TIME, "past ... 2016-01-01", "2015-01-01", true},
        {PRIMITIVE_TIME, "2016-01-01 ... future", "2015-01-01", false},
        {PRIMITIVE_TIME, "2016-01-01 ... future", "future", true},
        {PRIMITIVE_STRING, "a...c", "b", false},
    };
    struct arena *a = arena_new(1 << 20);
    struct constraint c;
    struct value v;
    char error[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(constraint_parse(a, cases[i].primitive, slice_of(cases[i].constraint), &c,
                                          error, sizeof error),
                         0);
        assert_int_equal(
            value_parse(a, cases[i].primitive, slice_of(cases[i].value), &v, error, sizeof error),
            0);
        if (constraint_met(&c, &v) != cases[i].met) {
            fail_msg("\"%s\" against \"%s\"", cases[i].value, cases[i].constraint);
        }
    }
    /*
     * Ends that hold dots themselves: turned round, "b ... a ..." would read as another range.
     * Nothing but commas: the empty string as the only member would read as no constraint.
     */
    static const char *const ambiguous[] = {"b ... a ... c", "b ... a ...", "b ... ... a",
                                            "b ...x ... a",  ",",           ",,"};
    for (size_t i = 0; i < sizeof ambiguous / sizeof ambiguous[0]; i++) {
        assert_int_equal(
            constraint_parse(a, PRIMITIVE_STRING, slice_of(ambiguous[i]), &c, error, sizeof error),
            -1);
    }
    /* Each member once; more members than any capability has are refused. */
    assert_int_equal(
        constraint_parse(a, PRIMITIVE_NATURAL, slice_of("1,1.0,2"), &c, error, sizeof error), 0);
    vectors_equal(constraint_text(a, &c), slice_of("1,2"), slice_of("1,1.0,2"));
    char many[2 * CONSTRAINT_MEMBERS + 2];
    memset(many, ',', sizeof many);
    assert_int_equal(constraint_parse(a, PRIMITIVE_STRING, (struct slice){many, sizeof many}, &c,
                                      error, sizeof error),
                     -1);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
