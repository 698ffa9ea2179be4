/* SPDX-License-Identifier: Apache-2.0 */
/* Each line a document. */
#include "common/formats/decode_parts.h"

static enum decode_event take_line(struct decode *d, struct slice line, struct arena *a,
                                   struct decode_item *item)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    const struct format_input_pattern *p = decode_match(d, &d->in->lines, line, true, values);
    if (p == NULL && decode_match(d, &d->in->ignore, line, true, values) != NULL) {
        d->ignored++;
        return DECODE_MORE;
    }
    if (p == NULL && decode_is_blank(line)) {
        return DECODE_MORE;
    }
    d->number++;
    if (p == NULL) {
        return decode_fault(d, d->window.line, line, item,
                            "expected a line that a pattern takes or ignores, found %s",
                            DOCUMENT_SHOWN(line));
    }
    struct decode_tree t = decode_tree_begin(d, a);
    struct decode_branch object = decode_object(d, &t, NULL, p, values);
    return decode_give(d, &t, object.node, d->window.line, line, item);
}

const struct line_decoder decoder_of_lines = {.take = take_line};
