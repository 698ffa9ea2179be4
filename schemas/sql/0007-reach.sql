-- SPDX-License-Identifier: Apache-2.0
-- What covers an instant is looked for only in the hours whose records reach it.

-- No record that starts in the hour ends later. Whole hours, so that it seldom changes.
ALTER TABLE measured_hour ADD COLUMN reach timestamptz NOT NULL DEFAULT 'infinity';
UPDATE measured_hour h SET reach = r.reach
FROM (SELECT date_trunc('hour', t_start, 'UTC') AS hour,
             date_trunc('hour', max(t_end), 'UTC') + interval '1 hour' AS reach
      FROM measurement GROUP BY 1) AS r
WHERE r.hour = h.hour;
