/* SPDX-License-Identifier: Apache-2.0 */
/*
 * formats/exact_cases.txt: calculations and what fractions of Python make of them. A file of
 * others, made by formats/exact_cases.py with another seed, can be given instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/formats/exact.h"

#define CASES       2500
#define STACK       16
#define ARENA_BYTES ((size_t)1 << 20)

static const char *cases_path = VECTORS "/formats/exact_cases.txt";

struct calculator {
    struct arena *arena;
    struct exact stack[STACK];
    size_t depth;
};

static int sum_all(struct calculator *c)
{
    struct exact_total total;
    int outcome = EXACT_OK;
    exact_total_begin(&total);
    for (size_t i = 0; i < c->depth && outcome == EXACT_OK; i++) {
        outcome = exact_total_add(&total, &c->stack[i]);
    }
    c->depth = 1;
    return outcome == EXACT_OK ? exact_total_value(c->arena, &total, &c->stack[0]) : outcome;
}

static int two_operands(struct calculator *c, char operator)
{
    assert_true(c->depth >= 2);
    struct exact *x = &c->stack[c->depth - 2], *y = &c->stack[c->depth - 1];
    c->depth--;
    switch (operator) {
    case '+':
        return exact_add(c->arena, x, y, x);
    case '-':
        return exact_sub(c->arena, x, y, x);
    case '*':
        return exact_mul(c->arena, x, y, x);
    case '/':
        return exact_div(c->arena, x, y, x);
    default:
        assert_int_equal(exact_compare(x, y), -exact_compare(y, x));
        *x = exact_of_integer(exact_compare(x, y));
        return EXACT_OK;
    }
}

static int take_step(struct calculator *c, const char *token)
{
    struct exact *top = c->depth == 0 ? NULL : &c->stack[c->depth - 1];
    if (token[0] == '^') {
        return exact_scale(top, atoi(token + 1), top);
    }
    if (strcmp(token, "_") == 0) {
        int64_t n = 0;
        int outcome = exact_floor(top, &n);
        *top = exact_of_integer(n);
        return outcome;
    }
    if (strcmp(token, "S") == 0) {
        return sum_all(c);
    }
    if (strlen(token) == 1 && strchr("+-*/<", token[0]) != NULL) {
        return two_operands(c, token[0]);
    }
    assert_true(c->depth < STACK);
    return exact_of_text(c->arena, slice_of(token), &c->stack[c->depth++]);
}

/* What the calculation comes to, in the words of the file. */
static struct slice answer(struct calculator *c, char *calculation)
{
    char *rest = NULL;
    c->depth = 0;
    for (char *token = strtok_r(calculation, " ", &rest); token != NULL;
         token = strtok_r(NULL, " ", &rest)) {
        int outcome = take_step(c, token);
        if (outcome != EXACT_OK) {
            assert_true(outcome == EXACT_NO_NUMBER || outcome == EXACT_BEYOND);
            return slice_of(outcome == EXACT_BEYOND ? "beyond" : "none");
        }
    }
    return exact_text(c->arena, &c->stack[c->depth - 1]);
}

static void calculations(void **state)
{
    (void)state;
    struct calculator c = {.arena = arena_new(ARENA_BYTES)};
    FILE *file = fopen(cases_path, "r");
    char *line = NULL;
    size_t size = 0, cases = 0;
    assert_non_null(file);
    assert_non_null(c.arena);
    for (ssize_t n; (n = getline(&line, &size, file)) > 0; cases++) {
        line[n - 1] = '\0';
        char *expected = strstr(line, " = ");
        assert_non_null(expected);
        *expected = '\0';
        char *shown = strdup(line);
        struct slice found = answer(&c, line);
        if (!slice_is(found, expected + 3)) {
            fail_msg("%s: expected %s, found %.*s", shown, expected + 3, (int)found.len, found.at);
        }
        free(shown);
        arena_reset(c.arena);
    }
    assert_true(cases >= CASES);
    free(line);
    fclose(file);
    arena_free(&c.arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calculations)};
    if (argc > 1) {
        cases_path = argv[1];
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
