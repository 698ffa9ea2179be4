/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQL about streams of batches: which were written, which are settled, what is missing.
 * An epoch's stream is known from its first batch on (schemas/sql/0010-epochs.sql).
 */
#include "stored/db/sql_parts.h"

/* Only those that were not written before are returned. */
const char sql_batch_take[] =
    "INSERT INTO batch_done (instance, shard, epoch, sequence)"
    " SELECT u.instance, u.shard, u.epoch, u.sequence"
    " FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[])"
    " AS u (instance, shard, epoch, sequence)"
    " WHERE NOT EXISTS (SELECT FROM batch_stream s"
    "  WHERE (s.instance, s.shard, s.epoch) = (u.instance, u.shard, u.epoch)"
    "  AND u.sequence < s.oldest)"
    " ON CONFLICT DO NOTHING RETURNING " BATCHES_COLUMNS;

/* What is told of the streams at hand, and what was known of each; settled ones go. */
#define STREAMS_TOLD                                                                               \
    "WITH told AS (SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[],"    \
    "   $5::bigint[], $6::bigint[], $7::timestamptz[], $8::timestamptz[], $9::integer[],"          \
    "   $10::bigint[], $11::bigint[], $12::bigint[])"                                              \
    "  AS u (instance, shard, epoch, sequence, first, oldest, hour, received, fresh, dropped,"     \
    "        lost, maybe_lost)),"                                                                  \
    " stream AS (SELECT instance, shard, epoch, greatest(max(first), 1) AS first,"                 \
    "   greatest(max(oldest), max(first), 1) AS oldest, max(oldest) >= max(first) AS ends,"        \
    "   max(sequence) AS newest, max(hour) AS hour, max(received) AS received,"                    \
    "   least(min(received), now()) AS since"                                                      \
    "  FROM told GROUP BY instance, shard, epoch),"                                                \
    " known AS (SELECT t.*, s.number IS NOT NULL AS is_known, s.ended_hour, s.refused,"            \
    "   coalesce(s.number, 9223372036854775807) AS number, least(s.begun, t.since) AS begun,"      \
    "   coalesce(s.oldest, t.first) AS was, coalesce(s.counted, t.first) AS counted"               \
    "  FROM stream t LEFT JOIN batch_stream s"                                                     \
    "  ON (s.instance, s.shard, s.epoch) = (t.instance, t.shard, t.epoch)),"                       \
    " begun AS (INSERT INTO batch_stream (instance, shard, epoch, first, oldest, counted, begun)"  \
    "  SELECT instance, shard, epoch, first, oldest, oldest, begun FROM known"                     \
    "  WHERE NOT is_known ORDER BY begun RETURNING epoch),"                                        \
    " moved AS (UPDATE batch_stream s SET oldest = greatest(s.oldest, k.oldest),"                  \
    "   counted = greatest(k.counted, k.oldest), begun = k.begun, used = now()"                    \
    "  FROM known k WHERE (s.instance, s.shard, s.epoch) = (k.instance, k.shard, k.epoch)"         \
    "  AND (k.was < k.oldest OR k.begun < s.begun)),"                                              \
    " gone AS (DELETE FROM batch_done d USING stream t"                                            \
    "  WHERE (d.instance, d.shard, d.epoch) = (t.instance, t.shard, t.epoch)"                      \
    "  AND d.sequence < t.oldest RETURNING d.instance, d.shard, d.epoch, d.sequence),"

/* Streams that began before those, and have ended: see sql_batch_settle. */
#define STREAMS_ENDED                                                                              \
    " begins AS (SELECT instance, shard, epoch, first, begun FROM batch_stream"                    \
    "  UNION ALL SELECT instance, shard, epoch, first, begun FROM known),"                         \
    " before AS (SELECT DISTINCT ON (s.number) s.*, k.hour, greatest(s.oldest,"                    \
    "    (SELECT min(n.first) FROM begins n WHERE (n.instance, n.shard) = (s.instance, s.shard)"   \
    "     AND n.epoch <> s.epoch AND (n.begun > s.begun OR n.first > s.first))) AS upto"           \
    "  FROM known k JOIN batch_stream s ON s.instance = k.instance AND s.shard = k.shard"          \
    "   AND s.begun < k.begun AND s.ended_hour IS NULL"                                            \
    "  WHERE k.ends AND NOT EXISTS (SELECT FROM stream t"                                          \
    "   WHERE (t.instance, t.shard, t.epoch) = (s.instance, s.shard, s.epoch))),"                  \
    " ending AS (SELECT b.*, greatest((greatest(b.upto - b.counted, 0)"                            \
    "   - (SELECT count(*) FROM batch_done d"                                                      \
    "      WHERE (d.instance, d.shard, d.epoch) = (b.instance, b.shard, b.epoch)"                  \
    "      AND d.sequence >= b.counted AND d.sequence < b.upto)"                                   \
    "   + 2147483648 & 4294967295) - 2147483648, 0) AS holes FROM before b),"                      \
    " ended AS (UPDATE batch_stream s SET ended_hour = e.hour,"                                    \
    "   counted = greatest(e.counted, e.upto),"                                                    \
    "   oldest = CASE WHEN e.holes = 0 AND e.counted = e.oldest THEN e.upto ELSE e.oldest END"     \
    "  FROM ending e WHERE s.number = e.number),"                                                  \
    " cleared AS (DELETE FROM batch_done d USING ending e"                                         \
    "  WHERE (d.instance, d.shard, d.epoch) = (e.instance, e.shard, e.epoch)"                      \
    "  AND d.sequence < e.upto AND e.holes = 0 AND e.counted = e.oldest),"                         \
    " old AS (DELETE FROM batch_stream s USING (SELECT count(*) AS n FROM begun) AS b"             \
    "  WHERE b.n > 0 AND s.ended_hour IS NOT NULL AND s.used < now() - interval '30 days'"         \
    "  AND NOT EXISTS (SELECT FROM stream t"                                                       \
    "   WHERE (t.instance, t.shard, t.epoch) = (s.instance, s.shard, s.epoch))"                    \
    "  RETURNING s.instance, s.shard, s.epoch),"                                                   \
    " old_done AS (DELETE FROM batch_done d USING old o"                                           \
    "  WHERE (d.instance, d.shard, d.epoch) = (o.instance, o.shard, o.epoch)),"

