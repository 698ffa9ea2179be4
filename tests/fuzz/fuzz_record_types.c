/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as record-types.json: read or refused; what is read answers for every type it names.
 * Faults go to standard error: run with -close_fd_mask=2.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/record_types.h"

#define DELIVERED                                                                                  \
    "{\"gap_s\": 900, \"mappings\": [{\"columns\": [\"x\"], \"type\": \"a\"}], \"types\": "        \
    "{\"a\": "                                                                                     \
    "{\"interval_s\": 300, \"aliases\": {\"x\": [\"y\"]}}}}"
#define LAST "{\"types\": {\"a\": {\"gap_s\": 7}}}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_slice(struct slice s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        sum += (unsigned char)s.at[i];
    }
    return sum;
}

/* Every metric it collects has aliases that can be read. */
static void ask_type(const struct record_types *t, uint32_t i, struct slice type)
{
    const struct record_types_collect *collects;
    uint32_t count = record_types_collects(t, i, &collects);
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t m = 0; m < collects[k].result_count; m++) {
            const struct slice *aliases = NULL;
            uint32_t n = record_types_aliases(t, type, collects[k].results[m], &aliases);
            for (uint32_t a = 0; a < n; a++) {
                read_slice(aliases[a]);
            }
        }
    }
}

/* What it brings along has its parts. */
static void ask_start(const struct record_types *t, uint32_t i, struct slice type)
{
    const char *place = NULL;
    struct record_types_said said;
    const struct json *elements = record_types_elements(t, i, &place);
    for (const struct json *e = elements == NULL ? NULL : elements->first; e != NULL; e = e->next) {
        if (json_get(e, "name") == NULL || json_get(e, "prim") == NULL || place == NULL) {
            abort();
        }
    }
    const struct json *blocks = record_types_blocks(t, type, &said);
    if (blocks != NULL && (blocks->count == 0 || said.place == NULL)) {
        abort();
    }
}

static void ask_all(const struct record_types *t)
{
    struct slice type;
    for (uint32_t i = 0; t != NULL && record_types_each(t, i, &type) == 0; i++) {
        read_slice(type);
        if (record_types_gap_us(t, type) < 0) {
            abort();
        }
        ask_type(t, i, type);
        ask_start(t, i, type);
    }
}

/* Alone; and as an own file beside others, of which it may change anything. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    const struct record_types_source sources[] = {
        {.name = "DELIVERED", .bytes = slice_of(DELIVERED)},
        {.name = "FILE", .bytes = bytes, .own = true},
        {.name = "LAST", .bytes = slice_of(LAST), .own = true}};
    struct record_types *t = record_types_read_bytes("FILE", bytes);
    ask_all(t);
    record_types_free(&t);
    t = record_types_read_sources(sources, 3);
    ask_all(t);
    if (t != NULL && record_types_gap_us(t, slice_of("a")) != 7000000) {
        abort();
    }
    record_types_free(&t);
    return 0;
}
