/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions: received, queued, run, answered or given up. One question holds one arena, which
 * bounds its answer; a row beyond it ends the statement.
 */
#include "queryd/questions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/deadline.h"
#include "common/grow.h"
#include "common/log.h"
#include "common/message.h"
#include "common/pg/pool.h"
#include "common/turns.h"
#include "common/utf8.h"
#include "queryd/criteria.h"
#include "queryd/cursor.h"
#include "queryd/why/why.h"
#include "schemas/feed_kinds.h"
#include "schemas/store_version.h"

#define IDENTITY_BYTES   255 /* ZeroMQ's routing ids are not longer */
#define CRITERIA_BYTES   (256 * 1024)
#define DRAIN_US         INT64_C(5000000)
#define RECEIVED_AT_ONCE 100
#define HELD_LOOK_US     INT64_C(5000000) /* news that were lost are looked for so often */
#define MOVING           3                /* keys of a cursor of the feed */

const struct counter_row counter_rows[] = {QUESTION_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t counters[COUNTERS];

/* Which statement of a question is under way, or is next. */
enum question_step {
    STEP_ASK,
    STEP_NAMES,   /* all grade names */
    STEP_VERSIONS /* of the grading, by which records are graded again */
};

struct question {
    struct turn turn; /* comes first: a turn is its question's beginning */
    struct question *prev, *next;
    bool running;
    char identity[IDENTITY_BYTES];
    size_t identity_length;
    uint64_t id;
    int64_t arrived_us, deadline_us; /* daemon_clock_us() */
    struct arena *arena;
    struct criteria criteria;
    struct slice *cells; /* texts in the arena */
    uint32_t cell_count, cell_room;
    int64_t held_until_us; /* may wait so long for something to answer; 0: is answered at once */
    bool held; /* waits for it, and has no turn: its cells say that there is nothing yet */
    bool due;  /* there may be something by now */
    struct slice asker;
    char moved[MOVING][24]; /* how far it has come meanwhile */
    bool cancelled;         /* nobody waits for the answer any more */
    bool too_large;
    enum question_step step;
    struct why *why;          /* of one that explains: what was read so far */
    const char *why_versions; /* that are to be read */
    bool name_found;
    char names[LIMIT_TEXT_BYTES / 2];
};

static struct {
    zloop_t *loop;
    zsock_t *socket, *news; /* stored's: what was committed */
    int64_t held_looked_us;
    uint32_t held_count;
    const struct queryd_settings *settings;
    struct pool *pool;
    struct deadline deadline; /* for the first that waits too long, and the end of draining */
    struct question *all;     /* that wait, run or are held */
    struct turns turns;
    struct editions editions;
    bool dispatching;
    bool draining;
    int64_t drain_until_us;
    struct log_limit said;
} self;

static void question_free(struct question *q)
{
    if (q != NULL) {
        arena_free(&q->arena);
        free(q->cells);
        free(q);
    }
}

/* The text, cut at a character so that it fits a message. */
static struct slice cut(const char *text)
{
    struct slice s = slice_of(text);
    if (s.len > LIMIT_TEXT_BYTES) {
        s.len = utf8_cut(s.at, LIMIT_TEXT_BYTES);
    }
    return s;
}

static void count_status(enum answer_status status)
{
    static const enum counter by_status[ANSWER_STATUSES] = {
        [ANSWER_OK] = COUNT_ANSWERED,         [ANSWER_INVALID] = COUNT_INVALID,
        [ANSWER_TIMEOUT] = COUNT_TIMEOUTS,    [ANSWER_UNAVAILABLE] = COUNT_UNAVAILABLE,
        [ANSWER_TOO_LARGE] = COUNT_TOO_LARGE, [ANSWER_CANCELLED] = COUNT_CANCELLED,
    };
    counters[by_status[status]]++;
}

static const char *too_large(char text[200])
{
    snprintf(text, 200,
             "the answer exceeds %" PRId64 " bytes: lower list.limit and go on with list.after",
             self.settings->answer_bytes);
    return text;
}

/* Sends the bytes; an asker that is gone or takes nothing loses its answer. */
static void send_bytes(const struct question *q, struct slice bytes)
{
    struct slice frames[] = {{q->identity, q->identity_length}, bytes};
    if (bus_send(self.socket, frames, 2) != 0) {
        counters[COUNT_UNDELIVERABLE]++;
        if (log_allowed(&self.said, 5)) {
            log_warn("answer.undeliverable", "id=%" PRIu64 " bytes=%zu", q->id, bytes.len);
        }
    }
}

/* Encodes and sends; what turns out too large becomes an answer that says so. */
static void send_answer(const struct question *q, struct answer_message *a)
{
    char text[200];
    struct pack p;
    pack_init(&p);
    answer_encode(&p, a);
    if (!pack_ok(&p) || pack_bytes(&p).len > (size_t)self.settings->answer_bytes) {
        struct answer_message smaller = {
            .id = a->id, .status = ANSWER_TOO_LARGE, .message = slice_of(too_large(text))};
        *a = smaller;
        pack_reset(&p);
        answer_encode(&p, a);
    }
    count_status((enum answer_status)a->status);
    if (pack_ok(&p)) {
        send_bytes(q, pack_bytes(&p));
    }
    pack_release(&p);
}

/* The end of a question: it is answered and gone. */
static void answer(struct question *q, enum answer_status status, const char *message)
{
    struct slice columns[64];
    struct answer_message a = {.id = q->id, .status = status, .message = cut(message)};
    if (status == ANSWER_OK) {
        for (uint32_t i = 0; i < q->criteria.column_count; i++) {
            columns[i] = slice_of(q->criteria.columns[i]);
        }
        a.columns = columns;
        a.columns_count = q->criteria.column_count;
        a.cells = q->cells;
        a.cells_count = q->cell_count;
        counters[COUNT_ROWS] += q->cell_count / q->criteria.column_count;
    }
    int64_t ms = (daemon_clock_us() - q->arrived_us) / 1000;
    counters[COUNT_MS_LAST] = (uint64_t)ms;
    if ((uint64_t)ms > counters[COUNT_MS_MAX]) {
        counters[COUNT_MS_MAX] = (uint64_t)ms;
    }
    log_debug("query.answered", "id=%" PRIu64 " status=%d ms=%" PRId64, q->id, (int)status, ms);
    send_answer(q, &a);
    question_free(q);
}

/* One neither waits nor runs any more. */
static void leave(struct question *q)
{
    DL_DELETE(self.all, q);
    if (q->held) {
        self.held_count--;
    } else if (q->running) {
        turns_done(&self.turns, &q->turn);
    } else {
        turns_leave(&self.turns, &q->turn);
    }
}

static void conclude(struct question *q, enum answer_status status, const char *message)
{
    leave(q);
    answer(q, status, message);
}

static void conclude_unavailable(struct question *q)
{
    char text[LIMIT_TEXT_BYTES];
    snprintf(text, sizeof text, "%s%s",
             pool_unfit(self.pool) ? "" : "the database is away: ", pool_error(self.pool));
    conclude(q, ANSWER_UNAVAILABLE, text);
}

/* ---- rows ---- */

static int add_cell(struct question *q, struct slice text)
{
    struct slice *cells = q->cell_count == LIMIT_ANSWER_CELLS
                              ? NULL
                              : grow(q->cells, q->cell_count, &q->cell_room, sizeof *q->cells);
    if (cells == NULL) {
        return -1;
    }
    q->cells = cells;
    q->cells[q->cell_count++] = text;
    return 0;
}

/* Remembers whether the name asked for is there, and the names for the message. */
static void take_name(struct question *q, const char *name)
{
    if (strcmp(name, q->criteria.grade_name) == 0) {
        q->name_found = true;
    }
    size_t used = strlen(q->names);
    if (used + strlen(name) + 2 < sizeof q->names) {
        snprintf(q->names + used, sizeof q->names - used, "%s%s", used == 0 ? "" : ", ", name);
    }
}

/* A version of the grading; what is kept of it is compiled. */
static void take_version(struct question *q, const PGresult *result)
{
    struct slice columns[WHY_VERSION_COLUMNS];
    for (int i = 0; i < WHY_VERSION_COLUMNS; i++) {
        columns[i] = pg_cell_text(result, 0, i);
    }
    why_version(q->why, columns);
}

static int on_row(void *owner, const PGresult *result)
{
    struct question *q = owner;
    if (q->step == STEP_NAMES) {
        take_name(q, PQgetvalue(result, 0, 0));
        return 0;
    }
    if (q->step == STEP_VERSIONS) {
        take_version(q, result);
        return 0;
    }
    int columns = PQnfields(result);
    uint32_t expected = q->criteria.explains ? WHY_COLUMNS : q->criteria.column_count;
    if (columns != (int)expected) {
        log_panic("query.columns", "expected=%u found=%d", expected, columns);
    }
    for (int i = 0; i < columns; i++) {
        struct slice text = {NULL, 0};
        if (!PQgetisnull(result, 0, i)) {
            text = pg_cell_text(result, 0, i);
            text = text.len > LIMIT_DOCUMENT_BYTES ? (struct slice){NULL, 0}
                                                   : arena_copy(q->arena, text);
            if (text.at == NULL) {
                q->too_large = true;
                return -1;
            }
        }
        if (add_cell(q, text) == -1) {
            q->too_large = true;
            return -1;
        }
    }
    return 0;
}

/* ---- running ---- */

static void wait_again(struct question *q)
{
    q->running = false;
    turns_back(&self.turns, &q->turn);
    deadline_by(&self.deadline, q->deadline_us);
}

static int run_step(struct question *q, int64_t left_ms)
{
    const struct criteria *c = &q->criteria;
    switch (q->step) {
    case STEP_NAMES:
        return pool_run(self.pool, q, left_ms, CRITERIA_NAMES_SQL, NULL, 0);
    case STEP_VERSIONS:
        return pool_run(self.pool, q, left_ms, WHY_VERSIONS_SQL, &q->why_versions, 1);
    case STEP_ASK:
        break;
    }
    return pool_run(self.pool, q, left_ms, c->sql, c->parameters, c->parameter_count);
}

/* Gives the next in the queue to a free connection; false when nobody's turn is, or none is free.
 */
static bool run_next(void)
{
    struct question *q = (struct question *)turns_next(&self.turns);
    if (q == NULL) {
        return false;
    }
    int64_t left_ms = (q->deadline_us - daemon_clock_us()) / 1000;
    q->running = true;
    if (left_ms <= 0) {
        conclude(q, ANSWER_TIMEOUT, "no connection to the database became free in time");
        return true;
    }
    int busy = run_step(q, left_ms);
    if (busy == 1) {
        wait_again(q);
    }
    return busy == 0;
}

/* ---- held ---- */

static uint32_t held_of(struct slice asker)
{
    uint32_t n = 0;
    struct question *q;
    DL_FOREACH(self.all, q)
    {
        n += q->held && slice_equal(q->asker, asker) ? 1 : 0;
    }
    return n;
}

/* Its answer is but the last row, which says that there is nothing yet, and it may wait for it. */
static bool may_be_held(const struct question *q)
{
    const struct queryd_settings *s = self.settings;
    return q->criteria.moving >= 0 && q->cell_count == q->criteria.column_count &&
           slice_is(q->cells[1], FEED_END) && !self.draining &&
           daemon_clock_us() < q->held_until_us && self.held_count < (uint64_t)s->held &&
           (q->asker.len == 0 || held_of(q->asker) < (uint64_t)s->asker_held);
}

/* It goes on behind all that its last row says was looked at. */
static bool move_on(struct question *q)
{
    struct cursor cursor;
    struct criteria *c = &q->criteria;
    if (cursor_parse(QUERY_CHANGES, q->cells[q->cell_count - 1], &cursor) == -1) {
        return false;
    }
    for (int i = 0; i < MOVING; i++) {
        snprintf(q->moved[i], sizeof q->moved[i], "%" PRId64, cursor.keys[i]);
        c->parameters[c->moving + i] = q->moved[i];
    }
    return true;
}

static void hold(struct question *q)
{
    turns_done(&self.turns, &q->turn);
    q->running = q->due = false;
    q->held = true;
    self.held_count++;
    counters[COUNT_HELD_EVER]++;
    deadline_by(&self.deadline, q->held_until_us);
}

/* Something was committed, or may have been. */
static void look_after_held(void)
{
    struct question *q;
    self.held_looked_us = daemon_clock_us();
    DL_FOREACH(self.all, q)
    {
        q->due = q->held;
    }
}

/* Of those held that may have an answer, as many get into the queue as can be asked at once. */
static void take_up_held(void)
{
    struct question *q, *next;
    DL_FOREACH_SAFE(self.all, q, next)
    {
        if (self.turns.waiting_count >= (uint64_t)self.settings->connections) {
            return;
        }
        if (q->held && q->due && turns_join(&self.turns, q->asker, &q->turn) == 0) {
            q->held = q->due = false;
            self.held_count--;
            q->cell_count = 0;
            q->deadline_us = daemon_clock_us() + self.settings->timeout_ms * 1000;
            deadline_by(&self.deadline, q->deadline_us);
            DL_DELETE(self.all, q); /* to the end: all have their turn */
            DL_APPEND(self.all, q);
        }
    }
}

static void finish_draining(void)
{
    if (self.draining && self.all == NULL) {
        daemon_finished(0);
    }
}

/* Called whenever a connection may be free; what it does may call it again, which then does
 * nothing. */
static void dispatch(void)
{
    if (self.dispatching) {
        return;
    }
    self.dispatching = true;
    take_up_held();
    while (self.turns.waiting != NULL) {
        if (pool_away(self.pool)) {
            conclude_unavailable((struct question *)self.turns.waiting);
        } else if (pool_running(self.pool) == pool_connected(self.pool) || !run_next()) {
            break; /* and nobody's turn is used up while no connection is free */
        }
        take_up_held();
    }
    self.dispatching = false;
    finish_draining();
}

/* No row came: whether there is such a grade name decides what that means. */
static void look_up_names(struct question *q)
{
    q->step = STEP_NAMES;
    q->names[0] = '\0';
    wait_again(q);
}

/* As in the first moment of a new one. */
static void conclude_no_grading(struct question *q)
{
    conclude(q, ANSWER_UNAVAILABLE, "the store has no grading yet");
}

static void on_names(struct question *q)
{
    char text[LIMIT_TEXT_BYTES];
    q->step = STEP_ASK;
    if (q->names[0] == '\0') {
        conclude_no_grading(q);
    } else if (!q->name_found) {
        snprintf(text, sizeof text, "select.grade: expected \"all\" or one of: %s, found \"%.*s\"",
                 q->names, (int)cut(q->criteria.grade_name).len, q->criteria.grade_name);
        conclude(q, ANSWER_INVALID, text);
    } else if (q->criteria.counts) {
        wait_again(q); /* the name came into being between the two statements */
    } else {
        conclude(q, ANSWER_OK, "");
    }
}

/* The answer to a question that explains; its cells are in the place of what was read. */
static void conclude_why(struct question *q)
{
    uint32_t count = 0;
    struct slice *cells = why_cells(q->why, &count);
    free(q->cells);
    q->cells = NULL;
    q->cell_count = q->cell_room = 0;
    for (uint32_t i = 0; cells != NULL && i < count; i++) {
        cells = add_cell(q, cells[i]) == -1 ? NULL : cells;
    }
    if (cells == NULL) {
        conclude(q, ANSWER_UNAVAILABLE, "out of memory");
        return;
    }
    uint32_t faults = why_faults(q->why);
    counters[COUNT_WHY_FAULTS] += faults;
    if (faults > 0 && log_allowed(&self.said, 5)) {
        log_error("why.grade",
                  "records=%u error=\"graded again by the version that graded them "
                  "they have another grade\"",
                  faults);
    }
    conclude(q, ANSWER_OK, "");
}

/* What an explanation is made of is there: graded again, once all versions are. */
static void on_facts(struct question *q)
{
    const char *error;
    q->why = why_new(q->arena, &self.editions, q->cells, q->cell_count, &error);
    if (q->why == NULL) {
        log_error("why.facts", "error=\"%s\"", error);
        conclude(q, ANSWER_UNAVAILABLE, error);
        return;
    }
    q->why_versions = why_versions(q->why);
    if (q->why_versions == NULL) {
        conclude_why(q);
        return;
    }
    q->step = STEP_VERSIONS;
    wait_again(q);
}

static void on_rows(struct question *q)
{
    if (q->criteria.explains && q->cell_count > 0) {
        on_facts(q);
        return;
    }
    if (q->cell_count == 0 && q->criteria.grade_name != NULL) {
        look_up_names(q);
    } else if (q->cell_count == 0 && q->criteria.counts) {
        conclude_no_grading(q);
    } else if (q->cell_count == 0 && q->criteria.no_row != NULL) {
        conclude(q, ANSWER_INVALID, q->criteria.no_row);
    } else if (may_be_held(q) && move_on(q)) {
        hold(q);
    } else {
        conclude(q, ANSWER_OK, "");
    }
}

static void on_done(void *owner, enum pool_outcome outcome, const char *message)
{
    struct question *q = owner;
    char text[LIMIT_TEXT_BYTES];
    if (q->cancelled) {
        conclude(q, ANSWER_CANCELLED, "cancelled by who asked");
    } else if (q->too_large) {
        conclude(q, ANSWER_TOO_LARGE, too_large(text));
    } else if (outcome == POOL_DONE && q->step == STEP_NAMES) {
        on_names(q);
    } else if (outcome == POOL_DONE && q->step == STEP_VERSIONS) {
        conclude_why(q);
    } else if (outcome == POOL_DONE) {
        on_rows(q);
    } else if (outcome == POOL_TIMEOUT) {
        snprintf(text, sizeof text, "no answer within %" PRId64 " ms",
                 (q->deadline_us - q->arrived_us) / 1000);
        conclude(q, ANSWER_TIMEOUT, text);
    } else {
        snprintf(text, sizeof text, "the database %s: %s",
                 outcome == POOL_REFUSED ? "refused the statement" : "is away", message);
        conclude(q, ANSWER_UNAVAILABLE, text);
    }
}

/* ---- messages ---- */

static struct question *find(struct slice identity, uint64_t id)
{
    struct question *q;
    DL_FOREACH(self.all, q)
    {
        if (q->id == id && slice_equal((struct slice){q->identity, q->identity_length}, identity)) {
            return q;
        }
    }
    return NULL;
}

static struct question *question_new(struct slice identity, int64_t now)
{
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return NULL;
    }
    q->arena = arena_new((size_t)self.settings->answer_bytes + CRITERIA_BYTES);
    if (q->arena == NULL) {
        free(q);
        return NULL;
    }
    memcpy(q->identity, identity.at, identity.len);
    q->identity_length = identity.len;
    q->arrived_us = now;
    return q;
}

