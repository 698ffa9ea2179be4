/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods and events as docs/semantics.md defines them. Must not read a clock, a database or
 * anything that is not handed in.
 *
 * Records of one pair, each an instant; the gap is 10 s:
 *
 *   t_start    0   4   8  12  16                      40
 *   grade      5   5   2   2   5                       5
 *              |---|   |---|   |                       |...
 *   event to   5       2       5 (from 2)              5 (from nothing: a gap lies before)
 *
 * In order, only the last period has to be known: each record extends or ends it. The set of
 * records decides, not the order in which they come, so a late one may have to change what was
 * written. Where it does not lie in the last period it does one of three things.
 *
 * Grade 2 at 10 is absorbed: the period 8..12 has one more record, and nothing else can change.
 *
 * Grade 5 at 10 splits. We go over the records from the last stored period before it, 8, and
 * compute periods anew: 8..8, 10..10, 12..12. At 16 a computed period begins where a stored one
 * does: from there all is as it was, so we stop, however much lies behind. Written are three
 * periods and the events at 10 and 12. The one at 16 stays, as the grade before it is 2 still.
 *
 * Grade 5 at 30 merges: 14 s after 16 it begins a period, and the record at 40 belongs to that. So
 * the stored period at 40 goes, and its event is retracted.
 *
 * The walk would be long where a period is. So it need not read what it can know: the head of the
 * first period is handed in (late_heads.c), and the rest of the one that we are in is what it has
 * in all, less what was gone over (take_rest).
 */
#include "common/periods/periods.h"

#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

#define PAGE_RECORDS 512
#define FEW_RECORDS  16 /* where one record often suffices */

bool period_step(struct period *open, const struct period_record *record, int64_t gap_us,
                 struct period *before)
{
    bool gap = open->grade != 0 && record->key.t_us - open->sum.t_end_us > gap_us;
    const struct period_sum sum = period_sum_of(record);

    if (open->grade == record->grade && !gap) {
        period_sum_add(&open->sum, &sum);
        return false;
    }
    *before = *open;
    before->ended = gap ? PERIOD_GAP : PERIOD_GRADE;
    *open = (struct period){
        .start = record->key, .sum = sum, .grade = record->grade, .ended = PERIOD_OPEN};
    return true;
}

struct period_event period_event(const struct period *before, const struct period *period)
{
    bool by_grade = before != NULL && before->grade != 0 && before->ended == PERIOD_GRADE;

    return (struct period_event){
        .at = period->start, .from = by_grade ? before->grade : 0, .to = period->grade};
}

/*
 * All records of the pair start at or before the latest end. So one that starts after it is in
 * order for this grade name whatever came for others, and one of the same grade that starts after
 * the period's first record lies within the period or continues it. What is left may split
 * something.
 */
bool period_takes_late(const struct period *open, const struct period_record *record)
{
    if (open->grade == 0) {
        return true;
    }
    if (period_key_compare(&record->key, &open->start) <= 0) {
        return false;
    }
    return record->grade == open->grade || record->key.t_us > open->sum.t_end_us;
}

bool period_absorbs(struct period *ended, const struct period_key *next,
                    const struct period_record *record, int64_t gap_us)
{
    struct period_sum sum = period_sum_of(record);

    if (ended->ended == PERIOD_OPEN || record->grade != ended->grade ||
        period_key_compare(&record->key, &ended->start) <= 0 ||
        period_key_compare(&record->key, next) >= 0) {
        return false;
    }
    if (record->key.t_us - ended->sum.t_end_us > gap_us) {
        return false;
    }
    period_sum_add(&sum, &ended->sum);
    if (ended->ended == PERIOD_GAP && next->t_us - sum.t_end_us <= gap_us) {
        return false;
    }
    ended->sum = sum;
    return true;
}

