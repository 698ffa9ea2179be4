/* SPDX-License-Identifier: Apache-2.0 */
/* All SQL of the journal stands here. */
#include "ingest-gw/remote/journal_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(PUT, "INSERT OR REPLACE INTO request VALUES (?1, ?2, ?3, ?4, ?5)")                           \
    X(MARK, "INSERT OR REPLACE INTO done VALUES (?1, ?2, ?3)")                                     \
    X(REMOVE, "DELETE FROM request WHERE row = ?1")                                                \
    X(FORGET, "DELETE FROM done WHERE done_us < ?1")                                               \
    X(MARKS, "SELECT key, done_us, marks FROM done ORDER BY done_us")                              \
    X(REQUESTS, "SELECT row, received_us, format, door, body FROM request ORDER BY row")           \
    X(CHECK, "PRAGMA quick_check(1)")

#define STATEMENT_CONSTANT(name, sql) JOURNAL_##name,
enum journal_statement { STATEMENTS(STATEMENT_CONSTANT) JOURNAL_STATEMENTS };

/* Synced with each commit: what is answered has to outlive a power failure. */
static const char *const journal_setup[] = {
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 67108864",
    "CREATE TABLE IF NOT EXISTS request (row INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, "
    "format TEXT NOT NULL, door BLOB NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS done (key BLOB PRIMARY KEY, done_us INTEGER NOT NULL, "
    "marks BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS done_by_time ON done (done_us)"};

struct journal_file {
    sqlite3 *db;
    sqlite3_stmt *statement[JOURNAL_STATEMENTS];
    char fault[JOURNAL_FAULT_BYTES];
};

/* ---- results ---- */

static int fail(struct journal_file *f)
{
    int error = sqlite3_system_errno(f->db);
    snprintf(f->fault, sizeof f->fault, "%s%s%s", sqlite3_errmsg(f->db), error == 0 ? "" : ": ",
             error == 0 ? "" : strerror(error));
    return -1;
}

const char *journal_file_fault(const struct journal_file *f)
{
    return f->fault;
}

static int run(struct journal_file *f, enum journal_statement which)
{
    sqlite3_stmt *s = f->statement[which];
    int rc = sqlite3_step(s);
    int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(f);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return result;
}

/* ---- opening ---- */

static int prepare(struct journal_file *f)
{
#define STATEMENT_SQL(name, sql) sql,
    static const char *const sql[] = {STATEMENTS(STATEMENT_SQL)};
    int rc = SQLITE_OK;
    for (int i = 0; i < JOURNAL_STATEMENTS && rc == SQLITE_OK; i++) {
        rc = sqlite3_prepare_v3(f->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &f->statement[i],
                                NULL);
    }
    return rc;
}

/* Every page is looked at. */
static int check(struct journal_file *f, bool *damaged)
{
    sqlite3_stmt *s = f->statement[JOURNAL_CHECK];
    int rc = sqlite3_step(s);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    bool good = said != NULL && strcmp(said, "ok") == 0;
    if (said == NULL) {
        fail(f);
    } else if (!good) {
        snprintf(f->fault, sizeof f->fault, "%s", said);
    }
    *damaged = said != NULL && !good;
    sqlite3_reset(s);
    return good ? 0 : -1;
}

static bool is_damage(int rc)
{
    int kind = rc & 0xff;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR;
}

struct journal_file *journal_file_open(const char *path, bool *damaged,
                                       char fault[JOURNAL_FAULT_BYTES])
{
    struct journal_file *f = calloc(1, sizeof *f);
    *damaged = false;
    if (f == NULL) {
        snprintf(fault, JOURNAL_FAULT_BYTES, "out of memory");
        return NULL;
    }
    int rc = sqlite3_open_v2(
        path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof journal_setup / sizeof *journal_setup; i++) {
        rc = sqlite3_exec(f->db, journal_setup[i], NULL, NULL, NULL);
    }
    rc = rc == SQLITE_OK ? prepare(f) : rc;
    if (rc != SQLITE_OK) {
        fail(f);
        *damaged = is_damage(rc);
    } else if (check(f, damaged) == 0) {
        return f;
    }
    snprintf(fault, JOURNAL_FAULT_BYTES, "%s", f->fault);
    journal_file_close(&f);
    return NULL;
}

void journal_file_close(struct journal_file **f)
{
    if (*f == NULL) {
        return;
    }
    for (int i = 0; i < JOURNAL_STATEMENTS; i++) {
        sqlite3_finalize((*f)->statement[i]);
    }
    sqlite3_close((*f)->db);
    free(*f);
    *f = NULL;
}

/* ---- reading ---- */

