/* SPDX-License-Identifier: Apache-2.0 */
/*
 * periods.json: for one series and one grade name, records in their order of arrival and the
 * periods and events there must be in the end. Here they go, in flushes of one record and of random
 * sizes, through the code stored uses, over a store in memory; and random sets of records are
 * compared with a naive computation from the whole set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/periods/periods.h"

#define MAX_RECORDS 192

/* What the database holds: records in order, periods in order, every event ever told. */
struct told_event {
    struct period_event event;
    bool retracted;
};

struct memory {
    struct period_record records[MAX_RECORDS];
    uint32_t record_count;
    struct period periods[MAX_RECORDS];
    uint32_t period_count;
    struct told_event events[MAX_RECORDS * 8];
    uint32_t event_count;
    struct period open;
    struct period_key greatest;
    struct period_key through; /* the greatest before this flush */
    int64_t gap_us;
    /* Which ways were gone; skipped: from one neighbourhood to another one of the same flush. */
    uint32_t stepped, absorbed, repaired, converged, skipped, heads;
    /* Records read by repairs, and how often one went on farther than it had read. */
    uint32_t read, leapt;
    struct period_key read_last;
};

/* Not there already: 1. Ungraded records take part in identity and in the series' greatest only. */
static int memory_insert(struct memory *m, const struct period_record *r)
{
    uint32_t i = m->record_count;

    while (i > 0 && period_key_compare(&m->records[i - 1].key, &r->key) >= 0) {
        i--;
    }
    if (i < m->record_count && period_key_compare(&m->records[i].key, &r->key) == 0) {
        return 0;
    }
    assert_true(m->record_count < MAX_RECORDS);
    memmove(&m->records[i + 1], &m->records[i], (m->record_count - i) * sizeof *r);
    m->records[i] = *r;
    m->record_count++;
    return 1;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * Some of the period's first records, or none, as late_heads.c finds them: all when it ended before
 * the late one; else up to any time before this one. This flush may have ended an open period by
 * then, but not before what its row knows.
 */
static struct period_head some_head(const struct memory *m, const struct period *p,
                                    const struct period_key *late)
{
    struct period_head head = {.sum = PERIOD_SUM_NONE};
    int64_t most = late->t_us;

    if (p->ended == PERIOD_OPEN && period_key_compare(&m->open.start, &p->start) != 0) {
        most = earlier(most, earlier(m->through.t_us, p->sum.t_end_us));
    }
    if (p->ended != PERIOD_OPEN && late->t_us > p->sum.t_end_us && rand() % 2 == 0) {
        return (struct period_head){p->sum, p->sum.t_end_us + 1};
    }
    if (most <= p->start.t_us || rand() % 4 == 0) {
        return head;
    }
    head.until_us = p->start.t_us + 1 + rand() % (most - p->start.t_us);
    for (uint32_t i = 0; i < m->record_count; i++) {
        const struct period_record *r = &m->records[i];
        if (r->grade > 0 && period_key_compare(&r->key, &p->start) >= 0 &&
            r->key.t_us < head.until_us) {
            const struct period_sum sum = period_sum_of(r);
            period_sum_add(&head.sum, &sum);
        }
    }
    return head;
}

static int memory_before(void *context, const struct period_key *key, struct period *period,
                         struct period_head *head)
{
    struct memory *m = context;

    for (uint32_t i = m->period_count; i-- > 0;) {
        if (period_key_compare(&m->periods[i].start, key) < 0) {
            *period = m->periods[i];
            *head = some_head(m, period, key);
            m->heads += head->sum.records > 0;
            return 1;
        }
    }
    return 0;
}

static int memory_after(void *context, const struct period_key *key, struct period *period)
{
    struct memory *m = context;

    for (uint32_t i = 0; i < m->period_count; i++) {
        if (period_key_compare(&m->periods[i].start, key) > 0) {
            *period = m->periods[i];
            return 1;
        }
    }
    return 0;
}

/* Small pages, so that the ends of pages are gone through. */
static int memory_records(void *context, const struct period_key *key, struct period_record *page,
                          uint32_t size)
{
    struct memory *m = context;
    int count = 0;

    if (size > 3) {
        size = 3;
    }
    for (uint32_t i = 0; i < m->record_count && (uint32_t)count < size; i++) {
        if (m->records[i].grade > 0 && period_key_compare(&m->records[i].key, key) > 0) {
            page[count++] = m->records[i];
        }
    }
    m->read += (uint32_t)count;
    m->leapt += period_key_compare(key, &m->read_last) > 0;
    m->read_last = count > 0 ? page[count - 1].key : *key;
    return count;
}

static void put(struct memory *m, const struct period *p)
{
    uint32_t i = 0;

    while (i < m->period_count && period_key_compare(&m->periods[i].start, &p->start) < 0) {
        i++;
    }
    if (i == m->period_count || period_key_compare(&m->periods[i].start, &p->start) != 0) {
        assert_true(m->period_count < MAX_RECORDS);
        memmove(&m->periods[i + 1], &m->periods[i], (m->period_count - i) * sizeof *p);
        m->period_count++;
    }
    m->periods[i] = *p;
}

static void tell(struct memory *m, const struct period_event *e)
{
    for (uint32_t i = 0; i < m->event_count; i++) {
        assert_false(!m->events[i].retracted &&
                     period_key_compare(&m->events[i].event.at, &e->at) == 0);
    }
    assert_true(m->event_count < MAX_RECORDS * 8);
    m->events[m->event_count++] = (struct told_event){.event = *e};
}

static void apply(struct memory *m, const struct periods_change *c)
{
    for (uint32_t i = 0; i < c->removed_count; i++) {
        uint32_t at = 0;
        while (at < m->period_count &&
               period_key_compare(&m->periods[at].start, &c->removed[i]) != 0) {
            at++;
        }
        assert_true(at < m->period_count);
        memmove(&m->periods[at], &m->periods[at + 1],
                (m->period_count - at - 1) * sizeof m->periods[0]);
        m->period_count--;
    }
    for (uint32_t i = 0; i < c->put_count; i++) {
        put(m, &c->put[i]);
    }
    for (uint32_t i = 0; i < c->retracted_count; i++) {
        uint32_t found = 0;
        for (uint32_t e = 0; e < m->event_count; e++) {
            if (!m->events[e].retracted &&
                period_key_compare(&m->events[e].event.at, &c->retracted[i]) == 0) {
                m->events[e].retracted = true;
                found++;
            }
        }
        assert_int_equal(found, 1);
    }
    for (uint32_t i = 0; i < c->told_count; i++) {
        tell(m, &c->told[i]);
    }
}

/* What a flush's records in order make of the open period; written after the late ones. */
struct steps {
    struct period put[MAX_RECORDS * 2];
    struct period_event told[MAX_RECORDS];
    uint32_t put_count, told_count;
};

static void step(struct memory *m, struct steps *s, const struct period_record *r)
{
    struct period ended;

    m->stepped++;
    if (!period_step(&m->open, r, m->gap_us, &ended)) {
        return;
    }
    if (ended.grade != 0) {
        s->put[s->put_count++] = ended;
    }
    s->put[s->put_count++] = m->open;
    s->told[s->told_count++] = period_event(&ended, &m->open);
}

static void write_steps(struct memory *m, const struct steps *s)
{
    for (uint32_t i = 0; i < s->put_count; i++) {
        put(m, &s->put[i]);
    }
    for (uint32_t i = 0; i < s->told_count; i++) {
        tell(m, &s->told[i]);
    }
}

/* Absorbed by the ended period it lies in: 1; else 0. */
static int absorb(struct memory *m, const struct period_record *r)
{
    struct period p, next;
    struct period_head head;

    if (memory_before(m, &r->key, &p, &head) == 0 || memory_after(m, &r->key, &next) == 0 ||
        !period_absorbs(&p, &next.start, r, m->gap_us)) {
        return 0;
    }
    put(m, &p);
    m->absorbed++;
    return 1;
}

/* Late records before *until are dealt with. True when it went to the end. */
static bool repair(struct memory *m, const struct period_record *late, uint32_t count,
                   struct period_key *until)
{
    struct periods_source source = {m, memory_before, memory_after, memory_records};
    struct periods_change change;
    struct period_key keys[MAX_RECORDS];

    for (uint32_t i = 0; i < count; i++) {
        keys[i] = late[i].key;
    }
    m->read_last = (struct period_key){INT64_MAX, 0}; /* of this one, none yet */
    assert_int_equal(periods_repair(&source, m->gap_us, keys, count, &m->open, &change), 0);
    apply(m, &change);
    *until = change.until;
    if (change.to_the_end) {
        m->open = change.open;
    } else {
        m->converged++;
    }
    m->repaired++;
    bool to_the_end = change.to_the_end;
    periods_change_release(&change);
    return to_the_end;
}

static int record_order(const void *a, const void *b)
{
    const struct period_record *x = a, *y = b;
    return period_key_compare(&x->key, &y->key);
}

/* As late.c does it; true when the open period was computed again. */
static bool repair_all(struct memory *m, struct period_record *late, uint32_t count)
{
    struct period_key until = {INT64_MIN, 0};
    uint32_t repaired = 0;

    qsort(late, count, sizeof *late, record_order);
    for (uint32_t i = 0; i < count; i++) {
        if (period_key_compare(&late[i].key, &until) < 0 || absorb(m, &late[i])) {
            continue;
        }
        m->skipped += repaired++ > 0;
        if (repair(m, late + i, count - i, &until)) {
            return true;
        }
    }
    return false;
}

/* One flush: as stored does it, all records are written first, then periods follow. */
static void flush(struct memory *m, const struct period_record *records, uint32_t count)
{
    static struct steps steps;
    struct period_record fresh[MAX_RECORDS], late[MAX_RECORDS];
    uint32_t fresh_count = 0, late_count = 0;

    steps.put_count = steps.told_count = 0;
    m->through = m->greatest;
    for (uint32_t i = 0; i < count; i++) {
        if (memory_insert(m, &records[i])) {
            fresh[fresh_count++] = records[i];
        }
    }
    for (uint32_t i = 0; i < fresh_count; i++) {
        bool in_order = period_key_compare(&fresh[i].key, &m->greatest) > 0;
        if (in_order) {
            m->greatest = fresh[i].key;
        }
        if (fresh[i].grade == 0) {
            continue;
        }
        if (in_order || period_takes_late(&m->open, &fresh[i])) {
            step(m, &steps, &fresh[i]);
        } else {
            late[late_count++] = fresh[i];
        }
    }
    if (!repair_all(m, late, late_count)) {
        write_steps(m, &steps);
    }
}

static struct memory *memory_new(int64_t gap_us)
{
    struct memory *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->gap_us = gap_us;
    m->greatest = (struct period_key){INT64_MIN, -1};
    return m;
}

/* In flushes of up to `most` records. */
static struct memory *arrive(const struct period_record *records, uint32_t count, int64_t gap_us,
                             uint32_t most)
{
    struct memory *m = memory_new(gap_us);

    for (uint32_t i = 0; i < count;) {
        uint32_t n = most == 1 ? 1 : 1 + (uint32_t)rand() % most;
        if (n > count - i) {
            n = count - i;
        }
        flush(m, records + i, n);
        i += n;
    }
    return m;
}

static int event_order(const void *a, const void *b)
{
    const struct period_event *x = a, *y = b;
    return period_key_compare(&x->at, &y->at);
}

/* The events that hold, in order. */
static uint32_t holding(const struct memory *m, struct period_event *events)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->event_count; i++) {
        if (!m->events[i].retracted) {
            events[count++] = m->events[i].event;
        }
    }
    qsort(events, count, sizeof *events, event_order);
    return count;
}

