/*
 * Periods and events as docs/semantics.md defines them. Must not read a clock, a database or
 * anything that is not handed in.
 */
#include "stored/periods.h"

#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

#define PAGE_RECORDS 2048

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool period_step(struct period *open, const struct period_record *record, int64_t gap_us,
                 struct period *before)
{
    bool gap = open->grade != 0 && record->key.t_us - open->t_end_us > gap_us;

    if (open->grade == record->grade && !gap) {
        open->t_end_us = later(open->t_end_us, record->t_end_us);
        open->records++;
        return false;
    }
    *before = *open;
    before->ended = gap ? PERIOD_GAP : PERIOD_GRADE;
    *open = (struct period){.start = record->key,
                            .t_end_us = record->t_end_us,
                            .records = 1,
                            .grade = record->grade,
                            .ended = PERIOD_OPEN};
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
    return record->grade == open->grade || record->key.t_us > open->t_end_us;
}

bool period_absorbs(struct period *ended, const struct period_key *next,
                    const struct period_record *record, int64_t gap_us)
{
    int64_t t_end_us = later(ended->t_end_us, record->t_end_us);

    if (ended->ended == PERIOD_OPEN || record->grade != ended->grade ||
        period_key_compare(&record->key, &ended->start) <= 0 ||
        period_key_compare(&record->key, next) >= 0) {
        return false;
    }
    if (record->key.t_us - ended->t_end_us > gap_us) {
        return false;
    }
    if (ended->ended == PERIOD_GAP && next->t_us - t_end_us <= gap_us) {
        return false;
    }
    ended->t_end_us = t_end_us;
    ended->records++;
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

/* The walk along what is stored (old) and what is computed (new), both in order of time. */
struct walk {
    const struct periods_source *source;
    struct periods_change *change;
    struct period old;        /* the stored period next in order; grade 0: there is none */
    struct period before_old; /* the stored one before it, within the walk */
    struct period before_new; /* the computed one last emitted */
};

static int old_advance(struct walk *w)
{
    struct period next;
    int found = w->source->after(w->source->context, &w->old.start, &next);

    if (found == -1) {
        return -1;
    }
    w->before_old = w->old;
    if (found == 0) {
        memset(&w->old, 0, sizeof w->old);
    } else {
        w->old = next;
    }
    return 0;
}

/* Stored periods before the key, for which nothing was computed, no longer hold. */
static int old_drop_before(struct walk *w, const struct period_key *key)
{
    while (w->old.grade != 0 && (key == NULL || period_key_compare(&w->old.start, key) < 0)) {
        if (removed(w->change, &w->old.start) == -1 || retracted(w->change, &w->old.start) == -1 ||
            old_advance(w) == -1) {
            return -1;
        }
    }
    return 0;
}

static bool old_starts_at(const struct walk *w, const struct period_key *key)
{
    return w->old.grade != 0 && period_key_compare(&w->old.start, key) == 0;
}

/* The stored and the computed period start at the same record: does its event still hold? */
static int event_compare(struct walk *w, const struct period *p)
{
    struct period_event was = period_event(&w->before_old, &w->old);
    struct period_event is = period_event(&w->before_new, p);

    if (was.from == is.from && was.to == is.to) {
        return 0;
    }
    if (retracted(w->change, &was.at) == -1) {
        return -1;
    }
    return told(w->change, &is);
}

static int emit(struct walk *w, const struct period *p)
{
    if (old_drop_before(w, &p->start) == -1) {
        return -1;
    }
    if (old_starts_at(w, &p->start)) {
        bool same = w->old.grade == p->grade && w->old.ended == p->ended &&
                    w->old.t_end_us == p->t_end_us && w->old.records == p->records;
        if ((!same && put(w->change, p) == -1) || event_compare(w, p) == -1 ||
            old_advance(w) == -1) {
            return -1;
        }
    } else {
        struct period_event event = period_event(&w->before_new, p);
        if (put(w->change, p) == -1 || told(w->change, &event) == -1) {
            return -1;
        }
    }
    w->before_new = *p;
    return 0;
}

/*
 * Runs over the records from after `key`. 1 when a computed period begins where a stored one does
 * behind the late record: no other late one lies before it that was not gone over, and from there
 * all is as it was. 0 at the end of the records, *now is open.
 */
static int run(struct walk *w, struct period_key key, int64_t gap_us, const struct period_key *late,
               struct period *now)
{
    struct period_record *page = malloc(PAGE_RECORDS * sizeof *page);
    struct period ended;
    int result = -1;
    int count;

    if (page == NULL) {
        return -1;
    }
    while ((count = w->source->records(w->source->context, &key, page, PAGE_RECORDS)) > 0) {
        for (int i = 0; i < count; i++) {
            if (!period_step(now, &page[i], gap_us, &ended)) {
                continue;
            }
            if (ended.grade != 0 && emit(w, &ended) == -1) {
                goto out;
            }
            if (period_key_compare(&now->start, late) <= 0) {
                continue;
            }
            if (old_drop_before(w, &now->start) == -1) {
                goto out;
            }
            if (old_starts_at(w, &now->start)) {
                result = event_compare(w, now) == -1 ? -1 : 1;
                goto out;
            }
        }
        key = page[count - 1].key;
    }
    result = count == 0 ? 0 : -1;
out:
    free(page);
    return result;
}

/* Rows are natural numbers: that record itself is the first one behind the key. */
struct period_key periods_repair_from(const struct period *before, const struct period_head *head)
{
    struct period_key first = before->start;

    if (head->records > 0) {
        first = (struct period_key){head->until_us, 0};
    }
    return (struct period_key){first.t_us, first.row - 1};
}

int periods_repair(const struct periods_source *source, int64_t gap_us,
                   const struct period_key *late, struct periods_change *change)
{
    struct walk w = {.source = source, .change = change};
    struct period now = {.grade = 0};
    struct period_head head = {.records = 0};
    struct period_key from = {INT64_MIN, INT32_MIN};
    int found, converged;

    memset(change, 0, sizeof *change);
    found = source->before(source->context, late, &w.old, &head);
    if (found == 1) {
        from = periods_repair_from(&w.old, &head);
    } else if (found == 0) {
        found = source->after(source->context, late, &w.old);
        if (found == 0) {
            memset(&w.old, 0, sizeof w.old);
        }
    }
    if (found == -1) {
        return -1;
    }
    if (head.records > 0) { /* goes on from what they made of it */
        now = w.old;
        now.ended = PERIOD_OPEN;
        now.records = head.records;
        now.t_end_us = head.t_end_us;
    }
    converged = run(&w, from, gap_us, late, &now);
    if (converged == -1) {
        return -1;
    }
    if (converged == 1) {
        change->until = now.start;
        return 0;
    }
    if (now.grade != 0 && emit(&w, &now) == -1) {
        return -1;
    }
    change->until = (struct period_key){INT64_MAX, INT32_MAX};
    change->to_the_end = true;
    change->open = now;
    return old_drop_before(&w, NULL);
}

void periods_change_release(struct periods_change *change)
{
    free(change->put);
    free(change->removed);
    free(change->told);
    free(change->retracted);
    memset(change, 0, sizeof *change);
}
