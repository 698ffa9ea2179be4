-- SPDX-License-Identifier: Apache-2.0
-- Under load a range of 32 pages is full 50 times a second, and autovacuum keeps 256 requests to summarize one:
-- larger ranges, of some 10,000 records, so that none is refused.
DROP INDEX measurement_t_start;
CREATE INDEX measurement_t_start ON measurement USING brin (t_start) WITH (pages_per_range = 256, autosummarize = on);
