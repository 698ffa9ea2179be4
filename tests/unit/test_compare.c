/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored/compare: for random records, with what is stored damaged at random and cut into windows at
 * random, the differences found are exactly those that turn what is stored into what the records
 * say, whatever the windows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stored/beside/compare.h"

#define GAP  100
#define MOST 200

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* What is stored, or should be. */
struct compared_store {
    struct period periods[MOST];
    struct period_event events[MOST];
    uint32_t period_count, event_count;
};

static void compute(const struct period_record *records, uint32_t count, struct compared_store *s)
{
    struct period open = {.grade = 0}, before;
    memset(s, 0, sizeof *s);
    for (uint32_t i = 0; i < count; i++) {
        if (period_step(&open, &records[i], GAP, &before)) {
            if (before.grade != 0) {
                s->periods[s->period_count++] = before;
            }
            s->events[s->event_count++] = period_event(&before, &open);
        }
    }
    if (open.grade != 0) {
        s->periods[s->period_count++] = open;
    }
}

static void drop_period(struct compared_store *s, uint32_t i)
{
    s->period_count--;
    memmove(&s->periods[i], &s->periods[i + 1], (s->period_count - i) * sizeof s->periods[0]);
}

static void drop_event(struct compared_store *s, uint32_t i)
{
    s->event_count--;
    memmove(&s->events[i], &s->events[i + 1], (s->event_count - i) * sizeof s->events[0]);
}

static void damage(struct compared_store *s)
{
    for (uint32_t n = random_below(6); n > 0; n--) {
        uint32_t p = random_below(s->period_count + 1), e = random_below(s->event_count + 1);
        switch (random_below(6)) {
        case 0:
            if (p < s->period_count) {
                drop_period(s, p);
            }
            break;
        case 1:
            if (p < s->period_count) {
                s->periods[p].sum.records++;
            }
            break;
        case 2:
            if (p < s->period_count) {
                s->periods[p].start.key++; /* no record starts there */
            }
            break;
        case 3:
            if (e < s->event_count) {
                drop_event(s, e);
            }
            break;
        case 4:
            if (e < s->event_count) {
                s->events[e].from = (uint8_t)(s->events[e].from % 5 + 1);
            }
            break;
        default:
            if (e < s->event_count) {
                s->events[e].at.key++;
            }
            break;
        }
    }
}

static uint32_t make_records(struct period_record *records)
{
    uint32_t count = random_below(60);
    int64_t t = 0;
    for (uint32_t i = 0; i < count; i++) {
        t += 1 + random_below(random_below(5) == 0 ? 300 : 40);
        records[i] =
            (struct period_record){{t, 0}, t + random_below(50), (uint8_t)(1 + random_below(2))};
    }
    return count;
}

/* What of `s` lies behind `after` and not behind `end`, and the twin of `now`. */
static void cut(const struct compared_store *s, const struct period_key *after,
                const struct period_key *end, const struct period *now, struct compared_store *part)
{
    memset(part, 0, sizeof *part);
    for (uint32_t i = 0; i < s->period_count; i++) {
        const struct period_key *key = &s->periods[i].start;
        bool within = period_key_compare(key, after) > 0 && period_key_compare(key, end) <= 0;
        if (within || (now->grade != 0 && period_key_compare(key, &now->start) == 0)) {
            part->periods[part->period_count++] = s->periods[i];
        }
    }
    for (uint32_t i = 0; i < s->event_count; i++) {
        const struct period_key *key = &s->events[i].at;
        if (period_key_compare(key, after) > 0 && period_key_compare(key, end) <= 0) {
            part->events[part->event_count++] = s->events[i];
        }
    }
}

static void compare(const struct period_record *records, uint32_t count,
                    const struct compared_store *kept, struct differences *found)
{
    static struct compared_store part;
    struct compare c = {.grade_id = 7, .gap_us = GAP, .from = {INT64_MIN, 0}};
    struct period_key at = {INT64_MIN, 0};
    for (uint32_t i = 0, n; i <= count; i += n) {
        n = 1 + random_below(20);
        bool last = i + n > count;
        n = last ? count - i : n;
        struct period_key end = last ? (struct period_key){INT64_MAX, 0} : records[i + n - 1].key;
        cut(kept, &at, &end, &c.now, &part);
        const struct compare_window window = {.records = records + i,
                                              .stored = part.periods,
                                              .events = part.events,
                                              .record_count = n,
                                              .stored_count = part.period_count,
                                              .event_count = part.event_count,
                                              .last = last};
        assert_int_equal(compare_window(&c, &window, found), 0);
        at = end;
        if (last) {
            break;
        }
    }
}

static int compare_periods(const void *a, const void *b)
{
    return period_key_compare(&((const struct period *)a)->start,
                              &((const struct period *)b)->start);
}