/* At the end of the queue, or answered that there is no room. */
static void wait_for_turn(struct question *q, struct slice asker)
{
    const struct queryd_settings *s = self.settings;
    self.turns.running_most = (uint32_t)s->asker_connections;
    self.turns.waiting_most = (uint32_t)s->asker_waiting;
    int joined = self.turns.waiting_count >= (uint64_t)s->waiting
                     ? 2
                     : turns_join(&self.turns, asker, &q->turn);
    if (joined == 0) {
        DL_APPEND(self.all, q);
        deadline_by(&self.deadline, q->deadline_us);
        return;
    }
    answer(q, ANSWER_UNAVAILABLE,
           joined == 2   ? "too many questions at once: ask again later"
           : joined == 1 ? "too many questions of one identity at once: ask again later"
                         : "out of memory");
}

/* A question that was read: refused, or at the end of the queue. */
static void take_query(struct question *q, const struct query_message *m)
{
    char error[CRITERIA_ERROR];
    const struct queryd_settings *s = self.settings;
    int64_t most_ms = m->recount == 1 ? s->recount_timeout_ms : s->timeout_ms;
    int64_t timeout_ms = (int64_t)m->timeout_ms;
    if (timeout_ms == 0 || timeout_ms > most_ms) {
        timeout_ms = most_ms;
    }
    q->id = m->id;
    q->deadline_us = q->arrived_us + timeout_ms * 1000;
    q->held_until_us = m->wait_ms == 0 ? 0 : q->arrived_us + (int64_t)m->wait_ms * 1000;
    q->asker = arena_copy(q->arena, m->asker);
    int built = criteria_build(q->arena, m, (uint32_t)s->rows_default, (uint32_t)s->rows_max,
                               &q->criteria, error);
    if (built == -1) {
        answer(q, ANSWER_INVALID, error);
    } else if (built == -2) {
        answer(q, ANSWER_UNAVAILABLE, "out of memory");
    } else if (self.draining) {
        answer(q, ANSWER_UNAVAILABLE, "the query engine is stopping");
    } else {
        wait_for_turn(q, m->asker);
    }
}

