/* SPDX-License-Identifier: Apache-2.0 */
/* A round: how many series are how, then each export, page by page. At its end it is written, once
 * for all who ask. */
#include "webd/series_look.h"

#include <stdlib.h>

#include "common/answer_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/log.h"
#include "common/question_about_all.h"

#define HIGH_WATER  16
#define ARENA_BYTES ((size_t)256 << 20) /* of an answer while it is read, and of what was found */
#define TIMEOUT_MS  20000
#define GRACE_US    INT64_C(5000000) /* for an answer to arrive, after queryd's own limit */
#define PAGE_ROWS   2000
#define FIRST_US    INT64_C(5000000) /* after the start: queryd may still be connecting */
#define CURSOR      256
#define TOTALS      UINT32_MAX /* instead of an export's place */
#define TEXT_MOST   ((size_t)32 << 20)

/* Lines of what was found, shared by this and the replies under way. */
struct series_text {
    unsigned users;
    char *at;
    size_t size;
};

struct series_look {
    const int64_t *look_s;
    struct export_rules *const *exports;
    struct series_counts counts;
    struct link link;
    uint64_t last_id, id; /* of the question under way; 0: none is */
    int64_t until_us, next_us, told_us;
    uint32_t place; /* what is asked for */
    char cursor[CURSOR];
    struct series_found *finding; /* the round under way */
    struct series_text *text;     /* of the last one */
};

static void leave_text(struct series_text *t)
{
    if (t != NULL && --t->users == 0) {
        free(t->at);
        free(t);
    }
}

static void free_finding(struct series_look *l)
{
    if (l->finding != NULL) {
        arena_free(&l->finding->arena);
        free(l->finding);
        l->finding = NULL;
    }
}

/* ---- what was found, written ---- */

/* NULL: memory is out. */
static struct series_text *write_text(const struct series_found *found)
{
    struct series_text *t = calloc(1, sizeof *t);
    FILE *f = t == NULL ? NULL : open_memstream(&t->at, &t->size);
    if (f != NULL) {
        series_metrics_write(f, found);
    }
    if (f == NULL || fclose(f) != 0) {
        free(t == NULL ? NULL : t->at);
        free(t);
        return NULL;
    }
    t->users = 1;
    return t;
}

/* What is too long, since names are, is told without its series. */
static struct series_text *write_within_bounds(struct series_found *found)
{
    struct series_text *t = write_text(found);
    if (t == NULL || t->size <= TEXT_MOST) {
        return t;
    }
    log_warn("series.cut", "bytes=%zu limit=%zu", t->size, TEXT_MOST);
    leave_text(t);
    for (uint32_t i = 0; i < found->export_count; i++) {
        found->export[i].count = 0;
        found->export[i].cut = true;
    }
    return write_text(found);
}

/* From now on this is told. */
static void tell(struct series_look *l)
{
    struct series_text *t = write_within_bounds(l->finding);
    free_finding(l);
    if (t != NULL) {
        leave_text(l->text);
        l->text = t;
        l->told_us = daemon_clock_us();
    }
}

/* ---- asking ---- */

static void end(struct series_look *l, int64_t clock_us)
{
    l->id = 0;
    l->next_us = clock_us + *l->look_s * 1000000;
}

static void fail(struct series_look *l, const char *why, struct slice text)
{
    static struct log_limit said;
    ++*l->counts.failed;
    if (log_allowed(&said, 3)) {
        log_warn("series.failed", "error=\"%s\" text=\"%.*s\"", why, SLICE_SHOWN(text, 200));
    }
    if (l->finding != NULL && l->place != TOTALS) { /* what was found before is true all the same */
        l->finding->export_count--;
        tell(l);
    }
    free_finding(l);
    end(l, daemon_clock_us());
}

static void ask(struct series_look *l)
{
    struct query_message q;
    if (l->place == TOTALS) {
        q = question_about_all(QUERY_NOW, "webd", TIMEOUT_MS);
        q.grade_low = 1;
        q.grade_high = 2;
        q.limit = 1;
    } else {
        struct export_rule *e = &(*l->exports)->at[l->place];
        q = question_about_all(QUERY_EXPORTED, "webd", TIMEOUT_MS);
#define FROM_EXPORT(x, name, Name, addresses, help) q.name = e->criteria[DIMENSION_##name];
        DIMENSIONS(FROM_EXPORT, )
        q.grade_name = e->grade;
        q.metrics = e->metrics;
        q.metrics_count = e->metric_count;
        q.after = slice_of(l->cursor);
        q.limit = PAGE_ROWS;
    }
    q.id = ++l->last_id;
    if (query_link_ask(&l->link, &q) == -1) {
        fail(l, "queryd takes no questions", slice_of(""));
        return;
    }
    l->id = q.id;
    l->until_us = daemon_clock_us() + (int64_t)TIMEOUT_MS * 1000 + GRACE_US;
}

