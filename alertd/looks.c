/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions at a time at most: one about the feed, which is held, and one of a round. */
#include "alertd/looks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/answer_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/log.h"
#include "common/message.h"
#include "common/question_about_all.h"
#include "common/record_dimensions.h"
#include "schemas/feed_kinds.h"

#define HIGH_WATER   16
#define ARENA_BYTES  ((size_t)256 << 20) /* of an answer, while it is read */
#define TIMEOUT_MS   30000
#define GRACE_US     INT64_C(5000000) /* for an answer to arrive, after queryd's own limit */
#define WAIT_MS      30000
#define PAGE_ROWS    500
#define FEED_ROWS    1000
#define LEAST_GAP_US INT64_C(200000) /* between two rounds; and four times as long as one takes */
#define AGAIN_US     INT64_C(1000000)
#define CURSOR_BYTES 256

enum { ASKER_FEED, ASKER_ROUND, ASKERS };

/* A question that is under way; id 0: none. */
struct asked {
    uint64_t id;
    int64_t until_us;
};

struct looks {
    struct alertd *d;
    void (*changed)(struct alertd *d);
    struct link link;
    struct event *timer;
    uint64_t last_id;
    struct asked asked[ASKERS];
    char feed_cursor[CURSOR_BYTES];
    bool begun;                     /* what was told before may be asked for */
    bool adopted;                   /* it is known */
    char told_cursor[CURSOR_BYTES]; /* how far it is */
    bool in_round, due;
    uint32_t route;             /* of the round, the one that is asked about */
    int64_t round_us, ended_us; /* when the round began, and the last whole one ended */
    int64_t next_us;            /* not before */
    int64_t feed_next_us;
    bool limited[ROUTES_MAX]; /* more was bad than a route may tell, at the last look */
};

/* ---- asking ---- */

static struct query_message question_of(enum query_kind kind)
{
    return question_about_all(kind, "alertd", TIMEOUT_MS);
}

static int ask(struct looks *l, int asker, struct query_message *q)
{
    q->id = ++l->last_id;
    if (query_link_ask(&l->link, q) == -1) {
        return -1;
    }
    l->asked[asker] = (struct asked){q->id, daemon_clock_us() + GRACE_US +
                                                (int64_t)(q->timeout_ms + q->wait_ms) * 1000};
    return 0;
}

static void ask_feed(struct looks *l)
{
    struct query_message q = question_of(QUERY_CHANGES);
    q.after = slice_of(l->feed_cursor[0] == '\0' ? CURSOR_NOW : l->feed_cursor);
    q.limit = FEED_ROWS;
    q.wait_ms = WAIT_MS;
    if (ask(l, ASKER_FEED, &q) == -1) {
        l->feed_next_us = daemon_clock_us() + AGAIN_US;
    }
}

static void ask_told(struct looks *l)
{
    struct query_message q = question_of(QUERY_ALERTS);
    q.after = slice_of(l->told_cursor);
    q.ended = ALERTS_UNSETTLED;
    q.limit = PAGE_ROWS;
    if (ask(l, ASKER_ROUND, &q) == -1) {
        l->next_us = daemon_clock_us() + AGAIN_US;
    }
}

static void fail_round(struct looks *l, const char *why, struct slice text)
{
    static struct log_limit said;
    counters[COUNT_ROUNDS_FAILED]++;
    if (log_allowed(&said, 3)) {
        log_warn("look.failed", "error=\"%s\" text=\"%.*s\"", why, SLICE_SHOWN(text, 200));
    }
    l->in_round = false;
    l->due = true;
    l->next_us = daemon_clock_us() + AGAIN_US;
}

