/* SPDX-License-Identifier: Apache-2.0 */
/* The answer's rows are the statement's without their last columns, which a record's row has: its
 * grade, version, when that was published, names and values as JSON. */
#include "queryd/why/now_lines.h"

#include <inttypes.h>

#include "common/json.h"
#include "common/number.h"
#include "common/record_dimensions.h"
#include "queryd/why/explain.h"
#include "schemas/capability_list.h"

#define SCRATCH_BYTES ((size_t)8 << 20) /* for one line */

#define COLUMNS ((uint32_t)(sizeof((const char *[]){COLUMNS_OF_NOW}) / sizeof(char *)))
/* The rows of what alertd asks for are explained likewise. */
_Static_assert(sizeof((const char *[]){COLUMNS_OF_TELLING}) ==
                   sizeof((const char *[]){COLUMNS_OF_NOW}),
               "the same columns before the record, the line last");

enum fact { FACT_GRADE, FACT_VERSION, FACT_PUBLISHED, FACT_NAMES, FACT_VALUES, FACTS };

/* Where these stand in a row. */
#define FIRST_DIMENSION 1
#define GRADE_NAME      (FIRST_DIMENSION + DIMENSION_COUNT)
#define LINE            (COLUMNS - 1)

struct now_lines {
    struct arena *arena;
    struct editions *editions;
    const struct slice *cells;
    uint32_t rows;
    const char **lines; /* of each row; NULL: none (yet) */
    uint32_t faults;
    bool no_memory;
};

static const struct slice *row_at(const struct now_lines *n, uint32_t row)
{
    return n->cells + (size_t)row * (COLUMNS + FACTS);
}

static uint64_t version_of(const struct slice *row)
{
    int64_t version = 0;
    number_integer(row[COLUMNS + FACT_VERSION], 0, INT64_MAX, &version);
    return (uint64_t)version;
}

/* Whether it has a record, by a version that the store has, and no line yet. */
static bool is_open(const struct now_lines *n, uint32_t row)
{
    return n->lines[row] == NULL && row_at(n, row)[COLUMNS + FACT_PUBLISHED].at != NULL;
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

/* What is needed for its line is in `scratch`. */
static void explain_row(struct now_lines *n, struct kept_edition *edition, uint32_t row,
                        struct arena *scratch)
{
    const struct slice *cells = row_at(n, row);
    struct slice *names = NULL, *values = NULL;
    uint32_t name_count = 0, value_count = 0;
    uint8_t grade = GRADE_NONE;
    if (read_texts(scratch, cells[COLUMNS + FACT_NAMES], &names, &name_count) == -1 ||
        read_texts(scratch, cells[COLUMNS + FACT_VALUES], &values, &value_count) == -1) {
        n->no_memory = true;
        return;
    }
    struct explained_record record = {cells + FIRST_DIMENSION, names, values,
                                      name_count < value_count ? name_count : value_count};
    const char *line = explain_line(scratch, edition, cells[GRADE_NAME], &record, &grade);
    struct slice stored = cells[COLUMNS + FACT_GRADE];
    bool agrees = stored.len == 1 && stored.at[0] - '0' == grade;
    if (line != NULL && !agrees && edition->types_kept) {
        n->faults++;
        line = arena_printf(n->arena, "FAULT: by version %" PRIu64 " it has another grade: %s",
                            version_of(cells), line);
    } else if (line != NULL) {
        line = arena_printf(n->arena, "%s", line);
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
        const struct slice *row = row_at(n, i);
        struct kept_edition *edition = is_open(n, i) ? editions_find(n->editions, version_of(row),
                                                                     row[COLUMNS + FACT_PUBLISHED])
                                                     : NULL;
        if (edition != NULL) {
            explain_row(n, edition, i, scratch);
            arena_reset(scratch);
        }
    }
    arena_free(&scratch);
}

static void *begin(struct arena *a, struct editions *editions, const struct slice *cells,
                   uint32_t cell_count, const char **error)
{
    struct now_lines *n = arena_calloc(a, 1, sizeof *n);
    *error = "out of memory";
    if (n == NULL) {
        return NULL;
    }
    *n = (struct now_lines){
        .arena = a, .editions = editions, .cells = cells, .rows = cell_count / (COLUMNS + FACTS)};
    n->lines = arena_calloc(a, n->rows + (size_t)1, sizeof *n->lines);
    if (n->lines == NULL) {
        return NULL;
    }
    explain_all(n);
    return n->no_memory ? NULL : n;
}

static const char *versions(void *explained)
{
    struct now_lines *n = explained;
    const char *list = NULL;
    uint64_t last = 0;
    for (uint32_t i = 0; i < n->rows; i++) {
        uint64_t version = version_of(row_at(n, i));
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
    struct slice *answer =
        n->no_memory ? NULL : arena_calloc(n->arena, (size_t)n->rows * COLUMNS + 1, sizeof *answer);
    for (uint32_t i = 0; answer != NULL && i < n->rows; i++) {
        memcpy(answer + (size_t)i * COLUMNS, row_at(n, i), COLUMNS * sizeof *answer);
        if (n->lines[i] != NULL) {
            answer[i * COLUMNS + LINE] = slice_of(n->lines[i]);
        }
    }
    *count = n->rows * COLUMNS;
    return answer;
}

static uint32_t faults(const void *explained)
{
    return ((const struct now_lines *)explained)->faults;
}

const struct explainer now_explainer = {COLUMNS + FACTS, begin, versions, version, cells, faults};
