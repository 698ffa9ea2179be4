/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a statement: the next one, or the answer. */
#include "queryd/query_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "queryd/answering.h"
#include "queryd/held.h"

int query_steps_run(struct question *q, int64_t left_ms)
{
    const struct criteria *c = &q->criteria;
    switch (q->step) {
    case STEP_NAMES:
        return pool_run(q->engine->pool, q, left_ms, CRITERIA_NAMES_SQL, NULL, 0);
    case STEP_VERSIONS:
        return pool_run(q->engine->pool, q, left_ms, EXPLAINER_VERSIONS_SQL, &q->versions, 1);
    case STEP_ASK:
        break;
    }
    return pool_run(q->engine->pool, q, left_ms, c->sql, c->parameters, c->parameter_count);
}

/* No row came: whether there is such a grade name decides what that means. */
static void look_up_names(struct question *q)
{
    q->step = STEP_NAMES;
    q->names[0] = '\0';
    engine_wait_again(q);
}

/* As in the first moment of a new one. */
static void conclude_no_grading(struct question *q)
{
    engine_conclude(q, ANSWER_UNAVAILABLE, "the store has no grading yet");
}

static void on_names(struct question *q)
{
    char text[LIMIT_TEXT_BYTES];
    q->step = STEP_ASK;
    if (q->names[0] == '\0') {
        conclude_no_grading(q);
    } else if (!q->name_found) {
        snprintf(text, sizeof text, "select.grade: expected \"all\" or one of: %s, found \"%.*s\"",
                 q->names, (int)answer_text(q->criteria.grade_name).len, q->criteria.grade_name);
        engine_conclude(q, ANSWER_INVALID, text);
    } else if (q->criteria.counts) {
        engine_wait_again(q); /* the name came into being between the two statements */
    } else {
        engine_conclude(q, ANSWER_OK, "");
    }
}

/* The answer to a question that explains; its cells are in the place of what was read. */
static void conclude_explained(struct question *q)
{
    uint32_t count = 0;
    struct slice *cells = q->criteria.explainer->cells(q->explained, &count);
    free(q->cells);
    q->cells = NULL;
    q->cell_count = q->cell_room = 0;
    for (uint32_t i = 0; cells != NULL && i < count; i++) {
        cells = question_add_cell(q, cells[i]) == -1 ? NULL : cells;
    }
    if (count > LIMIT_ANSWER_CELLS) {
        char text[200];
        engine_conclude(q, ANSWER_TOO_LARGE, answer_too_large(q->engine, text));
        return;
    }
    if (cells == NULL) {
        engine_conclude(q, ANSWER_UNAVAILABLE, "out of memory");
        return;
    }
    uint32_t faults = q->criteria.explainer->faults(q->explained);
    counters[COUNT_WHY_FAULTS] += faults;
    if (faults > 0 && log_allowed(&q->engine->said, 5)) {
        log_error("why.grade",
                  "records=%u error=\"graded again by the version that graded them "
                  "they have another grade\"",
                  faults);
    }
    engine_conclude(q, ANSWER_OK, "");
}

/* What an explanation is made of is there: graded again, once all versions are. */
static void on_facts(struct question *q)
{
    const char *error;
    const struct explainer *explainer = q->criteria.explainer;
    q->explained =
        explainer->begin(q->arena, &q->engine->editions, q->cells, q->cell_count, &error);
    if (q->explained == NULL) {
        log_error("why.facts", "error=\"%s\"", error);
        engine_conclude(q, ANSWER_UNAVAILABLE, error);
        return;
    }
    q->versions = explainer->versions(q->explained);
    if (q->versions == NULL) {
        conclude_explained(q);
        return;
    }
    q->step = STEP_VERSIONS;
    engine_wait_again(q);
}

static void on_rows(struct question *q)
{
    if (q->criteria.explainer != NULL && q->cell_count > 0) {
        on_facts(q);
        return;
    }
    if (q->cell_count > 0 && q->criteria.too_much != NULL &&
        q->cells[q->criteria.too_much_cell].at == NULL) {
        engine_conclude(q, ANSWER_INVALID, q->criteria.too_much);
    } else if (q->cell_count == 0 && q->criteria.grade_name != NULL) {
        look_up_names(q);
    } else if (q->cell_count == 0 && q->criteria.counts) {
        conclude_no_grading(q);
    } else if (q->cell_count == 0 && q->criteria.no_row != NULL) {
        engine_conclude(q, ANSWER_INVALID, q->criteria.no_row);
    } else if (!held_keep(q)) {
        engine_conclude(q, ANSWER_OK, "");
    }
}

void query_steps_done(void *owner, enum pool_outcome outcome, const char *message)
{
    struct question *q = owner;
    char text[LIMIT_TEXT_BYTES];
    if (q->cancelled) {
        engine_conclude(q, ANSWER_CANCELLED, "cancelled by who asked");
    } else if (q->too_large) {
        engine_conclude(q, ANSWER_TOO_LARGE, answer_too_large(q->engine, text));
    } else if (outcome == POOL_DONE && q->step == STEP_NAMES) {
        on_names(q);
    } else if (outcome == POOL_DONE && q->step == STEP_VERSIONS) {
        conclude_explained(q);
    } else if (outcome == POOL_DONE) {
        on_rows(q);
    } else if (outcome == POOL_TIMEOUT) {
        snprintf(text, sizeof text, "no answer within %" PRId64 " ms",
                 (q->deadline_us - q->arrived_us) / 1000);
        engine_conclude(q, ANSWER_TIMEOUT, text);
    } else {
        snprintf(text, sizeof text, "the database %s: %s",
                 outcome == POOL_REFUSED ? "refused the statement" : "is away", message);
        engine_conclude(q, ANSWER_UNAVAILABLE, text);
    }
}