static void ask_route(struct looks *l)
{
    const struct route *r = &l->d->routes->route[l->route];
    struct query_message q = question_of(QUERY_TELLING);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        *(struct slice *)(void *)query_dimension(&q, d) = r->criteria[d];
    }
    q.silences = r->silences;
    q.grade_name = r->grade;
    q.grade_low = (uint64_t)r->low;
    q.grade_high = (uint64_t)r->high;
    q.limit = (uint64_t)r->limit + 1;
    if (ask(l, ASKER_ROUND, &q) == -1) {
        fail_round(l, "queryd takes no questions", slice_of(""));
    }
}

/* ---- rounds ---- */

static void end_round(struct looks *l)
{
    int64_t clock_us = daemon_clock_us(), took_us = clock_us - l->round_us;
    l->in_round = false;
    l->ended_us = clock_us;
    l->next_us = clock_us + (4 * took_us > LEAST_GAP_US ? 4 * took_us : LEAST_GAP_US);
    counters[COUNT_ROUNDS]++;
    counters[COUNT_ROUND_MS] = (uint64_t)(took_us / 1000);
    l->changed(l->d);
}

/* That there is more than a route may tell is told itself. */
static void tell_limit(struct looks *l, const struct route *r, bool cut)
{
    struct alerts *t = &l->d->alerts;
    char text[200];
    int64_t now_us = daemon_now_us(), clock_us = daemon_clock_us();
    snprintf(text, sizeof text,
             "more is bad than the %" PRId64 " alerts that the route %.*s may have at a time",
             r->limit, SLICE_SHOWN(r->name, 64));
    struct alert *a =
        alerts_own(t, l->d->routes, "EzrepoAlertLimit", r->name, text, now_us, clock_us);
    if (a != NULL && !cut) {
        alerts_end(t, a, now_us, clock_us);
    }
}

/* Of the route under way nothing fires. */
static void pass(struct looks *l)
{
    const struct route *r = &l->d->routes->route[l->route];
    alerts_look(&l->d->alerts, r);
    alerts_looked(&l->d->alerts, r, daemon_now_us(), daemon_clock_us());
    if (l->limited[l->route]) {
        tell_limit(l, r, false);
        l->limited[l->route] = false;
    }
    l->route++;
}

/* The next route that has its hours, or the end. */
static void go_on(struct looks *l)
{
    const struct alert_routes *routes = l->d->routes;
    while (l->route < routes->count &&
           !week_hours_have(routes->route[l->route].hours, daemon_now_us())) {
        pass(l);
    }
    if (l->route < routes->count) {
        ask_route(l);
    } else {
        end_round(l);
    }
}

static void begin_round(struct looks *l)
{
    l->in_round = true;
    l->due = false;
    l->route = 0;
    l->round_us = daemon_clock_us();
    alerts_round(&l->d->alerts, l->d->routes, daemon_now_us(), l->round_us);
    go_on(l);
}

static bool is_due(const struct looks *l, int64_t clock_us)
{
    return l->due || clock_us - l->ended_us >= l->d->settings.look_s * 1000000 ||
           daemon_now_us() >= l->d->alerts.due_us;
}

/* Whatever can be asked now. */
static void look_around(struct looks *l)
{
    int64_t clock_us = daemon_clock_us();
    if (!l->begun) {
        return;
    }
    if (l->asked[ASKER_FEED].id == 0 && clock_us >= l->feed_next_us) {
        ask_feed(l);
    }
    if (l->asked[ASKER_ROUND].id == 0 && !l->in_round && clock_us >= l->next_us) {
        if (!l->adopted) {
            ask_told(l);
        } else if (is_due(l, clock_us)) {
            begin_round(l);
        }
    }
}

