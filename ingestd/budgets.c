/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of four places for each hash of a sender's name, of which the one not used for longest
 * goes: a forger of addresses can make senders be forgotten, never make them be refused. Each door
 * has a table of its own.
 */
#include "ingestd/budgets.h"

#include <math.h>
#include <stdlib.h>

#include "common/hash.h"
#include "common/record_dimensions.h"

#define DAY_US     INT64_C(86400000000)
#define SECOND_US  INT64_C(1000000)
#define ROWS       128 /* a power of two */
#define PLACES     4
#define BITS_LEAST 1024u
#define BITS       4 /* at least, for each series: of four that are too much one is taken for known */

struct spender {
    uint64_t key; /* hash of the name; 0: free */
    int64_t used_us;
    int64_t filled_us;                  /* when `left` was so */
    int64_t left;                       /* records, in millionths; may be owed */
    int32_t today;                      /* of what follows */
    struct sender_budget of;            /* the same */
    uint32_t bits, bits_set, bits_most; /* of `seen`; how many may be set */
    uint64_t *seen;                     /* a bit for each hash of a series; NULL: not counted */
    int32_t *days;                      /* of.days_per_day of them; NULL: not counted */
    int32_t day_count;
};

struct budgets {
    struct spender spender[SENDER_DOORS][ROWS][PLACES];
};

struct budgets *budgets_new(void)
{
    return calloc(1, sizeof(struct budgets));
}

static void forget(struct spender *a)
{
    free(a->seen);
    free(a->days);
    *a = (struct spender){0};
}

void budgets_free(struct budgets **b)
{
    for (int door = 0; *b != NULL && door < SENDER_DOORS; door++) {
        for (int row = 0; row < ROWS; row++) {
            for (int place = 0; place < PLACES; place++) {
                forget(&(*b)->spender[door][row][place]);
            }
        }
    }
    free(*b);
    *b = NULL;
}

static struct spender *find(struct budgets *b, enum sender_door door, struct slice name,
                            const struct sender_budget *budget, int64_t now_us)
{
    uint64_t key = hash_bytes(0, name.at, name.len) | 1;
    struct spender *row = b->spender[door][(key >> 32) & (ROWS - 1)], *oldest = row;
    for (int i = 0; i < PLACES; i++) {
        if (row[i].key == key) {
            row[i].used_us = now_us;
            return &row[i];
        }
        if (row[i].key == 0 || (oldest->key != 0 && row[i].used_us < oldest->used_us)) {
            oldest = &row[i];
        }
    }
    forget(oldest);
    *oldest = (struct spender){.key = key,
                               .used_us = now_us,
                               .filled_us = now_us,
                               .left = budget->records_burst * SECOND_US};
    return oldest;
}

/* ---- records ---- */

/* Whether something is left; what is left then is so now. */
static bool has_left(struct spender *a, const struct sender_budget *budget, int64_t now_us)
{
    int64_t most = budget->records_burst * SECOND_US;
    int64_t passed_us = now_us - a->filled_us;
    int64_t needed_us = (most - a->left) / budget->records_per_s + 1;
    a->left = passed_us >= needed_us ? most : a->left + passed_us * budget->records_per_s;
    a->left = a->left < most ? a->left : most;
    a->filled_us = now_us;
    return a->left > 0;
}

/* ---- series and days ---- */

static uint32_t bits_for(int64_t series)
{
    uint32_t bits = BITS_LEAST;
    while (bits < series * BITS) {
        bits *= 2;
    }
    return bits;
}

/* A new day, or another budget: counted from nothing. Without memory nothing is counted. */
static void begin_day(struct spender *a, const struct sender_budget *budget, int32_t today)
{
    free(a->seen);
    free(a->days);
    a->today = today;
    a->of = *budget;
    a->bits = bits_for(budget->series_per_day);
    a->seen = budget->series_per_day == 0 ? NULL : calloc(a->bits / 64, sizeof *a->seen);
    a->days =
        budget->days_per_day == 0 ? NULL : calloc((size_t)budget->days_per_day, sizeof *a->days);
    a->bits_set = 0;
    a->day_count = 0;
    /* What so many different ones set of the bits, in the mean. */
    a->bits_most = (uint32_t)(a->bits * -expm1(-(double)budget->series_per_day / a->bits) + 0.5);
}

static bool is_new_day(const struct spender *a, const struct sender_budget *budget, int32_t today)
{
    return a->today != today || a->of.series_per_day != budget->series_per_day ||
           a->of.days_per_day != budget->days_per_day;
}

static bool add_series(struct spender *a, const struct record_message *r)
{
    uint64_t h = 0;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const struct slice *value = record_dimension(r, d);
        h = hash_bytes(h, value->at, value->len);
    }
    uint64_t *word = &a->seen[(h & (a->bits - 1)) / 64], bit = UINT64_C(1) << (h & 63);
    if ((*word & bit) == 0) {
        if (a->bits_set >= a->bits_most) {
            return false;
        }
        *word |= bit;
        a->bits_set++;
    }
    return true;
}

static bool add_day(struct spender *a, int64_t t_us)
{
    int32_t day = (int32_t)(t_us / DAY_US);
    for (int32_t i = a->day_count; i > 0; i--) {
        if (a->days[i - 1] == day) {
            return true;
        }
    }
    if (a->day_count == a->of.days_per_day) {
        return false;
    }
    a->days[a->day_count++] = day;
    return true;
}

/* Days of a result that is not taken do not count; series in a bitmap cannot be taken out again. */
static enum budget_verdict add(struct spender *a, const struct record_message *records,
                               uint32_t count)
{
    int32_t days_before = a->day_count;
    for (uint32_t i = 0; i < count; i++) {
        if (a->days != NULL && !add_day(a, records[i].t_start_us)) {
            a->day_count = days_before;
            return BUDGET_DAYS;
        }
        if (a->seen != NULL && !add_series(a, &records[i])) {
            return BUDGET_SERIES;
        }
    }
    return BUDGET_WITHIN;
}

enum budget_verdict budgets_take(struct budgets *b, enum sender_door door, struct slice name,
                                 const struct sender_budget *budget,
                                 const struct record_message *records, uint32_t count, bool begun,
                                 int64_t received_us, int64_t now_us)
{
    int32_t today = (int32_t)(received_us / DAY_US);
    bool counts_today = budget->series_per_day > 0 || budget->days_per_day > 0;
    if (budget->records_per_s == 0 && !counts_today) {
        return BUDGET_WITHIN;
    }
    struct spender *a = find(b, door, name, budget, now_us);
    if (budget->records_per_s > 0 && !has_left(a, budget, now_us) && !begun) {
        return BUDGET_RECORDS;
    }
    if (counts_today) {
        if (is_new_day(a, budget, today)) {
            begin_day(a, budget, today);
        }
        enum budget_verdict verdict = add(a, records, count);
        if (verdict != BUDGET_WITHIN) {
            return verdict;
        }
    }
    a->left -= budget->records_per_s > 0 ? count * SECOND_US : 0;
    return BUDGET_WITHIN;
}
