/* SPDX-License-Identifier: Apache-2.0 */
/* stored/periods/steady against what a slow reading of the semantics makes of the same records
 * (tests/golden/steady.py). Between any two records the state goes through its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/periods/steady.h"

#define SECOND_US INT64_C(1000000)

struct steady_case {
    long number, line;
    int64_t gap_us, key;
    struct steady state;
    struct steady_rows rows;
    uint32_t compared;
    bool over; /* all records are given */
};

static void through_bytes(struct steady *s)
{
    struct pack p, again;
    pack_init(&p);
    pack_init(&again);
    steady_encode(&p, s);
    struct steady back;
    assert_int_equal(steady_decode(pack_bytes(&p), &back), 0);
    steady_encode(&again, &back);
    assert_int_equal(pack_bytes(&p).len, pack_bytes(&again).len);
    assert_memory_equal(pack_bytes(&p).at, pack_bytes(&again).at, pack_bytes(&p).len);
    *s = back;
    pack_release(&p);
    pack_release(&again);
}

static void give(struct steady_case *c, const char *line)
{
    struct steady_terms t;
    struct steady_record r = {.terms = &t};
    long long start, end;
    unsigned grade, stands;
    assert_int_equal(sscanf(line, "record %lld %lld %u %u %u %u %u %u %u %u %u", &start, &end,
                            &grade, &stands, &t.holds, &t.worse_records, &t.worse_s,
                            &t.better_records, &t.better_s, &t.flap_changes, &t.flap_s),
                     11);
    r.record = (struct period_record){.key = {start * SECOND_US, end * SECOND_US, c->key++},
                                      .t_end_us = end * SECOND_US,
                                      .grade = (uint8_t)grade};
    r.stands = (uint8_t)stands;
    if (c->state.grade != 0) {
        through_bytes(&c->state);
    }
    assert_int_equal(steady_step(&c->state, &r, c->gap_us, &c->rows), 0);
}

static void compare(struct steady_case *c, const char *line)
{
    static const char *const ended[] = {"open", "gap", "grade", "steady"};
    char found[200];
    if (!c->over) { /* those that may still change are the last ones */
        c->over = true;
        c->rows.at = realloc(c->rows.at, (c->rows.count + STEADY_ROWS) * sizeof *c->rows.at);
        memcpy(c->rows.at + c->rows.count, c->state.rows, c->state.row_count * sizeof *c->rows.at);
        c->rows.count += c->state.row_count;
    }
    assert_true(c->compared < c->rows.count);
    const struct steady_row *row = &c->rows.at[c->compared++];
    const struct period *p = &row->period;
    snprintf(found, sizeof found, "period %lld %lld %u %llu %s %d %u\n",
             (long long)(p->start.t_us / SECOND_US), (long long)(p->sum.t_end_us / SECOND_US),
             p->grade, (unsigned long long)p->sum.records, ended[p->ended], p->flap, row->from);
    if (strcmp(found, line) != 0) {
        fail_msg("case %ld, line %ld: found %sexpected %s", c->number, c->line, found, line);
    }
}

static void end_case(struct steady_case *c)
{
    if (c->number > 0) {
        assert_int_equal(c->compared, c->rows.count);
    }
    free(c->rows.at);
}

static void test_as_a_slow_reading(void **state)
{
    struct steady_case c = {0};
    char line[200];
    (void)state;
    FILE *f = fopen(VECTORS "/steady.txt", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        long long gap;
        c.line++;
        if (sscanf(line, "case %lld", &gap) == 1) {
            end_case(&c);
            c = (struct steady_case){
                .number = c.number + 1, .line = c.line, .gap_us = gap * SECOND_US};
        } else if (strncmp(line, "record", 6) == 0) {
            give(&c, line);
        } else {
            compare(&c, line);
        }
    }
    end_case(&c);
    fclose(f);
    assert_true(c.number >= 100);
}

static void test_bytes_that_are_none(void **state)
{
    struct steady s = {0}, back;
    struct steady_rows rows = {0};
    struct steady_record r = {.record = {{1, 1, 1}, 1, 5}};
    struct pack p;
    (void)state;
    assert_int_equal(steady_step(&s, &r, 10, &rows), 0);
    pack_init(&p);
    steady_encode(&p, &s);
    struct slice bytes = pack_bytes(&p);
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(steady_decode((struct slice){bytes.at, i}, &back), -1);
    }
    assert_int_equal(steady_decode(bytes, &back), 0);
    assert_int_equal(steady_last(&back)->period.grade, 5);
    pack_release(&p);
    free(rows.at);
}

/* ---- late records ---- */

#define RECORDS 400

struct drawn_walk {
    struct steady state;
    struct steady_rows settled;
};

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525U + 1013904223U;
    return (uint32_t)((uint64_t)random_state * n >> 32);
}

