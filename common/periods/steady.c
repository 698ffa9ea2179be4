/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk. An example, grades 5 and 2, hold of 2 records, a record each minute:
 *
 *   record     5  5  2  5  2  2  2  5  5
 *   run              1     1  2     1  2      how many records it has
 *   state      5  5  5  5  5  2  2  2  5
 *   period     '---------''------''----'      each begins where the run did that changed the state
 *
 * All sums leave the record at hand out until the end of the step: which row it belongs to is known
 * then only.
 */
#include "common/periods/steady.h"

#include <string.h>

#include "common/grow.h"
#include "common/unpack.h"

#define SECOND_US INT64_C(1000000)

static const struct steady_terms no_terms = {0};

static struct steady_row *last_row(struct steady *s)
{
    return &s->rows[s->row_count - 1];
}

const struct steady_row *steady_last(const struct steady *s)
{
    static const struct steady_row none = {.period = {.grade = 0}};
    return s->row_count == 0 ? &none : &s->rows[s->row_count - 1];
}

struct period_event steady_event(const struct steady_row *row)
{
    return (struct period_event){.at = row->period.start,
                                 .from = row->from,
                                 .to = row->period.grade,
                                 .flap = row->period.flap};
}

/* ---- rows ---- */

static int settle(struct steady *s, uint32_t count, struct steady_rows *settled)
{
    for (uint32_t i = 0; i < count; i++) {
        struct steady_row *at = grow(settled->at, settled->count, &settled->size, sizeof *at);
        if (at == NULL) {
            return -1;
        }
        settled->at = at;
        at[settled->count++] = s->rows[i];
    }
    s->row_count -= count;
    memmove(s->rows, s->rows + count, s->row_count * sizeof *s->rows);
    return 0;
}

/* Where there is no room any more the first one cannot become part of a stretch. */
static int push(struct steady *s, const struct steady_row *row, struct steady_rows *settled)
{
    if (s->row_count == STEADY_ROWS && settle(s, 1, settled) == -1) {
        return -1;
    }
    s->rows[s->row_count++] = *row;
    return 0;
}

static struct steady_row row_of(const struct period_key *start, uint8_t grade, uint8_t from)
{
    return (struct steady_row){
        .period = {.start = *start, .sum = PERIOD_SUM_NONE, .grade = grade, .ended = PERIOD_OPEN},
        .from = from};
}

/* ---- gaps ---- */

static bool is_gap(const struct steady *s, const struct steady_record *r,
                   const struct steady_terms *terms, int64_t gap_us)
{
    bool all = terms->holds != 0 || terms->flap_changes != 0;
    return r->record.key.t_us - (all ? s->latest_us : s->reaches_us) > gap_us;
}

/* The first record, or the first behind a gap: nothing crosses that. */
static int begin(struct steady *s, const struct steady_record *r, struct steady_rows *settled)
{
    struct steady_row row = row_of(&r->record.key, r->record.grade, 0);
    if (s->row_count > 0) {
        last_row(s)->period.ended = PERIOD_GAP;
    }
    if (settle(s, s->row_count, settled) == -1) {
        return -1;
    }
    *s = (struct steady){.grade = r->record.grade, .latest_us = INT64_MIN, .reaches_us = INT64_MIN};
    return push(s, &row, settled);
}

/* ---- runs ---- */

static uint8_t effective(const struct steady *s, const struct steady_record *r)
{
    bool stands = r->record.grade == s->grade || (r->stands >> (s->grade - 1) & 1) != 0;
    return stands ? s->grade : r->record.grade;
}

static void extend_run(struct steady *s, const struct steady_record *r)
{
    uint8_t grade = effective(s, r);
    int8_t side = (int8_t)((grade > s->grade) - (grade < s->grade));
    if (side == 0) {
        s->run.side = 0;
        return;
    }
    if (side != s->run.side) {
        s->run.side = side;
        s->run.records = 0;
        s->run.first = r->record.key;
        s->run.sum = PERIOD_SUM_NONE;
        s->run.before = last_row(s)->period.sum;
        s->run.nearest = grade;
    }
    s->run.records++;
    if ((grade - s->run.nearest) * side < 0) {
        s->run.nearest = grade;
    }
}

static bool run_decides(const struct steady *s, const struct steady_record *r,
                        const struct steady_terms *terms)
{
    bool worse = s->run.side < 0;
    uint32_t records = terms->holds == 0 ? 1 : worse ? terms->worse_records : terms->better_records;
    uint32_t seconds = terms->holds == 0 ? 0 : worse ? terms->worse_s : terms->better_s;
    return s->run.side != 0 && s->run.records >= records &&
           r->record.key.t_us - s->run.first.t_us >= seconds * SECOND_US;
}

