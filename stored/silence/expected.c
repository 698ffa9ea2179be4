/* SPDX-License-Identifier: Apache-2.0 */
/* A change, and what is to be judged again by it, is one transaction. */
#include "stored/silence/expected.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/pattern.h"
#include "common/quote.h"
#include "common/record_dimensions.h"
#include "stored/db/pattern_params.h"
#include "stored/silence/silence.h"

#define LISTED   1000
#define US_PER_S INT64_C(1000000)

static void say(struct expected_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
}

static void say_failure(struct store *s, struct expected_message *answer)
{
    log_error("expected.write", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
    say(answer, s->pg.fault == PG_DATA ? ANSWER_INVALID : ANSWER_UNAVAILABLE,
        s->pg.fault == PG_DATA ? "the database refuses this text"
                               : "the database failed; the list tells whether it was done");
}

/* ---- one change ---- */

static const char *put_entry(struct arena *a, const struct expect_message *m, struct pg_params *p)
{
    struct slice texts[DIMENSION_COUNT];
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        texts[d] = *expect_dimension(m, d);
    }
    pg_params_begin(p);
    const char *fault = pattern_params_put(p, a, texts);
    pg_add_64(p, (int64_t)m->every_us);
    pg_add_64(p, m->delay_us);
    pg_add_64(p, m->retire_us);
    pg_add_bytes(p, m->author);
    return fault;
}

static void put_removal(const struct expect_message *m, struct pg_params *p)
{
    pg_params_begin(p);
    pg_add_64(p, (int64_t)m->number);
    pg_add_bytes(p, m->author);
}

/* The number of the entry; 0: there is none. -1: the database. */
static int64_t number_of(PGresult *r)
{
    int64_t number = r == NULL ? -1 : PQntuples(r) == 0 ? 0 : pg_cell_64(r, 0, 0);
    PQclear(r);
    return number;
}

/* Open silences of those that the entry is for are judged again, behind this. The numbers of such
 * series; NULL: the database. */
static PGresult *concern(struct store *s, int64_t number)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, number);
    return pg_run(&s->pg, SQL_EXPECTED_AGAIN, &s->params) == -1
               ? NULL
               : pg_rows(&s->pg, SQL_EXPECTED_SERIES, &s->params);
}

/* In a transaction: the number, 0 or -1, as above; then *series is the caller's to clear. */
static int64_t change(struct store *s, const struct expect_message *m, PGresult **series)
{
    bool adds = m->what == EXPECT_ADD;
    if (pg_do(&s->pg, "BEGIN") == -1) {
        return -1;
    }
    int64_t number =
        number_of(pg_rows(&s->pg, adds ? SQL_EXPECTED_ADD : SQL_EXPECTED_REMOVE, &s->params));
    *series = number <= 0 ? NULL : concern(s, number);
    if (*series == NULL || pg_commit(&s->pg) == -1) {
        pg_rollback(&s->pg);
        PQclear(*series);
        *series = NULL;
        return number == 0 ? 0 : -1;
    }
    return number;
}

static void change_and_tell(struct store *s, const struct expect_message *m,
                            struct expected_message *answer)
{
    PGresult *series = NULL;
    int64_t number = change(s, m, &series);
    if (number == -1) {
        say_failure(s, answer);
    } else if (number == 0) {
        say(answer, ANSWER_INVALID, "there is no entry of this number that is in force");
    } else {
        answer->number = (uint64_t)number;
        log_audit("expected.changed", "number=%" PRId64 " action=%s author=%s", number,
                  m->what == EXPECT_ADD ? "added" : "removed", QUOTED(m->author));
        say(answer, ANSWER_OK, "in force");
        silence_expected_changed(s->silence, series);
    }
    PQclear(series);
}

static const char *fault_of(const struct expect_message *m)
{
    return !pattern_is_text(m->author)                       ? "author: expected a text"
           : m->what == EXPECT_ADD && m->every_us < US_PER_S ? "every: expected at least a second"
                                                             : NULL;
}

static void list(struct store *s, const struct expect_message *m, struct expected_message *answer,
                 PGresult **rows)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, m->number == 0 ? INT64_MAX : (int64_t)m->number);
    pg_add_32(&s->params, LISTED);
    *rows = pg_rows(&s->pg, SQL_EXPECTED_LIST, &s->params);
    if (*rows == NULL) {
        say_failure(s, answer);
    } else {
        answer->entries = pg_cell_text(*rows, 0, 0);
        say(answer, ANSWER_OK, "");
    }
}

void expected_do(struct store *s, struct arena *a, const struct expect_message *m,
                 struct expected_message *answer, PGresult **rows)
{
    const char *fault = fault_of(m);
    answer->entries = slice_of("[]");
    if (!pg_is_open(&s->pg)) {
        say(answer, ANSWER_UNAVAILABLE, "the database is away");
        return;
    }
    if (m->what == EXPECT_LIST) {
        list(s, m, answer, rows);
        return;
    }
    if (fault == NULL && m->what == EXPECT_ADD) {
        fault = put_entry(a, m, &s->params);
    } else if (fault == NULL) {
        put_removal(m, &s->params);
    }
    if (fault != NULL) {
        say(answer, ANSWER_INVALID, fault);
    } else {
        change_and_tell(s, m, answer);
    }
}

int64_t expected_least_s(struct store *s)
{
    PGresult *r = pg_rows(&s->pg, SQL_EXPECTED_LEAST, NULL);
    int64_t us = r == NULL ? -1 : pg_cell_64(r, 0, 0);
    PQclear(r);
    return us == -1 ? -1 : us / US_PER_S;
}