/* Appends an element to a list of the change. */
#define APPEND(list, element)                                                                      \
    do {                                                                                           \
        __typeof__(c->list) at = grow(c->list, c->list##_count, &c->list##_size, sizeof *at);      \
        if (at == NULL) {                                                                          \
            return -1;                                                                             \
        }                                                                                          \
        c->list = at;                                                                              \
        c->list[c->list##_count++] = (element);                                                    \
        return 0;                                                                                  \
    } while (0)

static int put(struct periods_change *c, const struct period *p)
{
    APPEND(put, *p);
}

static int removed(struct periods_change *c, const struct period_key *key)
{
    APPEND(removed, *key);
}

static int told(struct periods_change *c, const struct period_event *event)
{
    APPEND(told, *event);
}

static int retracted(struct periods_change *c, const struct period_key *key)
{
    APPEND(retracted, *key);
}

/* The walk along the records: what is stored beside what they come to. */
struct walk {
    const struct periods_source *source;
    struct periods_change *change;
    int64_t gap_us;
    const struct period_key *late; /* those not gone over yet */
    uint32_t late_count;
    const struct period *open;
    struct period before;   /* the stored period before `stored`, within the walk */
    struct period stored;   /* the last one that starts at or before the record; grade 0: none */
    struct period next;     /* the stored one after it; grade 0: none */
    struct period_sum gone; /* of `stored`, gone over, without the late ones */
    struct period now;      /* computed, not ended yet */
    struct period same;     /* the stored period that starts where `now` does; grade 0: none */
};

/* The stored one that starts next becomes `stored`. */
static int advance(struct walk *w)
{
    struct period after = {.grade = 0};

    if (w->source->after(w->source->context, &w->next.start, &after) == -1) {
        return -1;
    }
    w->before = w->stored;
    w->stored = w->next;
    w->next = after;
    w->gone = PERIOD_SUM_NONE;
    return 0;
}

/* A stored period begins where none does any more. */
static int drop(struct walk *w, const struct period *p)
{
    return removed(w->change, &p->start) == -1 || retracted(w->change, &p->start) == -1 ? -1 : 0;
}

/* Those that start before the key, or all, do so without a record. */
static int drop_next_before(struct walk *w, const struct period_key *key)
{
    while (w->next.grade != 0 && (key == NULL || period_key_compare(&w->next.start, key) < 0)) {
        if (advance(w) == -1 || drop(w, &w->stored) == -1) {
            return -1;
        }
    }
    return 0;
}

/* What `stored` has now, as far as the walk has not changed it: a late record adds nothing. */
static void count_gone(struct walk *w, const struct period_record *r)
{
    if (w->late_count > 0 && period_key_compare(w->late, &r->key) == 0) {
        w->late++;
        w->late_count--;
        return;
    }
    const struct period_sum sum = period_sum_of(r);
    period_sum_add(&w->gone, &sum);
}

static int emit(struct walk *w, const struct period *p)
{
    return p->grade == 0 || period_same(&w->same, p) ? 0 : put(w->change, p);
}

/* `now` has begun behind `ended`; a stored one starts there, too, or not. */
static int begin(struct walk *w, const struct period *ended, bool stored_too)
{
    struct period_event is = period_event(ended, &w->now);

    if (emit(w, ended) == -1) {
        return -1;
    }
    w->same = stored_too ? w->stored : (struct period){.grade = 0};
    if (stored_too) {
        struct period_event was = period_event(&w->before, &w->stored);
        if (was.from == is.from && was.to == is.to) {
            return 0;
        }
        if (retracted(w->change, &was.at) == -1) {
            return -1;
        }
    }
    return told(w->change, &is);
}

/* 1 when `now` begins with it, as a stored period does. */
static int go_over(struct walk *w, const struct period_record *r)
{
    struct period ended;
    bool starts;

    if (drop_next_before(w, &r->key) == -1) {
        return -1;
    }
    starts = w->next.grade != 0 && period_key_compare(&w->next.start, &r->key) == 0;
    if (starts && advance(w) == -1) {
        return -1;
    }
    count_gone(w, r);
    if (period_step(&w->now, r, w->gap_us, &ended)) {
        return begin(w, &ended, starts) == -1 ? -1 : starts;
    }
    return starts ? drop(w, &w->stored) : 0;
}

/*
 * Whether the rest of `stored` need not be read: no late record lies in it, and with its grade and
 * at least its latest end so far, `now` takes in all of it. It is added then.
 */
static bool take_rest(struct walk *w)
{
    const struct period *whole = &w->stored;

    if (whole->grade != 0 && whole->ended == PERIOD_OPEN) { /* its row may not count all */
        whole = w->open;
    }
    if (w->now.grade != whole->grade || period_key_compare(&whole->start, &w->stored.start) != 0 ||
        (w->late_count > 0 &&
         (w->next.grade == 0 || period_key_compare(w->late, &w->next.start) < 0))) {
        return false;
    }
    return period_sum_add_rest(&w->now.sum, &whole->sum, &w->gone);
}

/* Keys are natural numbers: the record at `key` is the first one behind it. */
static struct period_key right_before(const struct period_key *key)
{
    return (struct period_key){key->t_us, key->end_us, key->key - 1};
}

/*
 * Goes over the records from after `key`. 1 when a computed period begins where a stored one does
 * behind the first late record: no other late one lies before it that was not gone over, and from
 * there all is as it was. 0 at the end of the records.
 */
static int run(struct walk *w, struct period_key key)
{
    const struct period_key first_late = *w->late;
    struct period_record *page = malloc(PAGE_RECORDS * sizeof *page);
    uint32_t size = PAGE_RECORDS;
    int result = page == NULL ? -1 : 0, count = 0;

    while (result == 0 && (count = w->source->records(w->source->context, &key, page, size)) > 0) {
        for (int i = 0; i < count && result == 0; i++) {
            result = go_over(w, &page[i]);
            if (result == 1 && period_key_compare(&w->now.start, &first_late) <= 0) {
                result = 0;
            }
        }
        key = page[count - 1].key;
        size = PAGE_RECORDS;
        if (result == 0 && take_rest(w)) {
            if (w->next.grade == 0) {
                break;
            }
            key = right_before(&w->next.start);
            size = FEW_RECORDS;
        }
    }
    free(page);
    return count < 0 ? -1 : result;
}

struct period_key periods_repair_from(const struct period *before, const struct period_head *head)
{
    if (head->sum.records > 0) {
        return (struct period_key){head->until_us, 0, -1};
    }
    return right_before(&before->start);
}

/* Where it begins: with the last stored period before the first late record, behind what is known
 * of that already, or else with the first record of all. */
static int start(struct walk *w, struct period_key *from)
{
    struct period before;
    struct period_head head = {.sum = PERIOD_SUM_NONE};
    int found = w->source->before(w->source->context, w->late, &before, &head);

    if (found == 0) {
        *from = (struct period_key){INT64_MIN, 0, -1};
        return w->source->after(w->source->context, w->late, &w->next);
    }
    if (found == -1) {
        return -1;
    }
    *from = periods_repair_from(&before, &head);
    w->next = before;
    if (head.sum.records > 0) { /* goes on from what they made of it */
        if (advance(w) == -1) {
            return -1;
        }
        w->gone = head.sum;
        w->same = w->now = before;
        w->now.ended = PERIOD_OPEN;
        w->now.sum = head.sum;
    }
    return 0;
}

int periods_repair(const struct periods_source *source, int64_t gap_us,
                   const struct period_key *late, uint32_t late_count, const struct period *open,
                   struct periods_change *change)
{
    struct walk w = {.source = source,
                     .change = change,
                     .gap_us = gap_us,
                     .late = late,
                     .late_count = late_count,
                     .open = open};
    struct period_key from;

    memset(change, 0, sizeof *change);
    int met = start(&w, &from) == -1 ? -1 : run(&w, from);
    if (met == -1) {
        return -1;
    }
    if (met == 1) {
        change->until = w.now.start;
        return 0;
    }
    change->until = (struct period_key){INT64_MAX, INT64_MAX, INT64_MAX};
    change->to_the_end = true;
    change->open = w.now;
    return emit(&w, &w.now) == -1 || drop_next_before(&w, NULL) == -1 ? -1 : 0;
}

void periods_change_release(struct periods_change *change)
{
    free(change->put);
    free(change->removed);
    free(change->told);
    free(change->retracted);
    memset(change, 0, sizeof *change);
}