static void malformed(const char *what)
{
    counters[COUNT_MALFORMED]++;
    if (log_allowed(&self.said, 5)) {
        log_warn("query.malformed", "reason=\"%s\"", what);
    }
}

static void on_query(struct slice identity, struct slice bytes)
{
    struct query_message m;
    struct question *q = question_new(identity, daemon_clock_us());
    if (q == NULL) {
        malformed("out of memory");
    } else if (query_decode_all(bytes, q->arena, &m) == -1) {
        question_free(q);
        malformed("not a query message");
    } else if (find(identity, m.id) != NULL) {
        question_free(q);
        malformed("a query of this id is under way already");
    } else {
        counters[COUNT_RECEIVED]++;
        take_query(q, &m);
    }
}

static void on_cancel(struct slice identity, struct slice bytes)
{
    struct cancel_message m;
    if (cancel_decode_all(bytes, NULL, &m) == -1) {
        malformed("not a cancel message");
        return;
    }
    struct question *q = find(identity, m.id);
    if (q != NULL && q->running) {
        q->cancelled = true;
        pool_cancel(self.pool, q);
    } else if (q != NULL) {
        conclude(q, ANSWER_CANCELLED, "cancelled by who asked");
    }
}

static void on_message(const struct bus_message *m)
{
    if (m->count != 2 || m->frames[0].len > IDENTITY_BYTES) {
        malformed("expected one frame");
        return;
    }
    switch (message_number(m->frames[1])) {
    case MESSAGE_query:
        on_query(m->frames[0], m->frames[1]);
        return;
    case MESSAGE_cancel:
        on_cancel(m->frames[0], m->frames[1]);
        return;
    default:
        malformed("expected a query or a cancel message");
    }
}