/* Drops, losses and holes. */
#define STREAMS_COUNTED                                                                            \
    " counts AS (SELECT hour, instance, dropped, lost, maybe_lost, 0 AS holes FROM told"           \
    "  UNION ALL SELECT k.hour, k.instance, 0, 0, 0, greatest((greatest(k.oldest - k.counted, 0)"  \
    "    - (SELECT count(*) FROM gone g"                                                           \
    "       WHERE (g.instance, g.shard, g.epoch) = (k.instance, k.shard, k.epoch)"                 \
    "       AND g.sequence >= k.counted) + 2147483648 & 4294967295) - 2147483648, 0)"              \
    "   FROM known k WHERE k.was < k.oldest"                                                       \
    "  UNION ALL SELECT hour, instance, 0, 0, 0, holes FROM ending"                                \
    "  UNION ALL SELECT k.ended_hour, k.instance, 0, 0, 0, -1 FROM told t JOIN known k"            \
    "   ON (k.instance, k.shard, k.epoch) = (t.instance, t.shard, t.epoch)"                        \
    "   WHERE t.fresh = 1 AND t.sequence < k.counted AND k.ended_hour IS NOT NULL),"               \
    " written AS (INSERT INTO ledger_instance AS l"                                                \
    "   (hour, instance, dropped, lost, maybe_lost, holes)"                                        \
    "  SELECT hour, instance, sum(dropped), sum(lost), sum(maybe_lost), sum(holes) FROM counts"    \
    "  GROUP BY hour, instance"                                                                    \
    "  HAVING sum(dropped) > 0 OR sum(lost) > 0 OR sum(maybe_lost) > 0 OR sum(holes) <> 0"         \
    "  ON CONFLICT (hour, instance) DO UPDATE"                                                     \
    "  SET dropped = l.dropped + excluded.dropped, lost = l.lost + excluded.lost,"                 \
    "      maybe_lost = l.maybe_lost + excluded.maybe_lost, holes = l.holes + excluded.holes)"

/*
 * What is below the oldest is settled; what of it never came is a hole. When all before an epoch is
 * acknowledged, the streams that began before it have ended: where a later one began. What is
 * missing in one of these is a hole, too, but may come yet, from another copy of the spool: so the
 * stream stays as it is, and what comes is no hole any more. The release before skipped
 * SEQUENCE_LEAP sequences at times, and of those of a spool that was put back only a part may be
 * left: so holes are counted modulo that, and not below 0.
 *
 * A stream began when the first batch that is known of it was received. In which order they came
 * here says little: after the database was away, batches of several starts wait with classifyds.
 *
 * Returned are the epochs of copies: a batch of an epoch that began before has a sequence from this
 * one's first on, and was received after this one began. Of one spool that goes on from start to
 * start none has, unless a clock was set back: so what began before must also have come here
 * before, or have begun with no higher sequence.
 */
const char sql_batch_settle[] = STREAMS_TOLD STREAMS_ENDED STREAMS_COUNTED
    " SELECT " COPIES_COLUMNS " FROM known k"
    " JOIN batch_stream n ON n.instance = k.instance AND n.shard = k.shard AND n.epoch <> k.epoch"
    "  AND n.begun > k.begun AND k.newest >= n.first AND k.received > n.begun"
    "  AND (n.number > k.number OR n.first >= k.first)"
    " WHERE k.epoch <> 0"
    " UNION SELECT instance, shard, epoch, 1 FROM known WHERE refused";

const char sql_stream_refuse[] = "UPDATE batch_stream SET refused = true WHERE instance = $1::uuid"
                                 " AND shard = $2::integer AND epoch = $3::bigint";
