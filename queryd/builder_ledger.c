/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements about the ledger: what each sender's datagrams and records became, what belongs to no
 * sender, and what does not add up. Each is one statement, so it sees one moment. No I/O.
 *
 * An hour of receipt belongs to the scope when it overlaps it.
 */
#include "common/pattern.h"
#include "queryd/builder.h"

/* What the criteria are compared with has to be text. */
static int check_texts(struct builder *b)
{
    if (!pattern_is_text(b->q->instance)) {
        return builder_fault(b, "ingestd.instance: expected the UUID of an ingestd");
    }
    if (!pattern_is_text(b->q->sender)) {
        return builder_fault(b, "input.sender: expected a text in UTF-8 without NUL");
    }
    return 0;
}

/* The condition on hour and ingestd. */
static void add_hours(struct builder *b)
{
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b, "l.hour > $%d::timestamptz - interval '1 hour' AND l.hour < $%d::timestamptz",
                from, to);
    if (b->empty) {
        builder_add(b, " AND false");
    }
    if (b->q->instance.len > 0) {
        builder_add(b, " AND l.instance::text = lower($%d)", builder_text(b, b->q->instance));
    }
}

/* Begins the statement: the rows of the ledger that are asked for. */
static int add_chosen(struct builder *b)
{
    if (check_texts(b) == -1 || builder_range(b) == -1) {
        return -1;
    }
    builder_add(b, "WITH chosen AS MATERIALIZED (SELECT l.*, coalesce(r.n, 0) AS refused"
                   " FROM ledger_now l LEFT JOIN (SELECT ledger_id, sum(datagrams) AS n"
                   " FROM ledger_rejected_now GROUP BY ledger_id) AS r ON r.ledger_id = l.id"
                   " WHERE ");
    add_hours(b);
    if (b->q->sender.len > 0) {
        builder_add(b, " AND l.sender = $%d", builder_text(b, b->q->sender));
    }
    builder_add(b, ")");
    return 0;
}

/* In the order of ingestd and sender, which no row leaves while a listing goes on. */
int builder_accounts(struct builder *b, uint64_t rows)
{
    if (add_chosen(b) == -1) {
        return -1;
    }
    builder_add(
        b,
        ", reasons AS (SELECT instance, sender, json_object_agg(reason, n ORDER BY reason) AS told"
        " FROM (SELECT c.instance, c.sender, r.reason, sum(r.datagrams) AS n"
        " FROM chosen c JOIN ledger_rejected_now r ON r.ledger_id = c.id"
        " GROUP BY c.instance, c.sender, r.reason) AS w GROUP BY instance, sender)"
        " SELECT k.instance, k.sender, k.hours, " TIME_TEXT("k.first") ", " TIME_TEXT(
            "k.last") ", k.datagrams, k.accepted, k.exceptions, k.refused, coalesce(w.told::text, "
                      "'{}'),"
                      " k.records, k.stored, k.same_start, k.duplicates, k.rejected, k.missing, %s"
                      " FROM (SELECT instance, sender, instance::text || '.' || sender COLLATE "
                      "\"C\" AS account,"
                      " count(*) AS hours, min(hour) AS first, max(hour) AS last, sum(datagrams) "
                      "AS datagrams,"
                      " sum(accepted) AS accepted, sum(exceptions) AS exceptions, sum(refused) AS "
                      "refused,"
                      " sum(records) AS records, sum(stored) AS stored, sum(same_start) AS "
                      "same_start,"
                      " sum(duplicates) AS duplicates, sum(rejected) AS rejected,"
                      " greatest(sum(missing), 0) AS missing"
                      " FROM chosen GROUP BY instance, sender) AS k"
                      " LEFT JOIN reasons w ON w.instance = k.instance AND w.sender = k.sender "
                      "WHERE true",
        cursor_sql(QUERY_ACCOUNTS));
    builder_after(b, "k.account", ">");
    builder_add(b, " ORDER BY k.account LIMIT $%d::bigint", builder_number(b, rows));
    return 0;
}

int builder_losses(struct builder *b, uint64_t rows)
{
    if (check_texts(b) == -1 || builder_range(b) == -1) {
        return -1;
    }
    builder_add(b, "SELECT l.instance, sum(l.dropped), sum(l.lost), sum(l.maybe_lost), sum(l.holes)"
                   " FROM ledger_instance l WHERE ");
    add_hours(b);
    builder_add(b, " GROUP BY l.instance ORDER BY l.instance LIMIT $%d::bigint",
                builder_number(b, rows));
    return 0;
}

/*
 * How many records there are of each row of the ledger, with those that were dropped for their age.
 * This reads every record: of which row one is stands in no index.
 *
 * A partition that is dropped meanwhile is counted once: the statement is planned before it takes
 * its snapshot, and a plan holds a lock on each partition, for which a drop waits. So what was
 * dropped before is in ledger_dropped as the snapshot sees it, and all else is still there.
 */
#define COUNTED                                                                                    \
    ", counted AS MATERIALIZED (SELECT ledger_id, sum(n) AS n FROM"                                \
    " (SELECT ledger_id, count(*) AS n FROM measurement GROUP BY ledger_id"                        \
    " UNION ALL SELECT ledger_id, records FROM ledger_dropped) AS c GROUP BY ledger_id)"

#define FAULT(part, what, expected, found)                                                         \
    "SELECT " #part " AS part, c.id, c.hour, c.instance, c.sender, '" what "' AS what, " expected  \
    "::numeric AS expected, " found "::numeric AS found FROM chosen c"

/* Rows that do not say what the records do; of the whole ledger also records of no row, but for
 * rows that were removed for their age. */
static void add_recount(struct builder *b)
{
    const struct query_message *q = b->q;
    bool whole =
        b->from_us < FIRST_US && b->to_us >= LAST_US && q->instance.len == 0 && q->sender.len == 0;
    builder_add(
        b, " UNION ALL " FAULT(2, "stored", "c.stored",
                               "coalesce(n.n, 0)") " LEFT JOIN counted n ON n.ledger_id = c.id");
    if (whole) {
        builder_add(b, " UNION ALL SELECT 3, n.ledger_id, NULL, NULL, NULL, 'records of no row', 0,"
                       " n.n FROM counted n WHERE n.ledger_id >="
                       " (SELECT greatest(below, 1) FROM ledger_removed)"
                       " AND NOT EXISTS (SELECT FROM ledger l WHERE l.id = n.ledger_id)");
    }
}

int builder_faults(struct builder *b, uint64_t rows)
{
    if (add_chosen(b) == -1) {
        return -1;
    }
    bool recount = b->q->recount == 1;
    builder_add(
        b,
        "%s SELECT k.id, " TIME_TEXT(
            "k.hour") ", k.instance, k.sender, k.what, k.expected,"
                      " k.found FROM (" FAULT(
                          1, "datagrams", "c.datagrams",
                          "(c.accepted + c.exceptions + c.refused)") " UNION ALL " FAULT(1,
                                                                                         "records",
                                                                                         "c."
                                                                                         "records",
                                                                                         "(c."
                                                                                         "stored + "
                                                                                         "c."
                                                                                         "duplicate"
                                                                                         "s + "
                                                                                         "c."
                                                                                         "rejected"
                                                                                         ")"),
        recount ? COUNTED : "");
    if (recount) {
        add_recount(b);
    }
    builder_add(b,
                ") AS k WHERE k.expected <> k.found ORDER BY k.part, k.id, k.what"
                " LIMIT $%d::bigint",
                builder_number(b, rows));
    return 0;
}