/* The open period is kept as it was when it began, as in the database; the state in memory
 * completes it. */
static struct period completed(const struct memory *m, uint32_t i)
{
    return i + 1 == m->period_count ? m->open : m->periods[i];
}

static int64_t integer(const struct json *node)
{
    char text[32];

    assert_non_null(node);
    assert_true(node->type == JSON_NUMBER && node->text.len < sizeof text);
    memcpy(text, node->text.at, node->text.len);
    text[node->text.len] = '\0';
    return strtoll(text, NULL, 10);
}

static void compare_case(const struct json *c, const struct memory *m)
{
    static const char *const ended_names[] = {NULL, "gap", "grade"};
    struct period_event events[MAX_RECORDS];
    const struct json *periods = json_get(c, "periods"), *told = json_get(c, "events");
    uint32_t i = 0;

    assert_int_equal(m->period_count, periods->count);
    for (const struct json *p = periods->first; p != NULL; p = p->next, i++) {
        struct period have = completed(m, i);
        const struct json *ended = json_get(p, "ended_by");
        assert_int_equal(have.grade, integer(json_get(p, "grade")));
        assert_true(have.start.t_us == integer(json_get(p, "t_start")));
        assert_true(have.sum.t_end_us == integer(json_get(p, "t_end")));
        assert_true((int64_t)have.sum.records == integer(json_get(p, "count")));
        if (have.ended == PERIOD_OPEN) {
            assert_true(ended->type == JSON_NULL);
        } else {
            assert_true(json_is(ended, ended_names[have.ended]));
        }
    }
    assert_int_equal(holding(m, events), told->count);
    i = 0;
    for (const struct json *e = told->first; e != NULL; e = e->next, i++) {
        const struct json *from = json_get(e, "from");
        assert_true(events[i].at.t_us == integer(json_get(e, "t")));
        assert_int_equal(events[i].to, integer(json_get(e, "to")));
        assert_int_equal(events[i].from, from->type == JSON_NULL ? 0 : integer(from));
    }
}

