/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about what was refused: the list of it, and one with the bytes that are kept. No I/O.
 */
#include "common/pattern.h"
#include "queryd/builder.h"

/* Bytes are told as hexadecimal digits: a cell is text. */
_Static_assert(2 * LIMIT_REJECT_HEAD <= LIMIT_DOCUMENT_BYTES, "what is kept is no cell");

#define COLUMNS                                                                                    \
    "k.id, " TIME_TEXT("k.received_at") ", k.sender, k.reason, k.detail, k.size_bytes,"            \
                                        " length(k.head), k.instance, k.sequence, k.item,"         \
                                        " k.door, k.format, k.context"

/* Of UDP senders with or without the port. */
static void add_sender(struct builder *b)
{
    int n = builder_text(b, b->q->sender);
    builder_add(b,
                " AND (k.sender = $%d::text OR starts_with(k.sender, $%d::text || ':')"
                " OR starts_with(k.sender, '[' || $%d::text || ']:'))",
                n, n, n);
}

int builder_rejects(struct builder *b, uint64_t rows)
{
    const struct query_message *q = b->q;
    if (!pattern_is_text(q->sender) || !pattern_is_text(q->reason)) {
        return builder_fault(b, "%s: expected a text in UTF-8 without NUL",
                             pattern_is_text(q->sender) ? "rejected.reason" : "input.sender");
    }
    if (builder_range(b) == -1) {
        return -1;
    }
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b,
                "SELECT " COLUMNS ", %s FROM rejected k WHERE k.received_at >= $%d::timestamptz"
                " AND k.received_at < $%d::timestamptz%s",
                cursor_sql(QUERY_REJECTS), from, to, b->empty ? " AND false" : "");
    if (q->reason.len > 0) {
        builder_add(b, " AND k.reason = $%d", builder_text(b, q->reason));
    }
    if (q->sender.len > 0) {
        add_sender(b);
    }
    builder_after(b, "k.id", "<");
    builder_add(b, " ORDER BY k.id DESC LIMIT $%d::bigint", builder_number(b, rows));
    return 0;
}

void builder_reject(struct builder *b)
{
    builder_add(b,
                "SELECT " COLUMNS ", encode(k.head, 'hex') FROM rejected k"
                " WHERE k.id = $%d::bigint",
                builder_number(b, b->q->reject));
}
