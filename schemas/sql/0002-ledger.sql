-- SPDX-License-Identifier: Apache-2.0
-- Each batch is written exactly once, and each datagram and record is accounted for.

-- Of each stream of batches: all below `oldest` is settled, whether it came here or was acknowledged by another store.
CREATE TABLE batch_stream (
    instance uuid NOT NULL,
    shard    integer NOT NULL,
    oldest   bigint NOT NULL,
    PRIMARY KEY (instance, shard)
);

-- Batches from `oldest` on that are in this database: written in the transaction of their records.
CREATE TABLE batch_done (
    instance uuid NOT NULL,
    shard    integer NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (instance, shard, sequence)
);

-- What an ingestd told of one sender in one hour, by the time its batches' oldest datagram came, and what
-- became of the records. Of each hour only so many senders have a row of their own; the rest is
-- in the row "(others)" of its ingestd.
--   datagrams = accepted + exceptions + the sum in ledger_rejected
--   records = stored + duplicates + rejected
CREATE TABLE ledger (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour       timestamptz NOT NULL,
    instance   uuid NOT NULL,
    sender     text COLLATE "C" NOT NULL,
    datagrams  bigint NOT NULL DEFAULT 0,
    accepted   bigint NOT NULL DEFAULT 0,
    exceptions bigint NOT NULL DEFAULT 0,
    records    bigint NOT NULL DEFAULT 0,
    stored     bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    rejected   bigint NOT NULL DEFAULT 0, -- records, by stored: in the table "rejected" as long as that keeps them
    UNIQUE (hour, instance, sender)
) WITH (fillfactor = 50);

-- Datagrams that ingestd rejected.
CREATE TABLE ledger_rejected (
    ledger_id integer NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    datagrams bigint NOT NULL,
    PRIMARY KEY (ledger_id, reason)
) WITH (fillfactor = 50);

-- What flushes add, one row for each sender and reason, until they are summed up into the two tables
-- above, which happens beside the flushes. reason '': a row for "ledger".
CREATE TABLE ledger_entry (
    ledger_id  integer NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    datagrams  bigint NOT NULL,
    accepted   bigint NOT NULL,
    exceptions bigint NOT NULL,
    records    bigint NOT NULL,
    stored     bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejected   bigint NOT NULL
);

-- Both with what is not summed up yet.
CREATE VIEW ledger_now AS
SELECT l.id, l.hour, l.instance, l.sender,
       l.datagrams + coalesce(e.datagrams, 0) AS datagrams, l.accepted + coalesce(e.accepted, 0) AS accepted,
       l.exceptions + coalesce(e.exceptions, 0) AS exceptions, l.records + coalesce(e.records, 0) AS records,
       l.stored + coalesce(e.stored, 0) AS stored, l.duplicates + coalesce(e.duplicates, 0) AS duplicates,
       l.rejected + coalesce(e.rejected, 0) AS rejected
FROM ledger l LEFT JOIN (
    SELECT ledger_id, sum(datagrams)::bigint AS datagrams, sum(accepted)::bigint AS accepted,
           sum(exceptions)::bigint AS exceptions, sum(records)::bigint AS records, sum(stored)::bigint AS stored,
           sum(duplicates)::bigint AS duplicates, sum(rejected)::bigint AS rejected
    FROM ledger_entry WHERE reason = '' GROUP BY ledger_id) AS e ON e.ledger_id = l.id;

CREATE VIEW ledger_rejected_now AS
SELECT ledger_id, reason, sum(datagrams)::bigint AS datagrams
FROM (SELECT ledger_id, reason, datagrams FROM ledger_rejected
      UNION ALL SELECT ledger_id, reason, datagrams FROM ledger_entry WHERE reason <> '') AS r
GROUP BY ledger_id, reason;

-- Of a whole ingestd: datagrams the kernel dropped, and batches acknowledged that never came to this database.
CREATE TABLE ledger_instance (
    hour     timestamptz NOT NULL,
    instance uuid NOT NULL,
    dropped  bigint NOT NULL DEFAULT 0,
    holes    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, instance)
);

-- Stored records that retention has removed again; several rows of one ledger_id add up.
CREATE TABLE ledger_dropped (
    ledger_id integer NOT NULL,
    records   bigint NOT NULL
);

-- Where a record is accounted for; 0: it came before there was a ledger.
ALTER TABLE measurement ADD COLUMN ledger_id integer NOT NULL DEFAULT 0;
ALTER TABLE measurement ALTER COLUMN ledger_id DROP DEFAULT;