/* When the next thing is due, as far as that is before the next second. */
static void wake_up(struct looks *l)
{
    int64_t wait_us = l->next_us - daemon_clock_us();
    if (l->due && wait_us < 1000000) {
        struct timeval t = {0, wait_us > 1000 ? wait_us : 1000};
        evtimer_add(l->timer, &t);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    look_around(context);
}

/* ---- answers ---- */

/* COLUMNS_OF_TELLING */
static struct alert_subject subject_of(const struct slice *cell)
{
    struct alert_subject s = {.grade_name = cell[7].at == NULL ? slice_of("") : cell[7],
                              .grade = answer_number(cell[8]),
                              .series = answer_number(cell[9]),
                              .since_us = answer_time(cell[10], 0),
                              .last_us = answer_time(cell[11], INT64_MIN),
                              .count = answer_number(cell[12]),
                              .version = cell[13],
                              .line = cell[15]};
    memcpy(s.dimensions, cell + 1, sizeof s.dimensions);
    return s;
}

static void take_look(struct looks *l, const struct answer_message *m)
{
    const struct route *r = &l->d->routes->route[l->route];
    struct alerts *t = &l->d->alerts;
    uint32_t rows = answer_rows(m), shown = rows < (uint32_t)r->limit ? rows : (uint32_t)r->limit;
    bool cut = rows > shown;
    if (m->columns_count != 16) {
        fail_round(l, "queryd answers with other columns", slice_of(""));
        return;
    }
    alerts_look(t, r);
    for (uint32_t i = 0; i < shown; i++) {
        struct alert_subject s = subject_of(answer_row(m, i));
        alerts_found(t, l->d->routes, r, &s, daemon_now_us(), daemon_clock_us());
    }
    alerts_looked(t, r, daemon_now_us(), daemon_clock_us());
    if (cut || l->limited[l->route]) {
        tell_limit(l, r, cut);
        l->limited[l->route] = cut;
    }
    l->route++;
    go_on(l);
}

/* Such as by a grade name that no grading had yet: nothing is bad by it, and the others go on. */
static void take_refusal(struct looks *l, struct slice text)
{
    static struct log_limit said;
    const struct route *r = &l->d->routes->route[l->route];
    if (log_allowed(&said, 3)) {
        log_warn("route.refused", "name=%.*s error=\"%.*s\"", SLICE_SHOWN(r->name, 64),
                 SLICE_SHOWN(text, 200));
    }
    pass(l);
    go_on(l);
}

/* COLUMNS_OF_ALERTS */
static void adopt(struct looks *l, const struct slice *cell, const char *const *receivers)
{
    struct alert_row row = {.fired_us = answer_time(cell[0], 0),
                            .probe = cell[3],
                            .route = cell[7],
                            .grade_name = cell[8],
                            .since_us = answer_time(cell[9], 0),
                            .resolved_us = answer_time(cell[10], 0),
                            .id = cell[11],
                            .key = cell[12],
                            .series = answer_number(cell[13]),
                            .document = cell[14]};
    if (row.key.at == NULL || row.document.at == NULL ||
        alerts_adopt(&l->d->alerts, &row, receivers, daemon_clock_us()) == -1) {
        log_error("alert.adopt", "id=%.*s error=\"cannot be read\"", SLICE_SHOWN(row.id, 40));
    }
}

static void take_told(struct looks *l, const struct answer_message *m)
{
    uint32_t rows = answer_rows(m);
    if (m->columns_count != 16) {
        fail_round(l, "queryd answers with other columns", slice_of(""));
        return;
    }
    for (uint32_t i = 0; i < rows; i++) {
        const struct slice *cell = answer_row(m, i);
        adopt(l, cell, l->d->targets->names);
        snprintf(l->told_cursor, sizeof l->told_cursor, "%.*s", (int)cell[15].len,
                 cell[15].at == NULL ? "" : cell[15].at);
    }
    if (rows < PAGE_ROWS) {
        l->adopted = true;
        l->due = true;
        log_info("alerts.known", "firing=%u ended=%u", (unsigned)l->d->alerts.firing,
                 (unsigned)l->d->alerts.ended);
    }
    look_around(l);
}

static void take_feed(struct looks *l, const struct answer_message *m)
{
    uint32_t rows = answer_rows(m);
    if (rows == 0 || m->status != ANSWER_OK) {
        l->feed_next_us = daemon_clock_us() + AGAIN_US;
        l->feed_cursor[0] = '\0'; /* what was missed is looked for */
        l->due = true;
    } else {
        const struct slice *last = answer_row(m, rows - 1);
        struct slice cursor = last[m->columns_count - 1];
        snprintf(l->feed_cursor, sizeof l->feed_cursor, "%.*s", (int)cursor.len,
                 cursor.at == NULL ? "" : cursor.at);
        counters[COUNT_ENTRIES] += rows - 1;
        l->due = l->due || !slice_is(last[1], FEED_END) || rows > 1;
    }
    look_around(l);
}

static void take_answer(struct looks *l, int asker, const struct answer_message *m)
{
    if (asker == ASKER_FEED) {
        take_feed(l, m);
    } else if (m->status == ANSWER_INVALID && l->in_round) {
        take_refusal(l, m->message);
    } else if (m->status != ANSWER_OK) {
        fail_round(l, "queryd cannot answer", m->message);
    } else if (!l->adopted) {
        take_told(l, m);
    } else {
        take_look(l, m);
    }
    wake_up(l);
}

static void on_answer(const struct link *link, struct slice bytes)
{
    struct looks *l = link->context;
    struct answer_message m;
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        counters[COUNT_MALFORMED]++;
        arena_free(&a);
        return;
    }
    for (int i = 0; i < ASKERS; i++) {
        if (l->asked[i].id != 0 && l->asked[i].id == m.id) {
            l->asked[i].id = 0;
            take_answer(l, i, &m);
            break;
        }
    }
    arena_free(&a);
}

