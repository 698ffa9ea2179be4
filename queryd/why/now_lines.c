/* SPDX-License-Identifier: Apache-2.0 */
/* The answer's rows are the statement's without their last columns, which a record's row has: its
 * grade, version, when that was published, names and values as JSON, its start. Behind what the
 * statement has stand, of NOW, the pieces of what decided. */
#include "queryd/why/now_lines.h"

#include <inttypes.h>

#include "common/json.h"
#include "common/number.h"
#include "common/record_dimensions.h"
#include "common/when_time.h"
#include "common/why/explain.h"
#include "schemas/capability_list.h"

#define SCRATCH_BYTES ((size_t)8 << 20) /* for one line */

#define COUNT(...)    ((uint32_t)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))
#define NOW_COLUMNS   COUNT(COLUMNS_OF_NOW)
#define NOW_GIVEN     (NOW_COLUMNS - PIECES) /* by the statement */
#define TELLING_GIVEN COUNT(COLUMNS_OF_TELLING)
#define LINE          (TELLING_GIVEN - 1) /* of both: with now.expected behind it of NOW */

enum piece { /* as COLUMNS_OF_DECISION has them */
             PIECE_METRIC,
             PIECE_VALUE,
             PIECE_UNIT,
             PIECE_RELATION,
             PIECE_LIMIT,
             PIECE_HOLDS,
             PIECE_WANTS,
             PIECES
};
_Static_assert(NOW_GIVEN == LINE + 3, "the same columns before the line");
_Static_assert(COUNT(COLUMNS_OF_DECISION) == PIECES, "a piece for each column");

enum fact { FACT_GRADE, FACT_VERSION, FACT_PUBLISHED, FACT_NAMES, FACT_VALUES, FACT_START, FACTS };

/* Where these stand in a row. */
#define FIRST_DIMENSION 1
#define GRADE_NAME      (FIRST_DIMENSION + DIMENSION_COUNT)

struct now_lines {
    struct arena *arena;
    struct editions *editions;
    uint32_t given; /* columns of a statement's row, without the facts behind them */
    const struct slice *cells;
    uint32_t rows;
    struct slice *pieces; /* PIECES of each row; NULL: they are not told */
    const char **lines;   /* of each row; NULL: none (yet) */
    uint32_t faults;
    bool no_memory;
};

static const struct slice *row_at(const struct now_lines *n, uint32_t row)
{
    return n->cells + (size_t)row * (n->given + FACTS);
}

static struct slice fact_of(const struct now_lines *n, uint32_t row, enum fact fact)
{
    return row_at(n, row)[n->given + fact];
}

static uint64_t version_of(const struct now_lines *n, uint32_t row)
{
    int64_t version = 0;
    number_integer(fact_of(n, row, FACT_VERSION), 0, INT64_MAX, &version);
    return (uint64_t)version;
}

/* Whether it has a record, by a version that the store has, and no line yet. */
static bool is_open(const struct now_lines *n, uint32_t row)
{
    return n->lines[row] == NULL && fact_of(n, row, FACT_PUBLISHED).at != NULL;
}

/* A list's texts, null as no value. -1: memory is out, or it is none. */
static int read_texts(struct arena *a, struct slice json, struct slice **texts, uint32_t *count)
{
    static const struct json_limits limits = {
        .depth = 2, .nodes = LIMIT_COLUMNS + 1, .string_bytes = LIMIT_DOCUMENT_BYTES};
    char error[100];
    const struct json *list = json_parse(a, json, &limits, error, sizeof error);
    uint32_t i = 0;
    *texts = list == NULL ? NULL : arena_calloc(a, list->count + (size_t)1, sizeof **texts);
    if (*texts == NULL) {
        return -1;
    }
    for (const struct json *node = list->first; node != NULL; node = node->next) {
        (*texts)[i++] = node->text;
    }
    *count = i;
    return 0;
}

/* A copy that outlives the row; of what is not there the same. */
static struct slice kept(struct now_lines *n, struct slice text)
{
    struct slice copy = text.at == NULL ? text : arena_copy(n->arena, text);
    n->no_memory = n->no_memory || (text.at != NULL && copy.at == NULL);
    return copy;
}

static void keep_pieces(struct now_lines *n, uint32_t row, const struct explained_decision *d)
{
    static const char *const grades[] = {"0", "1", "2", "3", "4", "5"};
    if (n->pieces == NULL || d->metric.at == NULL) {
        return;
    }
    struct slice *piece = n->pieces + (size_t)row * PIECES;
    piece[PIECE_METRIC] = kept(n, d->metric);
    piece[PIECE_VALUE] = kept(n, d->value);
    piece[PIECE_UNIT] = slice_of(d->unit == NULL ? "" : d->unit);
    piece[PIECE_RELATION] = slice_of(d->relation);
    piece[PIECE_LIMIT] = kept(n, d->limit);
    piece[PIECE_HOLDS] = slice_of(d->holds ? "True" : "False");
    if (d->wants != GRADE_NONE) {
        piece[PIECE_WANTS] = slice_of(grades[d->wants]);
    }
}