static int compare_events(const void *a, const void *b)
{
    return period_key_compare(&((const struct period_event *)a)->at,
                              &((const struct period_event *)b)->at);
}

static void put_right_period(struct compared_store *s, const struct difference *d)
{
    const struct period *was = &d->period.was, *is = &d->period.is;
    for (uint32_t i = 0; d->how != DIFFERENCE_MISSING; i++) {
        assert_true(i < s->period_count);
        if (period_key_compare(&s->periods[i].start, &was->start) == 0) {
            assert_int_equal(s->periods[i].sum.records, was->sum.records);
            drop_period(s, i);
            break;
        }
    }
    if (d->how != DIFFERENCE_SURPLUS) {
        s->periods[s->period_count++] = *is;
    }
}

static void put_right_event(struct compared_store *s, const struct difference *d)
{
    for (uint32_t i = 0; d->how != DIFFERENCE_MISSING; i++) {
        assert_true(i < s->event_count);
        if (period_key_compare(&s->events[i].at, &d->event.was.at) == 0) {
            assert_int_equal(s->events[i].from, d->event.was.from);
            drop_event(s, i);
            break;
        }
    }
    if (d->how != DIFFERENCE_SURPLUS) {
        s->events[s->event_count++] = d->event.is;
    }
}

static bool is_same(const struct compared_store *a, const struct compared_store *b)
{
    bool same = a->period_count == b->period_count && a->event_count == b->event_count;
    for (uint32_t i = 0; same && i < a->period_count; i++) {
        const struct period *x = &a->periods[i], *y = &b->periods[i];
        same = period_key_compare(&x->start, &y->start) == 0 &&
               period_sum_equal(&x->sum, &y->sum) && x->grade == y->grade && x->ended == y->ended;
    }
    for (uint32_t i = 0; same && i < a->event_count; i++) {
        const struct period_event *x = &a->events[i], *y = &b->events[i];
        same = period_key_compare(&x->at, &y->at) == 0 && x->from == y->from && x->to == y->to;
    }
    return same;
}

static void differences_lead_to_what_the_records_say(void **state)
{
    static struct period_record records[MOST];
    static struct compared_store right, kept;
    uint32_t damaged = 0;
    (void)state;
    for (seed = 1; seed < 20000; seed++) {
        const uint64_t this_seed = seed;
        struct differences found = {0};
        uint32_t count = make_records(records);
        compute(records, count, &right);
        kept = right;
        damage(&kept);
        qsort(kept.periods, kept.period_count, sizeof kept.periods[0], compare_periods);
        qsort(kept.events, kept.event_count, sizeof kept.events[0], compare_events);
        bool was_same = is_same(&kept, &right);
        damaged += !was_same;
        compare(records, count, &kept, &found);
        assert_int_equal(was_same, found.count == 0);
        for (uint32_t i = 0; i < found.count; i++) {
            assert_int_equal(found.at[i].grade_id, 7);
            if (found.at[i].of_event) {
                put_right_event(&kept, &found.at[i]);
            } else {
                put_right_period(&kept, &found.at[i]);
            }
        }
        qsort(kept.periods, kept.period_count, sizeof kept.periods[0], compare_periods);
        qsort(kept.events, kept.event_count, sizeof kept.events[0], compare_events);
        if (!is_same(&kept, &right)) {
            fail_msg("seed %llu", (unsigned long long)this_seed);
        }
        differences_release(&found);
        seed = this_seed;
    }
    assert_true(damaged > 10000);
}

/* What lies before `from` is not looked at, and the period before it counts for the first event. */
static void what_lies_before_from_is_believed(void **state)
{
    const struct period_record records[] = {
        {{10, 0}, 10, 5}, {{20, 0}, 20, 4}, {{30, 0}, 30, 4}, {{40, 0}, 40, 3}};
    const struct period stored[] = {{{5, 0}, {9, 9}, 1, PERIOD_GAP},
                                    {{20, 0}, {30, 2}, 4, PERIOD_GRADE},
                                    {{40, 0}, {40, 1}, 3, PERIOD_OPEN}};
    const struct period_event events[] = {{{3, 0}, 1, 1}, {{20, 0}, 5, 4}, {{40, 0}, 4, 3}};
    struct compare c = {.gap_us = GAP,
                        .from = {20, 0},
                        .before = {.start = {10, 0}, .grade = 5, .ended = PERIOD_GRADE}};
    const struct compare_window window = {.records = records,
                                          .stored = stored,
                                          .events = events,
                                          .record_count = 4,
                                          .stored_count = 3,
                                          .event_count = 3,
                                          .last = true};
    struct differences found = {0};
    (void)state;
    assert_int_equal(compare_window(&c, &window, &found), 0);
    assert_int_equal(found.count, 0);
    differences_release(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_lead_to_what_the_records_say),
        cmocka_unit_test(what_lies_before_from_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
