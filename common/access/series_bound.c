/* SPDX-License-Identifier: Apache-2.0 */
#include "common/access/series_bound.h"

#include <stdlib.h>

#include "common/pattern.h"
#include "common/record_dimensions.h"

struct bound_row {
    struct pattern label, of[DIMENSION_COUNT];
};

struct series_bound {
    uint32_t count;
    struct bound_row row[];
};

static int compile_row(const struct slice *texts, struct bound_row *row)
{
    if (pattern_compile(texts[0], false, &row->label) == -1) {
        return -1;
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (pattern_compile(texts[1 + d], dimension_rows[d].addresses, &row->of[d]) == -1) {
            return -1;
        }
    }
    return 0;
}

struct series_bound *series_bound_new(const struct slice *texts, uint32_t count)
{
    uint32_t rows = count / DELIVERS_ROW;
    struct series_bound *b = calloc(1, sizeof *b + rows * sizeof b->row[0]);
    for (uint32_t i = 0; b != NULL && i < rows; i++) {
        if (compile_row(texts + (size_t)i * DELIVERS_ROW, &b->row[b->count]) == 0) {
            b->count++;
        }
    }
    return b;
}

void series_bound_free(struct series_bound **b)
{
    free(*b);
    *b = NULL;
}

static bool fits(const struct bound_row *row, struct slice label, const struct record_message *m)
{
    if (!pattern_matches(&row->label, label)) {
        return false;
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (!pattern_matches(&row->of[d], *record_dimension(m, d))) {
            return false;
        }
    }
    return true;
}

bool series_bound_fits(const struct series_bound *b, struct slice label,
                       const struct record_message *m)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (fits(&b->row[i], label, m)) {
            return true;
        }
    }
    return false;
}
