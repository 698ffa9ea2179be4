/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions, one after the other: which metrics there are, and the grading in force. */
#include "webd/api/store_look.h"

#include <stdlib.h>

#include "common/answer_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/log.h"
#include "common/question_about_all.h"

#define HIGH_WATER  4
#define ARENA_BYTES ((size_t)128 << 20) /* of what was found: a document read, and rows */
#define TIMEOUT_MS  5000
#define GRACE_US    INT64_C(1000000)
#define GOOD_US     INT64_C(10000000)
#define ROWS_MOST   LIMIT_ANSWER_ROWS

/* The columns of METRICS, and where the document is in those of GRADING. */
enum { TYPE, CONTENT, NAME, LEAST, MOST, METRIC_COLUMNS };
#define DOCUMENT 3

struct store_look {
    void (*done)(void *context);
    void *context;
    struct link link;
    uint64_t last_id, id; /* of the question under way; 0: none is */
    bool of_grading;      /* that question */
    int64_t until_us, found_us;
    struct store_seen *finding, *found;
};

void store_seen_leave(struct store_seen **s)
{
    if (*s != NULL && --(*s)->users == 0) {
        arena_free(&(*s)->arena);
        free(*s);
    }
    *s = NULL;
}

static struct store_seen *seen_new(void)
{
    struct store_seen *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->users = 1;
        s->arena = arena_new(ARENA_BYTES);
    }
    if (s != NULL && s->arena == NULL) {
        store_seen_leave(&s);
    }
    return s;
}

/* ---- asking ---- */

/* found: what was asked for is known. What was found before is not told any more in any case. */
static void end(struct store_look *l, bool found)
{
    l->id = 0;
    store_seen_leave(&l->found);
    if (found) {
        l->found = l->finding;
        l->finding = NULL;
        l->found_us = daemon_clock_us();
    }
    store_seen_leave(&l->finding);
    l->done(l->context);
}

static void ask(struct store_look *l, bool of_grading)
{
    struct query_message q =
        question_about_all(of_grading ? QUERY_GRADING : QUERY_METRICS, "webd", TIMEOUT_MS);
    q.limit = of_grading ? 0 : ROWS_MOST;
    q.id = ++l->last_id;
    l->of_grading = of_grading;
    l->id = q.id;
    l->until_us = daemon_clock_us() + (int64_t)TIMEOUT_MS * 1000 + GRACE_US;
    if (query_link_ask(&l->link, &q) == -1) {
        l->id = 0;
    }
}

bool store_look_begin(struct store_look *l)
{
    if (l->id != 0) {
        return true;
    }
    if (l->found != NULL && daemon_clock_us() - l->found_us < GOOD_US) {
        return false;
    }
    store_seen_leave(&l->found);
    l->finding = seen_new();
    if (l->finding != NULL) {
        ask(l, false);
    }
    if (l->id == 0) {
        store_seen_leave(&l->finding);
    }
    return l->id != 0;
}

struct store_seen *store_look_use(struct store_look *l)
{
    if (l->found != NULL) {
        l->found->users++;
    }
    return l->found;
}

/* ---- answers ---- */

/* In the arena of what is found; "" for null. */
static struct slice kept(struct store_seen *s, struct slice cell, bool *failed)
{
    struct slice copy = cell.at == NULL ? slice_of("") : arena_copy(s->arena, cell);
    *failed = *failed || copy.at == NULL;
    return copy;
}

static bool take_metrics(struct store_seen *s, const struct answer_message *m)
{
    uint32_t rows = answer_rows(m);
    struct grading_seen_metric *metrics = arena_calloc(s->arena, (size_t)rows + 1, sizeof *metrics);
    bool failed = metrics == NULL || (rows > 0 && m->columns_count < METRIC_COLUMNS);
    for (uint32_t i = 0; i < rows && !failed; i++) {
        const struct slice *cells = answer_row(m, i);
        metrics[i] = (struct grading_seen_metric){.type = kept(s, cells[TYPE], &failed),
                                                  .content = kept(s, cells[CONTENT], &failed),
                                                  .name = kept(s, cells[NAME], &failed),
                                                  .least = kept(s, cells[LEAST], &failed),
                                                  .most = kept(s, cells[MOST], &failed)};
    }
    s->seen.metrics = metrics;
    s->seen.metric_count = failed ? 0 : rows;
    return !failed;
}

/* One that was published by rules of before, or none yet, is compared with nothing. */
static void take_grading(struct store_seen *s, const struct answer_message *m)
{
    struct grading_faults faults = {0};
    if (m->status == ANSWER_OK && answer_rows(m) == 1 && m->columns_count > DOCUMENT) {
        s->seen.in_force = grading_read(s->arena, answer_row(m, 0)[DOCUMENT], &faults);
    }
}

static void take_answer(struct store_look *l, const struct answer_message *m)
{
    l->id = 0;
    if (l->of_grading) {
        take_grading(l->finding, m);
        end(l, true);
        return;
    }
    if (m->status == ANSWER_OK && take_metrics(l->finding, m)) {
        ask(l, true);
    }
    if (l->id == 0) {
        end(l, false);
    }
}

static void on_answer(const struct link *link, struct slice bytes)
{
    struct store_look *l = link->context;
    struct answer_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        ++*link->malformed;
    } else if (l->id != 0 && m.id == l->id) {
        take_answer(l, &m);
    }
    arena_free(&a);
}

/* ---- around ---- */

struct store_look *store_look_new(struct event_base *base, uint64_t *malformed,
                                  void (*done)(void *context), void *context)
{
    struct store_look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("checks.start", "error=\"out of memory\"");
        return NULL;
    }
    l->done = done;
    l->context = context;
    if (query_link_open(&l->link, base, l, on_answer, malformed, HIGH_WATER) == -1) {
        store_look_free(&l);
    }
    return l;
}

void store_look_free(struct store_look **l)
{
    if (*l != NULL) {
        link_close(&(*l)->link);
        store_seen_leave(&(*l)->finding);
        store_seen_leave(&(*l)->found);
        free(*l);
        *l = NULL;
    }
}

void store_look_tick(struct store_look *l)
{
    link_drain(&l->link);
    if (l->id != 0 && daemon_clock_us() >= l->until_us) {
        query_link_cancel(&l->link, l->id);
        end(l, false);
    }
}