static struct slice read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    static char bytes[1024 * 1024];
    size_t n;

    assert_non_null(f);
    n = fread(bytes, 1, sizeof bytes, f);
    assert_true(n > 0 && n < sizeof bytes);
    fclose(f);
    return (struct slice){bytes, n};
}

static uint32_t read_arrival(const struct json *arrival, struct period_record *records)
{
    uint32_t count = 0;

    assert_true(arrival->count <= MAX_RECORDS);
    for (const struct json *r = arrival->first; r != NULL; r = r->next) {
        const struct json *v[4];
        const struct json *at = r->first;
        assert_int_equal(r->count, 4);
        for (int i = 0; i < 4; i++, at = at->next) {
            v[i] = at;
        }
        records[count++] = (struct period_record){.key = {integer(v[0]), (int32_t)integer(v[2])},
                                                  .t_end_us = integer(v[1]),
                                                  .grade = (uint8_t)integer(v[3])};
    }
    return count;
}

static void vectors(void **state)
{
    static const struct json_limits limits = {16, 1000000, 4096, false};
    struct arena *a = arena_new(256 * 1024 * 1024);
    const struct json *document, *cases;
    char error[200];
    uint32_t absorbed = 0, repaired = 0, converged = 0, skipped = 0, heads = 0, leapt = 0;

    (void)state;
    document = json_parse(a, read_file(VECTORS "/periods.json"), &limits, error, sizeof error);
    assert_non_null(document);
    cases = json_get(document, "cases");
    assert_int_equal(cases->count, 150);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        static const uint32_t flushes[] = {1, 3, 10, MAX_RECORDS};
        struct period_record records[MAX_RECORDS];
        uint32_t count = read_arrival(json_get(c, "arrival"), records);
        for (size_t f = 0; f < sizeof flushes / sizeof flushes[0]; f++) {
            struct memory *m = arrive(records, count, integer(json_get(c, "gap_us")), flushes[f]);
            compare_case(c, m);
            absorbed += m->absorbed;
            repaired += m->repaired;
            converged += m->converged;
            skipped += m->skipped;
            heads += m->heads;
            leapt += m->leapt;
            free(m);
        }
    }
    assert_true(absorbed > 0 && repaired > 0 && converged > 0 && skipped > 0);
    assert_true(heads > 0 && leapt > 0);
    arena_free(&a);
}