static int on_socket(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop;
    (void)context;
    for (int i = 0; i < RECEIVED_AT_ONCE; i++) {
        struct bus_message m;
        int received = bus_receive(socket, &m);
        if (received == 1) {
            break;
        }
        if (received == -1) {
            malformed("expected one frame");
            continue;
        }
        on_message(&m);
        bus_release(&m);
        dispatch();
    }
    return 0;
}

/* Who waited too long, and the end of draining. */
static void on_deadline(void *context)
{
    (void)context;
    int64_t now = daemon_clock_us(), next_us = INT64_MAX;
    struct question *q, *next;
    DL_FOREACH_SAFE(self.all, q, next)
    {
        if (q->running) {
            continue; /* the pool sees to it */
        }
        if (q->held && now >= q->held_until_us) {
            conclude(q, ANSWER_OK, "");
        } else if (q->held) {
            next_us = q->held_until_us < next_us ? q->held_until_us : next_us;
        } else if (now >= q->deadline_us) {
            conclude(q, ANSWER_TIMEOUT, "no connection to the database became free in time");
        } else {
            next_us = q->deadline_us < next_us ? q->deadline_us : next_us;
        }
    }
    if (self.draining && now >= self.drain_until_us) {
        log_warn("queries.left", "count=%u", pool_running(self.pool));
        daemon_finished(0);
        return;
    }
    if (self.draining && self.drain_until_us < next_us) {
        next_us = self.drain_until_us;
    }
    if (next_us != INT64_MAX) {
        deadline_by(&self.deadline, next_us);
    }
}

