/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_identity.json: what was measured, its canonical form and its digest. The form's digest is
 * taken here by the library directly, and must be the vector's and ours; so the file says nothing
 * that was never computed apart. The order in which columns were sent must make no difference.
 */
#include <openssl/evp.h>
#include <string.h>

#include "common/identity.h"
#include "mplane_vectors.h"

#define CASES   61
#define COLUMNS 8

struct vector {
    struct schema_message schema;
    struct record_message record;
    struct slice names[COLUMNS], values[COLUMNS], hops[COLUMNS];
    uint8_t kinds[COLUMNS];
    bool kinds_told;
    uint32_t equal_before;
    uint64_t digest;
};

static uint64_t natural(const struct json *node, uint64_t absent)
{
    return node == NULL ? absent : strtoull(node->text.at, NULL, 10);
}

static uint8_t kind_named(const struct json *node)
{
    if (json_is(node, "boolean")) {
        return IDENTITY_BOOLEAN;
    }
    assert_true(json_is(node, "text") || json_is(node, "json"));
    return json_is(node, "json") ? IDENTITY_JSON : IDENTITY_NUMBER_OR_STRING;
}

/* The columns as they stand in the vector, begun at the `turn`th. */
static void read_vector(const struct json *c, uint32_t turn, struct vector *v)
{
    const struct json *metrics = json_get(c, "metrics"), *hops = json_get(c, "hops");
    const struct json *kinds = json_get(c, "kinds");
    *v = (struct vector){.kinds_told = kinds != NULL,
                         .equal_before = (uint32_t)natural(json_get(c, "equal_before"), 0),
                         .digest = natural(json_get(c, "digest"), 0)};
    v->record.t_end_us = strtoll(json_get(c, "t_end_us")->text.at, NULL, 10);
    v->record.hops = v->hops;
    for (const struct json *h = hops == NULL ? NULL : hops->first; h != NULL; h = h->next) {
        assert_in_range(v->record.hops_count, 0, COLUMNS - 1);
        v->hops[v->record.hops_count++] = h->text;
    }
    assert_in_range(metrics->count, 0, COLUMNS);
    const struct json *kind = kinds == NULL ? NULL : kinds->first;
    uint32_t i = turn;
    for (const struct json *m = metrics->first; m != NULL; m = m->next, i++) {
        v->names[i % metrics->count] = m->first->text;
        v->values[i % metrics->count] = m->first->next->text;
        if (kind != NULL) {
            v->kinds[i % metrics->count] = kind_named(kind);
            kind = kind->next;
        }
    }
    v->schema.results = v->names;
    v->schema.results_count = metrics->count;
    v->record.values = v->values;
    v->record.values_count = metrics->count;
}

static uint64_t digest_of(struct identity *identity, const struct vector *v)
{
    uint16_t order[COLUMNS];
    uint64_t digest = 0;
    identity_order(v->names, v->schema.results_count, order);
    assert_int_equal(identity_digest(identity, &v->schema, order, &v->record,
                                     v->kinds_told ? v->kinds : NULL, v->equal_before, &digest),
                     0);
    return digest;
}

static uint64_t digest_of_form(struct slice form)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    uint64_t digest = 0;
    assert_int_equal(EVP_Digest(form.at, form.len, sum, NULL, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 6; i++) {
        digest = digest << 8 | sum[i];
    }
    return digest == 0 ? 1 : digest;
}

static void vectors(void **state)
{
    (void)state;
    struct arena *a = arena_new(8 << 20);
    struct identity *identity = identity_new();
    assert_true(a != NULL && identity != NULL);
    const struct json *cases = vectors_cases(a, "../record_identity.json", CASES);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        struct vector v;
        uint32_t turn = 0;
        do {
            read_vector(c, turn, &v);
            uint64_t digest = digest_of(identity, &v);
            if (digest != v.digest || digest_of_form(vectors_text(c, "form")) != v.digest) {
                fail_msg("%s, turned by %u: found %llu", json_get(c, "name")->text.at, turn,
                         (unsigned long long)digest);
            }
        } while (++turn < v.schema.results_count);
    }
    identity_free(&identity);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