/* From the whole set at once, as the definition reads. */
static uint32_t naive(const struct memory *m, struct period *periods)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->record_count; i++) {
        const struct period_record *r = &m->records[i];
        struct period *p = count == 0 ? NULL : &periods[count - 1];
        if (r->grade == 0) {
            continue;
        }
        bool gap = p != NULL && r->key.t_us - p->sum.t_end_us > m->gap_us;
        if (p == NULL || gap || p->grade != r->grade) {
            if (p != NULL) {
                p->ended = gap ? PERIOD_GAP : PERIOD_GRADE;
            }
            periods[count++] = (struct period){r->key, {r->t_end_us, 1}, r->grade, PERIOD_OPEN};
        } else {
            p->sum.records++;
            if (r->t_end_us > p->sum.t_end_us) {
                p->sum.t_end_us = r->t_end_us;
            }
        }
    }
    return count;
}

static void compare_naive(const struct memory *m)
{
    struct period want[MAX_RECORDS];
    struct period_event events[MAX_RECORDS];
    uint32_t count = naive(m, want);

    assert_int_equal(m->period_count, count);
    assert_int_equal(holding(m, events), count);
    for (uint32_t i = 0; i < count; i++) {
        struct period have = completed(m, i);
        struct period_event e = period_event(i == 0 ? NULL : &want[i - 1], &want[i]);
        assert_int_equal(period_key_compare(&have.start, &want[i].start), 0);
        assert_true(period_sum_equal(&have.sum, &want[i].sum));
        assert_true(have.grade == want[i].grade && have.ended == want[i].ended);
        assert_int_equal(period_key_compare(&events[i].at, &e.at), 0);
        assert_true(events[i].from == e.from && events[i].to == e.to);
    }
}

