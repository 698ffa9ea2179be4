/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record_criteria.h"

#include "common/pattern.h"
#include "common/record_dimensions.h"
#include "schemas/messages.h"

void record_criteria_read(const struct document_place *at, struct arena *a,
                          struct slice criteria[DIMENSION_COUNT])
{
    static const char *const keys[] = {
#define DIMENSION_KEY(x, name, Name, addresses, help) #name,
        DIMENSIONS(DIMENSION_KEY, ) NULL};
    if (at->node != NULL && !document_is_object_of(at, keys)) {
        return;
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct document_place m = document_member(at, dimension_rows[d].name);
        struct slice text = slice_of("*");
        struct pattern p;
        if (m.node != NULL) {
            text = document_text(&m, 0, LIMIT_DIMENSION_BYTES);
        }
        if (text.at != NULL && pattern_compile(text, dimension_rows[d].addresses, &p) == -1) {
            document_expected(&m, "a pattern");
        } else if (text.at != NULL) {
            criteria[d] = document_copy(at, a, text);
        }
    }
}