static struct slice bytes_of(sqlite3_stmt *s, int column)
{
    const char *at = sqlite3_column_blob(s, column);
    return (struct slice){at == NULL ? "" : at, (size_t)sqlite3_column_bytes(s, column)};
}

static int give_mark(sqlite3_stmt *s, const struct journal_reader *reader)
{
    struct slice key = bytes_of(s, 0), marks = bytes_of(s, 2);
    int64_t done_us = sqlite3_column_int64(s, 1);
    size_t count = marks.len / sizeof(struct assembly_mark);
    struct assembly_mark *kept = malloc(marks.len + 1); /* SQLite's bytes are aligned for none */
    if (kept == NULL) {
        return -1;
    }
    memcpy(kept, marks.at, count * sizeof *kept);
    int rc = key.len == ASSEMBLY_KEY_BYTES ? reader->mark(reader->context, (const uint8_t *)key.at,
                                                          kept, (uint32_t)count, done_us)
                                           : 0;
    free(kept);
    return rc;
}

static int give_request(sqlite3_stmt *s, const struct journal_reader *reader, uint64_t *last)
{
    const struct journal_request r = {.row = (uint64_t)sqlite3_column_int64(s, 0),
                                      .received_us = sqlite3_column_int64(s, 1),
                                      .format = bytes_of(s, 2),
                                      .door = bytes_of(s, 3),
                                      .body = bytes_of(s, 4)};
    *last = r.row;
    return reader->request(reader->context, &r);
}

int journal_file_read(struct journal_file *f, const struct journal_reader *reader, bool *ended,
                      uint64_t *last)
{
    static const enum journal_statement which[] = {JOURNAL_MARKS, JOURNAL_REQUESTS};
    int rc = SQLITE_DONE;
    *ended = false;
    *last = 0;
    for (int i = 0; i < 2 && rc == SQLITE_DONE && !*ended; i++) {
        sqlite3_stmt *s = f->statement[which[i]];
        while (!*ended && (rc = sqlite3_step(s)) == SQLITE_ROW) {
            *ended = (i == 0 ? give_mark(s, reader) : give_request(s, reader, last)) == -1;
        }
        if (rc != SQLITE_DONE && !*ended) {
            fail(f);
        }
        sqlite3_reset(s);
    }
    return rc == SQLITE_DONE && !*ended ? 0 : -1;
}

/* ---- transactions ---- */

int journal_file_begin(struct journal_file *f)
{
    return run(f, JOURNAL_BEGIN);
}

int journal_file_commit(struct journal_file *f)
{
    return run(f, JOURNAL_COMMIT);
}

void journal_file_roll_back(struct journal_file *f)
{
    if (!sqlite3_get_autocommit(f->db)) {
        sqlite3_step(f->statement[JOURNAL_ROLLBACK]);
        sqlite3_reset(f->statement[JOURNAL_ROLLBACK]);
    }
}

static void bind_bytes(sqlite3_stmt *s, int at, struct slice bytes)
{
    if (bytes.len == 0) {
        sqlite3_bind_zeroblob(s, at, 0);
    } else {
        sqlite3_bind_blob64(s, at, bytes.at, bytes.len, SQLITE_STATIC);
    }
}

int journal_file_put(struct journal_file *f, const struct journal_request *r)
{
    sqlite3_stmt *s = f->statement[JOURNAL_PUT];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)r->row);
    sqlite3_bind_int64(s, 2, r->received_us);
    sqlite3_bind_text(s, 3, r->format.at, (int)r->format.len, SQLITE_STATIC);
    bind_bytes(s, 4, r->door);
    bind_bytes(s, 5, r->body);
    return run(f, JOURNAL_PUT);
}

int journal_file_mark(struct journal_file *f, const uint8_t key[ASSEMBLY_KEY_BYTES],
                      struct slice marks, int64_t done_us)
{
    sqlite3_stmt *s = f->statement[JOURNAL_MARK];
    bind_bytes(s, 1, (struct slice){(const char *)key, ASSEMBLY_KEY_BYTES});
    sqlite3_bind_int64(s, 2, done_us);
    bind_bytes(s, 3, marks);
    return run(f, JOURNAL_MARK);
}

int journal_file_remove(struct journal_file *f, uint64_t row)
{
    sqlite3_bind_int64(f->statement[JOURNAL_REMOVE], 1, (sqlite3_int64)row);
    return run(f, JOURNAL_REMOVE);
}

int journal_file_forget(struct journal_file *f, int64_t before_us)
{
    sqlite3_bind_int64(f->statement[JOURNAL_FORGET], 1, before_us);
    return run(f, JOURNAL_FORGET);
}
