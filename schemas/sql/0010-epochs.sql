-- SPDX-License-Identifier: Apache-2.0
-- A batch's name is (instance, shard, epoch, sequence): each start of an ingestd draws an epoch of its own, so that one
-- that goes on from an older copy of its spool names other batches by the sequences it gives again. Epoch 0: batches of
-- the release before, which knew none.
ALTER TABLE batch_done ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE batch_done ALTER COLUMN epoch DROP DEFAULT;
ALTER TABLE batch_done DROP CONSTRAINT batch_done_pkey, ADD PRIMARY KEY (instance, shard, epoch, sequence);

-- A stream is what one ingestd closed in one epoch. All below `oldest` is settled; holes below `counted` are in the ledger:
-- further than `oldest` only where an epoch ended with some missing. Ended ones go after thirty days.
ALTER TABLE batch_stream
    ADD COLUMN epoch      bigint NOT NULL DEFAULT 0,
    ADD COLUMN first      bigint NOT NULL DEFAULT 1,                        -- sequence given in the epoch
    ADD COLUMN counted    bigint,
    ADD COLUMN number     bigint GENERATED ALWAYS AS IDENTITY,              -- in the order in which they began here
    ADD COLUMN begun      timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN used       timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN ended_hour timestamptz,                                      -- of the ledger, where its holes are counted
    ADD COLUMN refused    boolean NOT NULL DEFAULT false;                   -- it is of a copy beside the original
UPDATE batch_stream SET counted = oldest;
ALTER TABLE batch_stream ALTER COLUMN epoch DROP DEFAULT, ALTER COLUMN first DROP DEFAULT,
    ALTER COLUMN counted SET NOT NULL;
ALTER TABLE batch_stream DROP CONSTRAINT batch_stream_pkey, ADD PRIMARY KEY (instance, shard, epoch);

ALTER TABLE rejected ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE rejected ALTER COLUMN epoch DROP DEFAULT;
ALTER TABLE rejected DROP CONSTRAINT rejected_instance_sequence_item_key, ADD UNIQUE (instance, epoch, sequence, item);
