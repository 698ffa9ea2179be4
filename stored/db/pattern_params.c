/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/db/pattern_params.h"

#include "common/pattern.h"
#include "common/record_dimensions.h"

const char *pattern_params_put(struct pg_params *p, struct arena *a,
                               const struct slice given[DIMENSION_COUNT])
{
    struct slice prefix[DIMENSION_COUNT] = {{NULL, 0}};
    int texts = pg_add_array(p, PG_TEXT), likes = pg_add_array(p, PG_TEXT);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct pattern pattern;
        char address[ADDRESS_TEXT_SIZE];
        if (pattern_compile(given[d], dimension_rows[d].addresses, &pattern) == -1) {
            return arena_printf(a, "%s: expected a pattern", dimension_rows[d].name);
        }
        pg_put_bytes(p, texts, pattern.text);
        pg_put_bytes(p, likes, pattern_like(a, &pattern));
        if (pattern.kind == PATTERN_PREFIX) {
            address_text(&pattern.prefix.address, address);
            const char *text = arena_printf(a, "%s/%u", address, pattern.prefix.bits);
            prefix[d] = slice_of(text == NULL ? "" : text);
        }
    }
    pg_add_bytes(p, prefix[DIMENSION_source]);
    pg_add_bytes(p, prefix[DIMENSION_dest]);
    return NULL;
}