static void begin(struct series_look *l)
{
    l->finding = calloc(1, sizeof *l->finding);
    if (l->finding != NULL) {
        l->finding->arena = arena_new(ARENA_BYTES);
    }
    if (l->finding == NULL || l->finding->arena == NULL) {
        fail(l, "out of memory", slice_of(""));
        return;
    }
    l->finding->as_of_us = daemon_now_us();
    l->place = TOTALS;
    l->cursor[0] = '\0';
    ask(l);
}

/* The next export, or the end of the round. */
static void go_on(struct series_look *l)
{
    const struct export_rules *all = *l->exports;
    struct series_found *f = l->finding;
    l->place = l->place == TOTALS ? 0 : l->place + 1;
    l->cursor[0] = '\0';
    if (l->place < all->count) {
        if (series_found_begin(f, &all->at[l->place]) == NULL) {
            fail(l, "out of memory", slice_of(""));
        } else {
            ask(l);
        }
        return;
    }
    tell(l);
    ++*l->counts.rounds;
    end(l, daemon_clock_us());
}

/* ---- answers ---- */

static void take_page(struct series_look *l, const struct answer_message *m)
{
    const struct series_export *of = &l->finding->export[l->finding->export_count - 1];
    uint32_t rows = answer_rows(m);
    if (series_found_states(l->finding, m) == -1) {
        fail(l, "out of memory, or queryd answers with other columns", slice_of(""));
    } else if (rows < PAGE_ROWS || of->cut) {
        go_on(l);
    } else {
        struct slice cursor = answer_row(m, rows - 1)[m->columns_count - 1];
        snprintf(l->cursor, sizeof l->cursor, "%.*s", (int)cursor.len,
                 cursor.at == NULL ? "" : cursor.at);
        ask(l);
    }
}

static void take_answer(struct series_look *l, const struct answer_message *m)
{
    l->id = 0;
    if (m->status == ANSWER_INVALID && l->place != TOTALS) {
        go_on(l); /* such as a grade name that no grading has yet */
    } else if (m->status != ANSWER_OK) {
        fail(l, "queryd cannot answer", m->message);
    } else if (l->place != TOTALS) {
        take_page(l, m);
    } else if (series_found_totals(l->finding, m) == -1) {
        fail(l, "out of memory", slice_of(""));
    } else {
        go_on(l);
    }
}

static void on_answer(const struct link *link, struct slice bytes)
{
    struct series_look *l = link->context;
    struct answer_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        ++*l->counts.malformed;
    } else if (l->id != 0 && m.id == l->id) {
        take_answer(l, &m);
    }
    arena_free(&a);
}

/* ---- around ---- */

struct series_look *series_look_new(struct event_base *base, const int64_t *look_s,
                                    struct export_rules *const *exports,
                                    struct series_counts counts)
{
    struct series_look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("series.start", "error=\"out of memory\"");
        return NULL;
    }
    l->look_s = look_s;
    l->exports = exports;
    l->counts = counts;
    l->next_us = daemon_clock_us() + FIRST_US;
    if (query_link_open(&l->link, base, l, on_answer, counts.malformed, HIGH_WATER) == -1) {
        series_look_free(&l);
    }
    return l;
}

void series_look_free(struct series_look **l)
{
    if (*l != NULL) {
        link_close(&(*l)->link);
        free_finding(*l);
        leave_text((*l)->text);
        free(*l);
        *l = NULL;
    }
}

void series_look_again(struct series_look *l)
{
    free_finding(l);
    l->id = 0;
    l->next_us = 0;
}

void series_look_tick(struct series_look *l)
{
    int64_t clock_us = daemon_clock_us();
    link_drain(&l->link);
    if (l->id != 0 && clock_us >= l->until_us) {
        fail(l, "queryd does not answer", slice_of(""));
    }
    if (*l->look_s > 0 && l->id == 0 && clock_us >= l->next_us) {
        begin(l);
    }
}

static void leave(const void *at, size_t size, void *text)
{
    (void)at, (void)size;
    leave_text(text);
}

int series_look_add(const struct series_look *l, struct evbuffer *buffer)
{
    int64_t most_us = 3 * *l->look_s * 1000000 + (int64_t)TIMEOUT_MS * 1000;
    struct series_text *t = l->text;
    if (*l->look_s == 0 || t == NULL || daemon_clock_us() - l->told_us >= most_us) {
        return 0;
    }
    t->users++;
    if (evbuffer_add_reference(buffer, t->at, t->size, leave, t) == -1) {
        leave_text(t);
        return -1;
    }
    return 0;
}