/* The state becomes another one, from the run's first record on. */
static int change(struct steady *s, struct steady_rows *settled)
{
    struct steady_row *last = last_row(s);
    struct steady_row row = row_of(&s->run.first, s->run.nearest, last->period.grade);
    row.change = true;
    row.period.sum = s->run.sum;
    s->grade = s->run.nearest;
    s->reaches_us = s->run.sum.t_end_us;
    s->run.side = 0;
    if (s->flaps) {
        return 0; /* a part of the stretch, or behind it: see look_at_flapping() */
    }
    if (s->run.before.records == 0) { /* it began where the row did, behind a stretch */
        row.from = last->from;
        *last = row;
        return 0;
    }
    last->period.sum = s->run.before;
    last->period.ended = PERIOD_GRADE;
    return push(s, &row, settled);
}

/* ---- stretches ---- */

/* The last `changes` rows begin one: they become one row. */
static void join(struct steady *s, uint32_t changes, int64_t flap_us, struct steady_rows *settled,
                 int *rc)
{
    struct steady_row whole = s->rows[s->row_count - changes];
    for (uint32_t i = s->row_count - changes + 1; i < s->row_count; i++) {
        const struct period *p = &s->rows[i].period;
        period_sum_add(&whole.period.sum, &p->sum);
        whole.period.grade = p->grade < whole.period.grade ? p->grade : whole.period.grade;
    }
    whole.period.ended = PERIOD_OPEN;
    whole.period.flap = true;
    s->change_us = last_row(s)->period.start.t_us;
    s->flap_us = flap_us;
    s->flaps = true;
    s->row_count -= changes;
    *rc = settle(s, s->row_count, settled);
    s->rows[s->row_count++] = whole;
}

/* Behind a change that is in no stretch: whether it is the last one of as many as make one. */
static int look_for_stretch(struct steady *s, const struct steady_terms *terms,
                            struct steady_rows *settled)
{
    uint32_t changes = terms->flap_changes, first = s->row_count;
    int64_t flap_us = terms->flap_s * SECOND_US;
    int rc = 0;
    while (first > 0 && s->rows[first - 1].change && s->row_count - first < changes) {
        first--;
    }
    if (changes != 0 && s->row_count - first == changes &&
        last_row(s)->period.start.t_us - s->rows[first].period.start.t_us <= flap_us) {
        join(s, changes, flap_us, settled, &rc);
    }
    return rc;
}

/* The stretch is over: from the record at hand on the row is that of the state. */
static int end_stretch(struct steady *s, const struct steady_record *r, bool is_change,
                       struct steady_rows *settled)
{
    struct steady_row row = row_of(&r->record.key, s->grade, last_row(s)->period.grade);
    last_row(s)->period.ended = PERIOD_STEADY;
    row.change = is_change;
    s->flaps = false;
    if (s->run.side != 0) { /* it begins here, else the stretch would go on */
        s->run.before = PERIOD_SUM_NONE;
    }
    return settle(s, s->row_count, settled) == -1 ? -1 : push(s, &row, settled);
}

/* `changed`: the state did at this record, by a run that began at s->run.first. */
static int look_at_flapping(struct steady *s, const struct steady_record *r,
                            const struct steady_terms *terms, bool changed,
                            struct steady_rows *settled)
{
    int64_t t_us = r->record.key.t_us;
    bool apart = false; /* the change does not belong to the stretch that lasted up to it */
    if (s->flaps && changed) {
        apart = s->run.first.t_us - s->change_us >= s->flap_us;
        if (!apart) {
            struct period *p = &last_row(s)->period;
            s->change_us = s->run.first.t_us;
            p->grade = s->grade < p->grade ? s->grade : p->grade;
        }
    } else if (changed && look_for_stretch(s, terms, settled) == -1) {
        return -1;
    }
    bool waits = s->run.side != 0 && s->run.first.t_us - s->change_us < s->flap_us;
    if (s->flaps && t_us - s->change_us >= s->flap_us && !waits) {
        return end_stretch(s, r, apart, settled);
    }
    return 0;
}

/* ---- all of it ---- */

int steady_step(struct steady *s, const struct steady_record *r, int64_t gap_us,
                struct steady_rows *settled)
{
    const struct steady_terms *terms = r->terms == NULL ? &no_terms : r->terms;
    const struct period_sum sum = period_sum_of(&r->record);
    if (s->grade == 0 || is_gap(s, r, terms, gap_us)) {
        if (begin(s, r, settled) == -1) {
            return -1;
        }
    } else {
        extend_run(s, r);
        bool changed = run_decides(s, r, terms);
        if ((changed && change(s, settled) == -1) ||
            look_at_flapping(s, r, terms, changed, settled) == -1) {
            return -1;
        }
    }
    period_sum_add(&last_row(s)->period.sum, &sum);
    if (s->run.side != 0) {
        period_sum_add(&s->run.sum, &sum);
    }
    s->latest_us = sum.t_end_us > s->latest_us ? sum.t_end_us : s->latest_us;
    s->reaches_us = sum.t_end_us > s->reaches_us ? sum.t_end_us : s->reaches_us;
    return 0;
}
