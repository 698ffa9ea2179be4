/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about people and their sessions (schemas/sql/0037-people.sql). */
#include "stored/db/sql_parts.h"

#define A_USERS_MOST "64"    /* sessions of one user, LIMIT_SESSIONS_GONE */
#define ALL_MOST     "10000" /* of all, after a sweep */

const char sql_session_password[] =
    "SELECT secret FROM access_entry WHERE kind = 'user' AND name = $1::text";

/*
 * From `known`, one name or none, a session of digest $2 that ends $3 microseconds after it was
 * used last and $4 after it began; whose oldest go for it.
 */
#define ADDED                                                                                      \
    " gone AS (DELETE FROM web_session WHERE digest IN (SELECT s.digest FROM known k"              \
    "   JOIN web_session s ON s.name = k.name ORDER BY s.made_at DESC, s.digest"                   \
    "   OFFSET " A_USERS_MOST " - 1) RETURNING digest),"                                           \
    " added AS (INSERT INTO web_session (digest, name, made_at, used_at, ends_at)"                 \
    "  SELECT $2::bytea, name, now(), now(),"                                                      \
    "         now() + least($3::bigint, $4::bigint) * interval '1 microsecond' FROM known"         \
    "  RETURNING name, ends_at)"                                                                   \
    " SELECT name, ends_at, (SELECT string_agg(digest, '') FROM gone) FROM added"

/* Of the user $1 whose hash is $5: another one by now was set while this one was compared. */
const char sql_session_add[] =
    "WITH known AS (SELECT name FROM access_entry WHERE kind = 'user' AND name = $1::text"
    "  AND secret = $5::text AND secret <> '')," ADDED;

/* By the ticket $1. */
const char sql_session_admit[] =
    "WITH taken AS (DELETE FROM web_ticket WHERE digest = $1::bytea RETURNING name, ends_at),"
    " known AS (SELECT e.name FROM taken t JOIN access_entry e ON e.kind = 'user'"
    "  AND e.name = t.name WHERE t.ends_at > now())," ADDED;

const char sql_session_find[] =
    "WITH ends AS (SELECT digest, least(now() + $2::bigint * interval '1 microsecond',"
    "   made_at + $3::bigint * interval '1 microsecond') AS at"
    "  FROM web_session WHERE digest = $1::bytea AND ends_at > now()"
    "   AND used_at + $2::bigint * interval '1 microsecond' > now())"
    " UPDATE web_session s SET used_at = now(), ends_at = e.at FROM ends e"
    " WHERE s.digest = e.digest AND e.at > now() RETURNING s.name, s.ends_at";

const char sql_session_end[] = "DELETE FROM web_session WHERE digest = $1::bytea RETURNING name";

/* And tickets. */
const char sql_session_end_all[] =
    "WITH tickets AS (DELETE FROM web_ticket WHERE name = $1::text),"
    " ended AS (DELETE FROM web_session WHERE name = $1::text RETURNING 1)"
    " SELECT count(*) FROM ended";

/* How many went, and how many there were. */
const char sql_session_sweep[] =
    "WITH tickets AS (DELETE FROM web_ticket WHERE ends_at <= now()),"
    " over AS (DELETE FROM web_session WHERE digest IN"
    "  ((SELECT digest FROM web_session WHERE ends_at <= now() ORDER BY ends_at LIMIT 10000)"
    "   UNION ALL (SELECT digest FROM web_session ORDER BY used_at DESC OFFSET " ALL_MOST
    "    LIMIT 10000)) RETURNING 1)"
    " SELECT (SELECT count(*) FROM over), (SELECT count(*) FROM web_session)";

/* At most 10,000, as there may be of anything in who may do what. */
const char sql_users_list[] =
    "SELECT coalesce(json_agg(u ORDER BY name), '[]')::text FROM (SELECT e.name,"
    "  e.secret <> '' AS password, coalesce(s.sessions, 0) AS sessions, s.used"
    "  FROM access_entry e LEFT JOIN (SELECT name, count(*) AS sessions,"
    "    to_char(max(used_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS used"
    "   FROM web_session WHERE ends_at > now() GROUP BY name) AS s USING (name)"
    "  WHERE e.kind = 'user' ORDER BY e.name LIMIT 5000) AS u";

const char sql_users_count[] = "SELECT count(*) FROM access_entry WHERE kind = 'user'";

/* For the user $2, good for $3 microseconds; 16 of his are left. */
const char sql_ticket_add[] =
    "WITH old AS (DELETE FROM web_ticket WHERE digest IN (SELECT digest FROM web_ticket"
    "  WHERE name = $2::text ORDER BY ends_at DESC OFFSET 15))"
    " INSERT INTO web_ticket (digest, name, ends_at)"
    " SELECT $1::bytea, name, now() + $3::bigint * interval '1 microsecond' FROM access_entry"
    " WHERE kind = 'user' AND name = $2::text RETURNING ends_at";
