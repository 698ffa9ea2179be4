-- SPDX-License-Identifier: Apache-2.0
-- A day's counts take in each of its hours soon after that is sealed: their rows change up to 24 times,
-- so each page has room for a new version of all of its rows.
ALTER TABLE grade_rollup_day SET (fillfactor = 50);
