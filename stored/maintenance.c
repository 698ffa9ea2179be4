/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a record lies in a window the store answers, by its function in_maintenance(). */
#include "stored/maintenance.h"

#include <inttypes.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/pattern.h"
#include "common/quote.h"
#include "common/record_dimensions.h"
#include "stored/db/pattern_params.h"
#include "stored/feed.h"

#define LISTED 1000

/* The years that a window may lie in, lest a slip of the pen lasts for ever. */
#define FIRST_US INT64_C(0)
#define LAST_US  INT64_C(4102444800000000) /* 2100 */

/* ---- what is asked ---- */

static void say(struct maintained_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
}

static void say_failure(struct store *s, struct maintained_message *answer)
{
    log_error("maintenance.write", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
    say(answer, s->pg.fault == PG_DATA ? ANSWER_INVALID : ANSWER_UNAVAILABLE,
        s->pg.fault == PG_DATA ? "the database refuses this text"
                               : "the database failed; the list tells whether it was done");
}

static const char *put_patterns(struct arena *a, const struct maintain_message *m,
                                struct pg_params *p)
{
    struct slice texts[DIMENSION_COUNT];
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        texts[d] = *maintain_dimension(m, d);
    }
    return pattern_params_put(p, a, texts);
}

static const char *fault_of(const struct maintain_message *m)
{
    return m->from_us < FIRST_US || m->to_us > LAST_US || m->from_us >= m->to_us
               ? "expected an end behind the beginning, both of the years 1970 to 2099"
           : !pattern_is_text(m->reason) || m->reason.len == 0 ? "reason: expected a text"
           : !pattern_is_text(m->author)                       ? "author: expected a text"
                                                               : NULL;
}

/* With the statement's row: the number. 0, or -1. */
static int take_number(PGresult *r, struct maintained_message *answer)
{
    answer->number = r == NULL || PQntuples(r) == 0 ? 0 : (uint64_t)pg_cell_64(r, 0, 0);
    int rc = r == NULL ? -1 : 0;
    PQclear(r);
    return rc;
}

/* 0, or -1; *fault: it cannot be, and is not there. */
static int insert(struct store *s, struct arena *a, const struct maintain_message *m,
                  struct maintained_message *answer, const char **fault)
{
    struct pg_params p = {0};
    int rc = feed_begin(s);
    if (rc == 0) {
        pg_params_begin(&p);
        pg_add_64(&p, s->arrival.number);
        *fault = put_patterns(a, m, &p);
        pg_add_time(&p, m->from_us);
        pg_add_time(&p, m->to_us);
        pg_add_bytes(&p, m->reason);
        pg_add_bytes(&p, m->author);
        rc = *fault != NULL ? -1 : take_number(pg_rows(&s->pg, SQL_MAINTENANCE_ADD, &p), answer);
    }
    pg_params_release(&p);
    return feed_end(s, rc);
}

static void add(struct store *s, struct arena *a, const struct maintain_message *m,
                struct maintained_message *answer)
{
    const char *fault = fault_of(m);
    int rc = fault != NULL ? -1 : insert(s, a, m, answer, &fault);
    if (fault != NULL) {
        say(answer, ANSWER_INVALID, fault);
    } else if (rc == -1) {
        say_failure(s, answer);
    } else {
        log_audit("maintenance.added", "number=%" PRIu64 " author=%s", answer->number,
                  QUOTED(m->author));
        say(answer, ANSWER_OK, "known");
    }
}

static void end(struct store *s, const struct maintain_message *m,
                struct maintained_message *answer)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, (int64_t)m->number);
    pg_add_bytes(&s->params, m->author);
    pg_add_time(&s->params, daemon_now_us());
    if (!pattern_is_text(m->author)) {
        say(answer, ANSWER_INVALID, "author: expected a text");
    } else if (take_number(pg_rows(&s->pg, SQL_MAINTENANCE_END, &s->params), answer) == -1) {
        say_failure(s, answer);
    } else if (answer->number == 0) {
        say(answer, ANSWER_INVALID, "there is no window of this number that is not over");
    } else {
        log_audit("maintenance.ended", "number=%" PRIu64 " author=%s", answer->number,
                  QUOTED(m->author));
        say(answer, ANSWER_OK, "ended");
    }
}

static void list(struct store *s, const struct maintain_message *m,
                 struct maintained_message *answer, PGresult **rows)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, m->number == 0 ? INT64_MAX : (int64_t)m->number);
    pg_add_32(&s->params, LISTED);
    pg_add_time(&s->params, daemon_now_us());
    *rows = pg_rows(&s->pg, SQL_MAINTENANCE_LIST, &s->params);
    if (*rows == NULL) {
        say_failure(s, answer);
    } else {
        answer->windows = pg_cell_text(*rows, 0, 0);
        say(answer, ANSWER_OK, "");
    }
}

void maintenance_do(struct store *s, struct arena *a, const struct maintain_message *m,
                    struct maintained_message *answer, PGresult **rows)
{
    answer->windows = slice_of("[]");
    if (!pg_is_open(&s->pg)) {
        say(answer, ANSWER_UNAVAILABLE, "the database is away");
    } else if (m->what == MAINTAIN_LIST) {
        list(s, m, answer, rows);
    } else {
        s->maintenance_due_us = INT64_MIN; /* looked for anew */
        if (m->what == MAINTAIN_ADD) {
            add(s, a, m, answer);
        } else {
            end(s, m, answer);
        }
    }
}

/* ---- what begins and ends ---- */

void maintenance_connected(struct store *s)
{
    s->maintenance_due_us = INT64_MIN;
}

static int find_due(struct store *s)
{
    PGresult *r = pg_rows(&s->pg, SQL_MAINTENANCE_DUE, NULL);
    if (r == NULL) {
        return -1;
    }
    s->maintenance_due_us = PQgetisnull(r, 0, 0) ? INT64_MAX : pg_cell_time(r, 0, 0);
    PQclear(r);
    return 0;
}

static int tell(struct store *s, int64_t now_us)
{
    int rc = feed_begin(s);
    if (rc == 0) {
        pg_params_begin(&s->params);
        pg_add_64(&s->params, s->arrival.number);
        pg_add_time(&s->params, now_us);
        rc = pg_run(&s->pg, SQL_MAINTENANCE_TELL, &s->params);
    }
    s->maintenance_due_us = INT64_MIN;
    return feed_end(s, rc);
}

int maintenance_go_on(struct store *s, int64_t now_us)
{
    if (s->maintenance_due_us == INT64_MIN && find_due(s) == -1) {
        return -1;
    }
    return now_us < s->maintenance_due_us ? 0 : tell(s, now_us);
}
