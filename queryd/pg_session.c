/* SPDX-License-Identifier: Apache-2.0 */
/* The session of each connection of queryd. */
#include "queryd/pg_session.h"

#include <stdio.h>

#include "schemas/store_version.h"

/*
 * The first thing a new connection is told, in one statement. jit costs more than it gives for
 * short statements; with the preset cost of a random page a few series would be looked up by
 * reading all; to start parallel workers takes longer than most questions.
 */
const char pg_session_sql[] =
    "SELECT set_config('search_path', 'ezrepo', false), set_config('timezone', 'UTC', false),"
    " set_config('default_transaction_read_only', 'on', false), set_config('jit', 'off', false),"
    " set_config('random_page_cost', '1.1', false),"
    " set_config('parallel_setup_cost', '20000', false),"
    /* So long a statement goes on whose connection was closed. */
    " set_config('client_connection_check_interval', '100ms', false)";
/* Then what store it leads to: statements are made for one version of it. */
const char pg_session_version_sql[] = "SELECT coalesce(max(number), 0) FROM ezrepo.migration";

/* The store has to be the one that the statements are made for. */
bool pg_session_fits(int64_t version, char *why, size_t size)
{
    const char *hint = version < STORE_VERSION ? "stored brings it up to date when it starts"
                                               : "it was made by a newer EZRepo";
    if (version == -1) {
        snprintf(why, size, "the store tells no version, expected %d: %s", STORE_VERSION, hint);
    } else {
        snprintf(why, size, "the store has version %lld, expected %d: %s", (long long)version,
                 STORE_VERSION, hint);
    }
    return version == STORE_VERSION;
}