/* Of what stored published only the newest counts. */
static int on_news(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop;
    (void)context;
    struct bus_message m;
    int received;
    bool told = false;
    while ((received = bus_receive(socket, &m)) != 1) {
        struct arrived_message news;
        if (received == 0) {
            told = told || (m.count == 2 && arrived_decode_all(m.frames[1], NULL, &news) == 0 &&
                            news.told == 1);
            bus_release(&m);
        }
    }
    if (told) {
        look_after_held();
        dispatch();
    }
    return 0;
}

/*
 * The first thing a new connection is told, in one statement. jit costs more than it gives for
 * short statements; with the preset cost of a random page a few series would be looked up by
 * reading all; to start parallel workers takes longer than most questions.
 */
static const char session_sql[] =
    "SELECT set_config('search_path', 'ezrepo', false), set_config('timezone', 'UTC', false),"
    " set_config('default_transaction_read_only', 'on', false), set_config('jit', 'off', false),"
    " set_config('random_page_cost', '1.1', false),"
    " set_config('parallel_setup_cost', '20000', false),"
    /* So long a statement goes on whose connection was closed. */
    " set_config('client_connection_check_interval', '100ms', false)";
/* Then what store it leads to: statements are made for one version of it. */
static const char version_sql[] = "SELECT coalesce(max(number), 0) FROM ezrepo.migration";

