/* SPDX-License-Identifier: Apache-2.0 */
/* A question's memory, and the rows of its statements. */
#include "queryd/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"
#include "common/log.h"
#include "common/pg/cells.h"

#define CRITERIA_BYTES (256 * 1024)

struct question *question_new(struct query_engine *engine, struct slice identity,
                              int64_t answer_bytes, int64_t now_us)
{
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return NULL;
    }
    q->arena = arena_new((size_t)answer_bytes + CRITERIA_BYTES);
    if (q->arena == NULL) {
        free(q);
        return NULL;
    }
    memcpy(q->identity, identity.at, identity.len);
    q->identity_length = identity.len;
    q->arrived_us = now_us;
    q->engine = engine;
    return q;
}

void question_free(struct question *q)
{
    if (q != NULL) {
        arena_free(&q->arena);
        free(q->cells);
        free(q);
    }
}

int question_add_cell(struct question *q, struct slice text)
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
    struct slice columns[EXPLAINER_VERSION_COLUMNS];
    for (int i = 0; i < EXPLAINER_VERSION_COLUMNS; i++) {
        columns[i] = pg_cell_text(result, 0, i);
    }
    q->criteria.explainer->version(q->explained, columns);
}

int question_row(void *owner, const PGresult *result)
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
    const struct explainer *explainer = q->criteria.explainer;
    uint32_t expected = explainer != NULL ? explainer->columns : q->criteria.column_count;
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
        if (question_add_cell(q, text) == -1) {
            q->too_large = true;
            return -1;
        }
    }
    return 0;
}
