/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a result's rows apart: each gets the digest of what it says, and rows that say the
 * same are numbered, so that none of them passes for a repetition of another. Pure.
 */
#include "ingestd/result/result_reader.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct record_message *x = a, *y = b;
    if (x->t_start_us != y->t_start_us) {
        return x->t_start_us < y->t_start_us ? -1 : 1;
    }
    if (x->t_end_us != y->t_end_us) {
        return x->t_end_us < y->t_end_us ? -1 : 1;
    }
    if (x->digest != y->digest) {
        return x->digest < y->digest ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows mostly come as they are to go. */
static void put_in_order(struct result *result)
{
    for (uint32_t i = 1; i < result->count; i++) {
        if (compare(&result->records[i - 1], &result->records[i]) > 0) {
            qsort(result->records, result->count, sizeof *result->records, compare);
            return;
        }
    }
}

static int digest(struct result_reader *r, const struct result_reading *g, const uint16_t *order,
                  struct record_message *m, uint32_t equal_before)
{
    const uint8_t *kinds = g->kinds + m->row * g->schema.results_count;
    if (identity_digest(r->means->identity, &g->schema, order, m, kinds, equal_before,
                        &m->digest) == -1) {
        return result_refuse_memory(r);
    }
    return 0;
}

/* Of rows in order, those that equal the one before them are numbered. */
static int number_equal(struct result_reader *r, const struct result_reading *g,
                        const uint16_t *order, struct result *result)
{
    const struct record_message *first = result->records; /* of those that are equal */
    uint32_t equal = 0;
    bool any = false;
    for (uint32_t i = 1; i < result->count; i++) {
        struct record_message *m = &result->records[i];
        if (m->t_start_us != first->t_start_us || m->t_end_us != first->t_end_us ||
            m->digest != first->digest) {
            first = m;
            equal = 0;
            continue;
        }
        any = true;
        if (digest(r, g, order, m, ++equal) == -1) {
            return -1;
        }
    }
    if (any) {
        put_in_order(result);
    }
    return 0;
}

int result_identify(struct result_reader *r, const struct result_reading *g, struct result *result)
{
    uint16_t order[LIMIT_COLUMNS];
    if (result->count == 0) {
        return 0;
    }
    identity_order(g->schema.results, g->schema.results_count, order);
    for (uint32_t i = 0; i < result->count; i++) {
        if (digest(r, g, order, &result->records[i], 0) == -1) {
            return -1;
        }
    }
    put_in_order(result);
    return number_equal(r, g, order, result);
}