/* What is needed for its line is in `scratch`. */
static void explain_row(struct now_lines *n, struct kept_edition *edition, uint32_t row,
                        struct arena *scratch)
{
    const struct slice *cells = row_at(n, row);
    struct slice *names = NULL, *values = NULL;
    uint32_t name_count = 0, value_count = 0;
    uint8_t grade = GRADE_NONE;
    if (read_texts(scratch, fact_of(n, row, FACT_NAMES), &names, &name_count) == -1 ||
        read_texts(scratch, fact_of(n, row, FACT_VALUES), &values, &value_count) == -1) {
        n->no_memory = true;
        return;
    }
    struct explained_record record = {cells + FIRST_DIMENSION, names, values,
                                      name_count < value_count ? name_count : value_count, 0};
    (void)when_time_parse(fact_of(n, row, FACT_START), &record.t_start_us); /* PostgreSQL's text */
    struct explained_decision decision;
    const char *line =
        explain_line(scratch, edition, cells[GRADE_NAME], &record, &grade, &decision);
    struct slice stored = fact_of(n, row, FACT_GRADE);
    bool agrees = stored.len == 1 && stored.at[0] - '0' == grade;
    if (line != NULL && !agrees && edition->types_kept) {
        n->faults++;
        line = arena_printf(n->arena, "FAULT: by version %" PRIu64 " it has another grade: %s",
                            version_of(n, row), line);
    } else if (line != NULL) { /* of a fault nothing decided what is stored */
        struct slice state = cells[GRADE_NAME + 1];
        bool own = state.len == 1 && state.at[0] - '0' != grade; /* it is held, or flaps */
        line = own ? arena_printf(n->arena, "the last record is graded %u: %s", grade, line)
                   : arena_printf(n->arena, "%s", line);
        keep_pieces(n, row, &decision);
    }
    n->lines[row] = line;
    n->no_memory = n->no_memory || line == NULL;
}

/* What can be explained by the versions that are at hand. */
static void explain_all(struct now_lines *n)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    n->no_memory = n->no_memory || scratch == NULL;
    for (uint32_t i = 0; i < n->rows && !n->no_memory; i++) {
        struct kept_edition *edition = is_open(n, i) ? editions_find(n->editions, version_of(n, i),
                                                                     fact_of(n, i, FACT_PUBLISHED))
                                                     : NULL;
        if (edition != NULL) {
            explain_row(n, edition, i, scratch);
            arena_reset(scratch);
        }
    }
    arena_free(&scratch);
}

static void *begin(struct arena *a, struct editions *editions, const struct slice *cells,
                   uint32_t cell_count, uint32_t given, const char **error)
{
    struct now_lines *n = arena_calloc(a, 1, sizeof *n);
    bool pieces = given == NOW_GIVEN;
    *error = "out of memory";
    if (n == NULL) {
        return NULL;
    }
    *n = (struct now_lines){.arena = a,
                            .editions = editions,
                            .given = given,
                            .cells = cells,
                            .rows = cell_count / (given + FACTS)};
    n->lines = arena_calloc(a, n->rows + (size_t)1, sizeof *n->lines);
    n->pieces = pieces ? arena_calloc(a, ((size_t)n->rows + 1) * PIECES, sizeof *n->pieces) : NULL;
    if (n->lines == NULL || (pieces && n->pieces == NULL)) {
        return NULL;
    }
    explain_all(n);
    return n->no_memory ? NULL : n;
}

static void *begin_now(struct arena *a, struct editions *editions, const struct slice *cells,
                       uint32_t cell_count, const char **error)
{
    return begin(a, editions, cells, cell_count, NOW_GIVEN, error);
}

static void *begin_telling(struct arena *a, struct editions *editions, const struct slice *cells,
                           uint32_t cell_count, const char **error)
{
    return begin(a, editions, cells, cell_count, TELLING_GIVEN, error);
}

static const char *versions(void *explained)
{
    struct now_lines *n = explained;
    const char *list = NULL;
    uint64_t last = 0;
    for (uint32_t i = 0; i < n->rows; i++) {
        uint64_t version = version_of(n, i);
        if (is_open(n, i) && version != last) {
            list = explainer_list(n->arena, list, version);
            last = version;
        }
    }
    return explainer_listed(n->arena, list);
}

static void version(void *explained, const struct slice columns[EXPLAINER_VERSION_COLUMNS])
{
    struct now_lines *n = explained;
    if (explainer_keep(n->editions, columns)) {
        explain_all(n);
    }
}

static struct slice *cells(void *explained, uint32_t *count)
{
    struct now_lines *n = explained;
    uint32_t pieces = n->pieces == NULL ? 0 : PIECES, width = n->given + pieces;
    struct slice *answer =
        n->no_memory ? NULL : arena_calloc(n->arena, (size_t)n->rows * width + 1, sizeof *answer);
    for (uint32_t i = 0; answer != NULL && i < n->rows; i++) {
        struct slice *row = answer + (size_t)i * width;
        memcpy(row, row_at(n, i), n->given * sizeof *row);
        if (pieces > 0) {
            memcpy(row + n->given, n->pieces + (size_t)i * PIECES, PIECES * sizeof *row);
        }
        if (n->lines[i] != NULL) {
            row[LINE] = slice_of(n->lines[i]);
        }
    }
    *count = n->rows * width;
    return answer;
}

static uint32_t faults(const void *explained)
{
    return ((const struct now_lines *)explained)->faults;
}

const struct explainer now_explainer = {NOW_GIVEN + FACTS, begin_now, versions,
                                        version,           cells,     faults};
const struct explainer telling_explainer = {
    TELLING_GIVEN + FACTS, begin_telling, versions, version, cells, faults};