/* The store has to be the one that the statements are made for. */
static bool fits(int64_t version, char *why, size_t size)
{
    const char *hint = version < STORE_VERSION ? "stored brings it up to date when it starts"
                                               : "it was made by a newer EZRepo";
    if (version == -1) {
        snprintf(why, size, "the store tells no version, expected %d: %s", STORE_VERSION, hint);
    } else {
        snprintf(why, size, "the store has version %lld, expected %d: %s", (long long)version,
                 STORE_VERSION, hint);
    }
    return version == STORE_VERSION;
}

int questions_start(zloop_t *loop, zsock_t *socket, zsock_t *news,
                    const struct queryd_settings *settings)
{
    static const struct pool_kind kind = {.application = "ezrepo queryd",
                                          .session = session_sql,
                                          .look = version_sql,
                                          .fits = fits,
                                          .events = {on_row, on_done, dispatch}};
    self.loop = loop;
    self.socket = socket;
    self.news = news;
    self.settings = settings;
    deadline_init(&self.deadline, loop, on_deadline, NULL);
    self.pool = pool_new(loop, settings->database, (unsigned)settings->connections, &kind);
    if (self.pool == NULL || zloop_reader(loop, socket, on_socket, NULL) == -1 ||
        zloop_reader(loop, news, on_news, NULL) == -1) {
        log_error("queries.start", "error=\"out of memory\"");
        return -1;
    }
    zloop_reader_set_tolerant(loop, socket);
    return 0;
}

