/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record measured, as a number. Equal rows of one result are numbered; a batch of the
 * release before does not say where a result ends: within it the rows' numbers rise.
 */
#include "common/grow.h"
#include "stored/flush/flush.h"

/* How many rows of the result so far say the same; this one is noted. -1: memory. */
static int64_t count_equal(struct flush *f, const struct flush_batch *v,
                           const struct record_message *r, const struct flush_row *row)
{
    int64_t equal = 0;
    if (f->result_of != v || r->row <= f->result_row) {
        f->result_count = 0;
    }
    for (uint32_t i = 0; i < f->result_count; i++) {
        const struct flush_row *before = &f->result[i];
        equal += before->series == row->series && before->t_us == row->t_us &&
                 before->digest == row->digest;
    }
    struct flush_row *result = grow(f->result, f->result_count, &f->result_size, sizeof *result);
    if (result == NULL) {
        return -1;
    }
    f->result = result;
    f->result[f->result_count++] = *row;
    f->result_of = v;
    f->result_row = r->row;
    return equal;
}

static int order_names(struct flush *f, struct flush_schema *s, const struct schema_message *schema)
{
    if (s->order == NULL) {
        s->order = arena_calloc(f->arena, schema->results_count + 1u, sizeof *s->order);
        if (s->order == NULL) {
            return -1;
        }
        identity_order(schema->results, schema->results_count, s->order);
    }
    return 0;
}

int flush_digest(struct flush *f, struct flush_batch *v, const struct schema_message *schema,
                 const struct record_message *r, const struct series *series, uint64_t *digest)
{
    struct identity *identity = f->store->identity;
    struct flush_schema *s = &v->schemas[r->schema];
    if (r->digest != 0) {
        *digest = r->digest;
        return 0;
    }
    if (order_names(f, s, schema) == -1 ||
        identity_digest(identity, schema, s->order, r, NULL, 0, digest) == -1) {
        return -1;
    }
    const struct flush_row row = {series, r->t_start_us, *digest};
    int64_t equal = count_equal(f, v, r, &row);
    if (equal <= 0) {
        return (int)equal;
    }
    return identity_digest(identity, schema, s->order, r, NULL, (uint32_t)equal, digest);
}
