/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about alerts (schemas/sql/0035-alerts.sql). */
#include "stored/db/sql_parts.h"

/*
 * What a list of objects says of alerts, each of another; how many. What ends an alert stays as it
 * was said first. Old ones go: at most some thousand at once, over since more than $2 days.
 */
const char sql_alerts_put[] =
    "WITH given AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS g"
    "  (id uuid, key text, route text, series bigint, probe text, grade text, since timestamptz,"
    "   fired timestamptz, resolved timestamptz, settled boolean, said jsonb)),"
    " removed AS (DELETE FROM alert WHERE number IN (SELECT number FROM alert"
    "  WHERE resolved_at < now() - $2::integer * interval '1 day' ORDER BY resolved_at LIMIT 5000)"
    "  AND id NOT IN (SELECT id FROM given)),"
    " put AS (INSERT INTO alert (id, key, route, series_id, probe, grade_name, since, fired_at,"
    "   resolved_at, settled, said)"
    "  SELECT id, key, route, series, probe, grade, since, fired, resolved, settled,"
    "  said FROM given"
    "  ON CONFLICT (id) DO UPDATE SET since = excluded.since,"
    "   said = excluded.said, settled = excluded.settled,"
    "   resolved_at = coalesce(alert.resolved_at, excluded.resolved_at) RETURNING 1)"
    " SELECT count(*) FROM put";