/* Small ranges of times, lengths and grades, so that everything touches everything. */
static void random_sets(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        struct period_record records[96];
        uint32_t count;
        srand(seed);
        count = 2 + (uint32_t)rand() % 90;
        int spread = 10 + rand() % 200, grades = 1 + rand() % 3, ungraded = rand() % 2;
        for (uint32_t i = 0; i < count; i++) {
            int64_t t = rand() % 3 == 0 ? rand() % spread : (int64_t)i * spread / count;
            records[i] = (struct period_record){
                .key = {t, rand() % 3},
                .t_end_us = t + (rand() % 4 == 0 ? rand() % 30 : 0),
                .grade = (uint8_t)(ungraded && rand() % 5 == 0 ? 0 : 1 + rand() % grades)};
        }
        struct memory *m = arrive(records, count, rand() % 12, 1 + (uint32_t)rand() % 12);
        compare_naive(m);
        free(m);
    }
}

/* Late records at both ends of many periods, in one flush: those between are not gone through. */
static void far_apart(void **state)
{
    struct memory *m = memory_new(100);
    struct period_record late[] = {
        {{15, 0}, 15, 3}, {{1795, 0}, 1795, 3}, {{25, 0}, 25, 3}, {{1805, 0}, 1805, 3}};

    (void)state;
    for (int i = 0; i < 184; i++) {
        struct period_record r = {{i * 10, 0}, i * 10, (uint8_t)(1 + i % 2)};
        flush(m, &r, 1);
    }
    assert_int_equal(m->period_count, 184);
    flush(m, late, 4);
    compare_naive(m);
    assert_int_equal(m->period_count, 188);
    assert_true(m->repaired == 4 && m->converged == 4 && m->skipped == 3);
    assert_true(m->read <= 4 * 3);
    free(m);
}

/* A late record early in a long period, ended or open, or before it: the rest of it is not read. */
static void rest_is_not_read(void **state)
{
    static const struct period_record late[] = {{{25, 0}, 25, 3},
                                                {{965, 0}, 965, 3},
                                                {{25, 1}, 25, 1},
                                                {{945, 0}, 945, 2},
                                                {{-10, 0}, -10, 1}};
    struct memory *m = memory_new(100);

    (void)state;
    for (int i = 0; i < 180; i++) {
        struct period_record r = {{i * 10, 0}, i * 10, (uint8_t)(1 + i / 94)};
        flush(m, &r, 1);
    }
    assert_int_equal(m->period_count, 2);
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        flush(m, &late[i], 1);
        compare_naive(m);
    }
    assert_int_equal(m->period_count, 6);
    assert_true(m->repaired == 4 && m->leapt == 3); /* one went to the end at once */
    assert_true(m->read <= 4 * 3 * 3);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(random_sets),
                                       cmocka_unit_test(far_apart),
                                       cmocka_unit_test(rest_is_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
