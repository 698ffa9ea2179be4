-- SPDX-License-Identifier: Apache-2.0
-- Datagrams of signed senders that did not come. Those that come late are taken off again, so of an hour it may be negative.

ALTER TABLE ledger ADD COLUMN missing bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_entry ADD COLUMN missing bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW ledger_now AS
SELECT l.id, l.hour, l.instance, l.sender,
       l.datagrams + coalesce(e.datagrams, 0) AS datagrams, l.accepted + coalesce(e.accepted, 0) AS accepted,
       l.exceptions + coalesce(e.exceptions, 0) AS exceptions, l.records + coalesce(e.records, 0) AS records,
       l.stored + coalesce(e.stored, 0) AS stored, l.duplicates + coalesce(e.duplicates, 0) AS duplicates,
       l.same_start + coalesce(e.same_start, 0) AS same_start, l.rejected + coalesce(e.rejected, 0) AS rejected,
       l.missing + coalesce(e.missing, 0) AS missing
FROM ledger l LEFT JOIN (
    SELECT ledger_id, sum(datagrams)::bigint AS datagrams, sum(accepted)::bigint AS accepted,
           sum(exceptions)::bigint AS exceptions, sum(records)::bigint AS records, sum(stored)::bigint AS stored,
           sum(duplicates)::bigint AS duplicates, sum(same_start)::bigint AS same_start,
           sum(rejected)::bigint AS rejected, sum(missing)::bigint AS missing
    FROM ledger_entry WHERE reason = '' GROUP BY ledger_id) AS e ON e.ledger_id = l.id;
