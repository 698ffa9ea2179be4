/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbered migrations, schemas/sql/NNNN-NAME.sql: each applied once, in one transaction or in
 * steps, never skipped, never undone.
 */
#include "stored/db/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/log.h"
#include "schemas/store_version.h"
#include "stored/db/migrate_steps.h"
#include "stored/db/sql.h"
#include "stored/db/sql_columns.h"

#define MIGRATION_BYTES ((size_t)4 << 20)
#define MIN_VERSION     150000

/* A failure that may pass (1) or one that somebody must look at (-1). */
static int judge(struct pg *pg, const char *doing)
{
    log_error("database.prepare", "doing=\"%s\" sqlstate=%s error=\"%s\"", doing, pg->sqlstate,
              pg->message);
    /* Of two that make the same at once. */
    bool by_another = pg->meaning == PG_MEANS_MADE || pg->meaning == PG_MEANS_TWICE;
    return pg->fault == PG_AWAY || pg_may_pass(pg->meaning) || by_another ? 1 : -1;
}

static int check_server(struct pg *pg, bool *role_is_there)
{
    PGresult *r = pg_rows(pg, SQL_ROLE, NULL);
    if (r == NULL) {
        return judge(pg, "look at the server");
    }
    *role_is_there = pg_cell_bool(r, 0, ROLE_IS_THERE);
    bool utf8 = pg_cell_bool(r, 0, ROLE_UTF8);
    int version = pg_cell_32(r, 0, ROLE_VERSION);
    PQclear(r);
    if (!utf8) {
        log_error("database.encoding", "expected=\"a database with the encoding UTF8\"");
        return -1;
    }
    if (version < MIN_VERSION) {
        log_error("database.version", "found=%d expected=\"PostgreSQL 15 or later\"", version);
        return -1;
    }
    return 0;
}

/* 0; 1: another one writes; -1: the database. Within a transaction. */
static int become_writer(struct pg *pg)
{
    PGresult *r = pg_do(pg, sql_writer_lock) == -1 ? NULL : pg_rows(pg, SQL_WRITER_TAKE, NULL);
    int rc = r == NULL ? -1 : PQntuples(r) == 1 ? 0 : 1;
    PQclear(r);
    return rc;
}

/*
 * One session writes. Its end ends all that was under way in it; but the stored before may have
 * been killed while the COMMIT of a sealing was under way in another (seal.c): the lock waits for
 * that.
 */
static int take_database(struct pg *pg)
{
    static struct log_limit said;
    int rc = pg_do(pg, "BEGIN") == -1 ? -1 : become_writer(pg);
    if (rc == 0) {
        rc = pg_commit(pg);
    }
    if (rc == -1) {
        rc = judge(pg, "become the one that writes");
        pg_rollback(pg);
        return rc;
    }
    if (rc == 1) {
        pg_rollback(pg);
        snprintf(pg->message, sizeof pg->message,
                 "another stored, or what one before left under way, holds this database");
        if (log_allowed(&said, 1)) {
            log_warn("database.owned", "error=\"%s\"", pg->message);
        }
    }
    return rc;
}

static int make_role(struct pg *pg)
{
    if (pg_do(pg, sql_role_make) == 0 || pg->meaning == PG_MEANS_NAMED) {
        return 0;
    }
    if (pg->meaning == PG_MEANS_FORBIDDEN) {
        log_error("database.role",
                  "error=\"the role ezrepo_read does not exist and this user may "
                  "not create it\" advice=\"let an administrator run: %s\"",
                  sql_role_make);
        return -1;
    }
    return judge(pg, "create the role ezrepo_read");
}

/* ---- the files ---- */

static int is_migration(const struct dirent *entry)
{
    const char *n = entry->d_name;
    size_t len = strlen(n);
    return len > 9 && strspn(n, "0123456789") == 4 && n[4] == '-' &&
           strcmp(n + len - 4, ".sql") == 0;
}

static int apply(struct pg *pg, struct pg_params *params, const char *path, const char *name,
                 int number)
{
    size_t size;
    char *text = file_read(path, MIGRATION_BYTES, &size);
    if (text == NULL) {
        log_errno("migration.read", "file=%s", path);
        return -1;
    }
    pg->unhurried = true;
    int rc = migrate_steps(pg, params, text, name, number);
    pg->unhurried = false;
    free(text);
    if (rc == -1) {
        rc = judge(pg, name);
        pg_rollback(pg);
    }
    if (rc != 0) {
        return rc;
    }
    log_info("migration.applied", "name=%s", name);
    return 0;
}

static int apply_missing(struct pg *pg, struct pg_params *params, const char *folder,
                         struct dirent **files, int count, int applied)
{
    for (int i = 0; i < count; i++) {
        const char *name = files[i]->d_name;
        char path[1024];
        int number = atoi(name);
        if (number != i + 1) {
            log_error("migration.numbers", "found=%s expected=\"number %d\"", name, i + 1);
            return -1;
        }
        if (number <= applied) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, name);
        int rc = apply(pg, params, path, name, number);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int apply_all(struct pg *pg, struct pg_params *params, const char *schemas_dir)
{
    struct dirent **files = NULL;
    char folder[700];
    PGresult *r = pg_rows(pg, SQL_MIGRATIONS, NULL);
    if (r == NULL) {
        return judge(pg, "read the table of migrations");
    }
    int applied = pg_cell_32(r, 0, 0);
    PQclear(r);
    snprintf(folder, sizeof folder, "%s/sql", schemas_dir);
    int count = scandir(folder, &files, is_migration, alphasort);
    if (count == -1) {
        log_errno("migration.folder", "path=%s", folder);
        return -1;
    }
    if (count < STORE_VERSION) {
        log_error(
            "migration.stale",
            "path=%s found=%d expected=%d advice=\"common.schemas_dir is of an older version: "
            "take it out of the configuration, or bring it up to date by ezrepo restart\"",
            folder, count, STORE_VERSION);
    }
    int rc = -1;
    if (applied > count || count == 0) {
        log_error("migration.newer",
                  "database=%d known=%d error=\"the database was made by a newer version\"",
                  applied, count);
    } else {
        rc = apply_missing(pg, params, folder, files, count, applied);
    }
    for (int i = 0; i < count; i++) {
        free(files[i]);
    }
    free(files);
    return rc;
}

static int note_release(struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    pg_add_bytes(params, slice_of(EZREPO_VERSION));
    return pg_run(pg, SQL_RELEASE_ADD, params) == 0 ? 0 : judge(pg, "note the release");
}

int migrate(struct pg *pg, struct pg_params *params, const char *schemas_dir)
{
    bool role_is_there = false;
    int rc = check_server(pg, &role_is_there);
    if (rc == 0 && !role_is_there) {
        rc = make_role(pg);
    }
    if (rc == 0 && pg_do(pg, sql_schema) == -1) {
        rc = judge(pg, "create the schema ezrepo");
    }
    if (rc == 0) {
        rc = take_database(pg);
    }
    if (rc == 0) {
        rc = apply_all(pg, params, schemas_dir);
    }
    return rc == 0 ? note_release(pg, params) : rc;
}
