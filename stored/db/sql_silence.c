/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about silences that are told (schemas/sql/0022-silence.sql). */
#include "stored/db/sql_parts.h"

/* How many are others than they were. $1, $2: all there are to be. */
const char sql_intervals_put[] =
    "WITH said AS MATERIALIZED (SELECT type, us FROM unnest($1::text[], $2::bigint[]) AS u (type, "
    "us)),"
    " gone AS (DELETE FROM record_type_interval r WHERE NOT EXISTS"
    "  (SELECT FROM said WHERE said.type = r.type) RETURNING 1),"
    " put AS (INSERT INTO record_type_interval AS r SELECT type, us FROM said"
    "  ON CONFLICT (type) DO UPDATE SET interval_us = excluded.interval_us"
    "  WHERE r.interval_us <> excluded.interval_us RETURNING 1)"
    " SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM put)";
