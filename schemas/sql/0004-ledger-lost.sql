-- SPDX-License-Identifier: Apache-2.0
-- Of a whole ingestd: datagrams that it had read and not yet brought into its spool when it was killed. `lost` are known
-- exactly; up to `maybe_lost` more were under way when the kill came in the midst of reading.
ALTER TABLE ledger_instance ADD COLUMN lost bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_instance ADD COLUMN maybe_lost bigint NOT NULL DEFAULT 0;