void questions_drain(void)
{
    struct question *q, *next;
    self.draining = true;
    self.drain_until_us = daemon_clock_us() + DRAIN_US;
    deadline_by(&self.deadline, self.drain_until_us);
    DL_FOREACH_SAFE(self.all, q, next)
    {
        if (q->held) {
            conclude(q, ANSWER_OK, "");
        } else if (!q->running) {
            conclude(q, ANSWER_UNAVAILABLE, "the query engine is stopping");
        }
    }
    finish_draining();
}

void questions_tick(void)
{
    if (self.pool == NULL) {
        return;
    }
    if (daemon_clock_us() - self.held_looked_us >= HELD_LOOK_US && self.held_count > 0) {
        look_after_held();
        dispatch();
    }
    counters[COUNT_WAITING] = self.turns.waiting_count;
    counters[COUNT_HELD] = self.held_count;
    counters[COUNT_RUNNING] = pool_running(self.pool);
    counters[COUNT_CONNECTIONS] = pool_connected(self.pool);
    counters[COUNT_DATABASE_ERRORS] = pool_failures(self.pool);
    if (pool_away(self.pool)) {
        daemon_note("database", "%s%s",
                    pool_unfit(self.pool) ? "" : "away: ", pool_error(self.pool));
    } else {
        daemon_note("database", pool_connected(self.pool) > 0 ? "connected" : "connecting");
    }
}

void questions_stop(void)
{
    struct question *q, *next;
    pool_free(&self.pool);
    DL_FOREACH_SAFE(self.all, q, next)
    {
        leave(q);
        question_free(q);
    }
    editions_release(&self.editions);
}