static void make_records(struct steady_record *records, const struct steady_terms *terms,
                         uint32_t term_count)
{
    int64_t t_us = 0;
    bool calm = true;
    for (int i = 0; i < RECORDS; i++) {
        t_us += (random_below(60) == 0 ? 301 : random_below(90)) * SECOND_US;
        calm = random_below(40) == 0 ? !calm : calm;
        uint32_t which = random_below(term_count + 1);
        records[i] = (struct steady_record){
            .record = {.key = {t_us, t_us, i},
                       .t_end_us = t_us,
                       .grade =
                           (uint8_t)(random_below(calm ? 30 : 2) == 0 ? 2 + random_below(3) : 5)},
            .stands = (uint8_t)(random_below(4) == 0 ? random_below(32) : 0),
            .terms = which == term_count ? NULL : &terms[which]};
    }
}

static void step(struct drawn_walk *w, const struct steady_record *r)
{
    assert_int_equal(steady_step(&w->state, r, 300 * SECOND_US, &w->settled), 0);
}

static void assert_equal_states(const struct steady *a, const struct steady *b)
{
    struct pack p, q;
    pack_init(&p);
    pack_init(&q);
    steady_encode(&p, a);
    steady_encode(&q, b);
    assert_int_equal(pack_bytes(&p).len, pack_bytes(&q).len);
    assert_memory_equal(pack_bytes(&p).at, pack_bytes(&q).at, pack_bytes(&p).len);
    pack_release(&p);
    pack_release(&q);
}

/* From where both are alike, so they stay, and what one has more is told by where rows begin. How
 * many records later that was found: -1: never. */
static int go_along(const struct steady_record *records, const int *late, int late_count)
{
    struct drawn_walk with = {0}, without = {0};
    struct steady_more more = {0}, now;
    int found = -1;
    for (int i = 0; i < RECORDS; i++) {
        bool is_late = false;
        for (int n = 0; n < late_count; n++) {
            is_late = is_late || late[n] == i;
        }
        step(&with, &records[i]);
        if (!is_late) {
            step(&without, &records[i]);
        }
        if (found != -1) {
            struct steady added = without.state;
            bool any = steady_add(&added, &more);
            assert_equal_states(&with.state, &added);
            assert_true(steady_alike(&with.state, &without.state, &now));
            assert_int_equal(any, now.count > 0);
        } else if (i > late[late_count - 1] && steady_alike(&with.state, &without.state, &more)) {
            found = i - late[late_count - 1];
        }
    }
    free(with.settled.at);
    free(without.settled.at);
    return found;
}

static void test_late_records_end_where_states_are_alike(void **state)
{
    static const struct steady_terms terms[] = {{1, 2, 0, 2, 0, 0, 0},
                                                {1, 3, 120, 2, 60, 0, 0},
                                                {0, 0, 0, 0, 0, 2, 240},
                                                {1, 2, 0, 1, 0, 3, 600},
                                                {0, 0, 0, 0, 0, 4, 900}};
    struct steady_record records[RECORDS];
    int found = 0, at_once = 0;
    (void)state;
    for (int i = 0; i < 400; i++) {
        make_records(records, terms, (uint32_t)i % 6);
        int first = (int)random_below(RECORDS / 2);
        const int late[2] = {first, first + 1 + (int)random_below(20)};
        int after = go_along(records, late, 1 + i % 2);
        found += after != -1;
        at_once += after == 1;
    }
    assert_in_range(found, 200, 400);
    assert_in_range(at_once, 50, 399);
}

static void test_what_two_have_more(void **state)
{
    struct steady s = {.row_count = 3};
    struct steady_more more = {.count = 2}, earlier = {.count = 2};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        s.rows[i].period.start = (struct period_key){10 * (i + 1), 0, 0};
    }
    more.at[0].start = s.rows[0].period.start;
    more.at[0].records = 5;
    more.at[1].start = s.rows[2].period.start;
    more.at[1].records = 7;
    earlier.at[0].start = (struct period_key){9, 0, 0}; /* settled */
    earlier.at[0].records = 100;
    earlier.at[1].start = (struct period_key){35, 0, 0}; /* part of the last by now */
    earlier.at[1].records = 2;
    steady_more_join(&s, &more, &earlier);
    assert_int_equal(more.count, 2);
    assert_int_equal(more.at[0].records, 5);
    assert_int_equal(more.at[1].start.t_us, 30);
    assert_int_equal(more.at[1].records, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_slow_reading),
        cmocka_unit_test(test_late_records_end_where_states_are_alike),
        cmocka_unit_test(test_what_two_have_more), cmocka_unit_test(test_bytes_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