/* ---- around ---- */

struct looks *looks_new(struct alertd *d, void (*changed)(struct alertd *d))
{
    struct looks *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("looks.start", "error=\"out of memory\"");
        return NULL;
    }
    l->d = d;
    l->changed = changed;
    l->ended_us = daemon_clock_us();
    l->timer = evtimer_new(d->base, on_timer, l);
    if (query_link_open(&l->link, d->base, l, on_answer, &counters[COUNT_MALFORMED], HIGH_WATER) ==
            -1 ||
        l->timer == NULL) {
        looks_free(&l);
    }
    return l;
}

void looks_free(struct looks **l)
{
    if (*l != NULL) {
        link_close(&(*l)->link);
        if ((*l)->timer != NULL) {
            event_free((*l)->timer);
        }
        free(*l);
        *l = NULL;
    }
}

void looks_begin(struct looks *l)
{
    l->begun = true;
    look_around(l);
}

void looks_reload(struct looks *l, struct alert_routes **routes)
{
    for (uint32_t i = 0; i < l->d->routes->count; i++) {
        if (l->limited[i]) {
            tell_limit(l, &l->d->routes->route[i], false);
            l->limited[i] = false;
        }
    }
    if (l->adopted) {
        l->asked[ASKER_ROUND].id = 0; /* that answer is none any more */
        l->in_round = false;
    }
    l->due = true;
    alert_routes_free(&l->d->routes);
    l->d->routes = *routes;
    *routes = NULL;
}

void looks_tick(struct looks *l)
{
    int64_t clock_us = daemon_clock_us();
    link_drain(&l->link);
    if (l->asked[ASKER_FEED].id != 0 && clock_us >= l->asked[ASKER_FEED].until_us) {
        l->asked[ASKER_FEED].id = 0;
        l->due = true;
    }
    if (l->asked[ASKER_ROUND].id != 0 && clock_us >= l->asked[ASKER_ROUND].until_us) {
        l->asked[ASKER_ROUND].id = 0;
        fail_round(l, "queryd does not answer", slice_of(""));
    }
    look_around(l);
}

int64_t looks_blind_us(const struct looks *l)
{
    return daemon_clock_us() - l->ended_us;
}
