/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of the spool. All of it stands here. */
#include "ingestd/spool/spool_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "ingestd/spool/spool_salvage.h"

#define TEXT_OF(x)         #x
#define TEXT(x)            TEXT_OF(x)
#define FAULT_BYTES        200
#define ROWS_A_TRANSACTION 64

/* Larger than that, an empty file is made small again. */
#define UNUSED_BYTES ((sqlite3_int64)64 * 1024 * 1024)

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(PUT, "INSERT OR IGNORE INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")              \
    X(REPLACE, "INSERT OR REPLACE INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")         \
    X(REMOVE, "DELETE FROM batch WHERE sequence < ?1")                                             \
    X(READ, "SELECT * FROM batch WHERE sequence >= ?1 ORDER BY sequence LIMIT 1")                  \
    X(ALL, "SELECT * FROM batch ORDER BY sequence")                                                \
    X(SEQUENCES, "SELECT sequence FROM batch ORDER BY sequence")                                   \
    X(CHECK, "PRAGMA quick_check(1)")

#define STATEMENT_CONSTANT(name, sql) STATEMENT_##name,
enum statement { STATEMENTS(STATEMENT_CONSTANT) STATEMENT_COUNT };

/* In the order that spool_salvage.c knows, small columns first. */
static const char table[] = "CREATE TABLE batch ("
                            "sequence INTEGER PRIMARY KEY, "
                            "instance BLOB NOT NULL, "
                            "kind INTEGER NOT NULL, "
                            "count INTEGER NOT NULL, "
                            "received_us INTEGER NOT NULL, "
                            "dropped INTEGER NOT NULL, "
                            "checksum INTEGER NOT NULL, "
                            "accounts BLOB, "
                            "frame BLOB)";

struct spool_file {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    uint64_t log_bytes;
    char fault[FAULT_BYTES];
};

/* ---- results ---- */

static enum spool_result result_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SPOOL_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SPOOL_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* no such table */
    case SQLITE_SCHEMA:
        return SPOOL_DAMAGED;
    default:
        return SPOOL_FAILED;
    }
}

static enum spool_result fail(struct spool_file *f, int rc)
{
    int error = sqlite3_system_errno(f->db);
    snprintf(f->fault, sizeof f->fault, "%s%s%s", sqlite3_errmsg(f->db), error == 0 ? "" : ": ",
             error == 0 ? "" : strerror(error));
    return result_of(rc);
}

const char *spool_file_fault(const struct spool_file *f)
{
    return f->fault;
}

/* A statement without rows. */
static enum spool_result run(struct spool_file *f, enum statement which)
{
    sqlite3_stmt *s = f->statement[which];
    int rc = sqlite3_step(s);
    enum spool_result result = rc == SQLITE_DONE || rc == SQLITE_ROW ? SPOOL_OK : fail(f, rc);
    sqlite3_reset(s);
    return result;
}

/* ---- opening and closing ---- */

static int count_log_bytes(void *context, sqlite3 *db, const char *name, int pages)
{
    struct spool_file *f = context;
    (void)db, (void)name;
    f->log_bytes = (uint64_t)pages * SPOOL_PAGE_BYTES;
    return SQLITE_OK;
}

static int prepare(struct spool_file *f)
{
#define STATEMENT_SQL(name, sql) sql,
    static const char *const sql[] = {STATEMENTS(STATEMENT_SQL)};
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        int rc = sqlite3_prepare_v3(f->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &f->statement[i],
                                    NULL);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    return SQLITE_OK;
}

/* As a URI has it: with all that means something there, or might, as %XX. NULL: out of memory. */
static char *uri_of(const char *file, const char *options)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
    size_t size = sizeof "file:" + 3 * strlen(file) + strlen(options);
    char *uri = malloc(size);
    size_t used = uri == NULL ? 0 : (size_t)snprintf(uri, size, "file:");
    for (const char *c = file; uri != NULL && *c != '\0'; c++) {
        used += (size_t)snprintf(uri + used, size - used,
                                 strchr(plain, *c) != NULL ? "%c" : "%%%02X", (unsigned char)*c);
    }
    if (uri != NULL) {
        snprintf(uri + used, size - used, "%s", options);
    }
    return uri;
}

/*
 * SQLite wants to write beside a file with a log, if only locks; without one it has to be told that
 * none will come. The head is locked: nobody else is there.
 */
static int open_frozen(struct spool_file *f, const char *file)
{
    char log[4096 + 4];
    struct stat st;
    int n = snprintf(log, sizeof log, "%s-wal", file);
    bool has_log = n < (int)sizeof log && stat(log, &st) == 0 && st.st_size > 0;
    char *uri = uri_of(file, has_log ? "?mode=ro&vfs=unix-none" : "?mode=ro&immutable=1");
    int rc =
        uri == NULL
            ? SQLITE_NOMEM
            : sqlite3_open_v2(uri, &f->db,
                              SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    free(uri);
    return rc;
}

static int open_database(struct spool_file *f, const char *file, enum spool_way way)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int rc = way == SPOOL_FROZEN
                 ? open_frozen(f, file)
                 : sqlite3_open_v2(file, &f->db,
                                   flags | (way == SPOOL_NEW ? SQLITE_OPEN_CREATE : 0), NULL);
    if (rc == SQLITE_OK && (way == SPOOL_ALONE || way == SPOOL_FROZEN)) {
        /* Before the log is opened: then its index is kept in memory, not in a file. */
        rc = sqlite3_exec(f->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    }
    return rc;
}

struct spool_file *spool_file_open(const char *file, enum spool_way way, enum spool_result *result,
                                   char fault[200])
{
    static const char *const pragmas[] = {("PRAGMA page_size = " TEXT(SPOOL_PAGE_BYTES)),
                                          "PRAGMA journal_mode = WAL",
                                          "PRAGMA synchronous = NORMAL",
                                          "PRAGMA wal_autocheckpoint = 0",
                                          "PRAGMA journal_size_limit = 67108864",
                                          "PRAGMA cache_size = -8192",
                                          "PRAGMA cell_size_check = ON"};
    struct spool_file *f = calloc(1, sizeof *f);
    *result = SPOOL_FAILED;
    if (f == NULL) {
        snprintf(fault, FAULT_BYTES, "out of memory");
        return NULL;
    }
    int rc = open_database(f, file, way);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof pragmas / sizeof *pragmas; i++) {
        rc = sqlite3_exec(f->db, pragmas[i], NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK && way == SPOOL_NEW) {
        rc = sqlite3_exec(f->db, table, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = prepare(f);
    }
    if (rc != SQLITE_OK) {
        *result = fail(f, rc);
        snprintf(fault, FAULT_BYTES, "%s", f->fault);
        spool_file_close(&f, true);
        return NULL;
    }
    sqlite3_wal_hook(f->db, count_log_bytes, f);
    *result = SPOOL_OK;
    return f;
}

void spool_file_close(struct spool_file **f, bool keep_log)
{
    if (*f == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize((*f)->statement[i]);
    }
    keep_log = keep_log || !spool_file_has_room_for_log((*f)->db);
    sqlite3_db_config((*f)->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log ? 1 : 0, NULL);
    sqlite3_close((*f)->db);
    free(*f);
    *f = NULL;
}

/* ---- rows ---- */

static struct slice blob_of(sqlite3_stmt *s, int column)
{
    if (sqlite3_column_type(s, column) != SQLITE_BLOB) {
        return (struct slice){NULL, 0};
    }
    const char *at = sqlite3_column_blob(s, column);
    return (struct slice){at == NULL ? "" : at, (size_t)sqlite3_column_bytes(s, column)};
}

/* The row the statement stands at: 0, or -1 when its checksum is wrong. */
static int read_columns(sqlite3_stmt *s, struct spool_row *row)
{
    *row = (struct spool_row){.batch = {.sequence = (uint64_t)sqlite3_column_int64(s, 0),
                                        .kind = sqlite3_column_int64(s, 2) == BATCH_REJECTS
                                                    ? BATCH_REJECTS
                                                    : BATCH_RECORDS,
                                        .count = (uint32_t)sqlite3_column_int64(s, 3),
                                        .received_us = sqlite3_column_int64(s, 4),
                                        .dropped = (uint64_t)sqlite3_column_int64(s, 5),
                                        .accounts = blob_of(s, 7),
                                        .frame = blob_of(s, 8)}};
    if (spool_row_take_name(row, blob_of(s, 1)) == -1) {
        return -1;
    }
    return (row->batch.accounts.at == NULL) == (row->batch.frame.at == NULL) &&
                   row->batch.count <= LIMIT_BATCH_RECORDS &&
                   spool_row_checksum(row) == (uint64_t)sqlite3_column_int64(s, 6)
               ? 0
               : -1;
}

static void add_content(struct spool_content *content, const struct spool_row *row)
{
    const struct window_batch *b = &row->batch;
    if (content->rows++ == 0) {
        content->first = b->sequence;
    }
    content->last = b->sequence;
    memcpy(content->instance, row->instance, sizeof content->instance);
    if (!spool_row_is_acknowledged(row)) {
        content->oldest = content->batches++ == 0 ? b->sequence : content->oldest;
        *(b->kind == BATCH_RECORDS ? &content->records : &content->rejects) += b->count;
        content->payload_bytes += b->frame.len + b->accounts.len;
    }
}

enum spool_result spool_file_check(struct spool_file *f, struct spool_content *content)
{
    enum spool_result result = SPOOL_OK;
    struct spool_row row;
    *content = (struct spool_content){0};
    sqlite3_stmt *s = f->statement[STATEMENT_CHECK];
    int rc = sqlite3_step(s);
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (rc != SQLITE_ROW) {
        result = fail(f, rc);
    } else if (said == NULL || strcmp(said, "ok") != 0) {
        snprintf(f->fault, sizeof f->fault, "%s", said == NULL ? "out of memory" : said);
        result = said == NULL ? SPOOL_FAILED : SPOOL_DAMAGED;
    }
    sqlite3_reset(s);
    if (result != SPOOL_OK) {
        return result;
    }
    s = f->statement[STATEMENT_ALL];
    while (result == SPOOL_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (read_columns(s, &row) == -1 ||
            (content->rows > 0 &&
             memcmp(row.instance, content->instance, sizeof row.instance) != 0)) {
            snprintf(f->fault, sizeof f->fault, "the checksum of sequence %" PRIu64 " is wrong",
                     row.batch.sequence);
            result = SPOOL_DAMAGED;
        } else {
            add_content(content, &row);
        }
    }
    if (result == SPOOL_OK && rc != SQLITE_DONE) {
        result = fail(f, rc);
    }
    sqlite3_reset(s);
    return result;
}

/* ---- transactions ---- */

static void roll_back(struct spool_file *f)
{
    if (!sqlite3_get_autocommit(f->db)) {
        sqlite3_step(f->statement[STATEMENT_ROLLBACK]);
        sqlite3_reset(f->statement[STATEMENT_ROLLBACK]);
    }
}

static enum spool_result or_roll_back(struct spool_file *f, enum spool_result result)
{
    if (result != SPOOL_OK) {
        roll_back(f);
    }
    return result;
}

enum spool_result spool_file_begin(struct spool_file *f)
{
    return or_roll_back(f, run(f, STATEMENT_BEGIN));
}

static void bind_blob(sqlite3_stmt *s, int at, struct slice bytes)
{
    if (bytes.at == NULL) {
        sqlite3_bind_null(s, at);
    } else if (bytes.len == 0) {
        sqlite3_bind_zeroblob(s, at, 0);
    } else {
        sqlite3_bind_blob64(s, at, bytes.at, bytes.len, SQLITE_STATIC);
    }
}

enum spool_result spool_file_put(struct spool_file *f, const struct spool_row *row)
{
    const struct window_batch *b = &row->batch;
    char name[SPOOL_NAME_BYTES];
    enum statement which = spool_row_is_acknowledged(row) ? STATEMENT_REPLACE : STATEMENT_PUT;
    sqlite3_stmt *s = f->statement[which];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)b->sequence);
    bind_blob(s, 2, spool_row_name(row, name));
    sqlite3_bind_int64(s, 3, b->kind);
    sqlite3_bind_int64(s, 4, b->count);
    sqlite3_bind_int64(s, 5, b->received_us);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)b->dropped);
    sqlite3_bind_int64(s, 7, (sqlite3_int64)spool_row_checksum(row));
    bind_blob(s, 8, b->accounts);
    bind_blob(s, 9, b->frame);
    enum spool_result result = run(f, which);
    sqlite3_clear_bindings(s);
    return or_roll_back(f, result);
}

enum spool_result spool_file_remove_below(struct spool_file *f, uint64_t sequence,
                                          uint64_t *removed)
{
    sqlite3_bind_int64(f->statement[STATEMENT_REMOVE], 1, (sqlite3_int64)sequence);
    enum spool_result result = run(f, STATEMENT_REMOVE);
    *removed = result == SPOOL_OK ? (uint64_t)sqlite3_changes64(f->db) : 0;
    return or_roll_back(f, result);
}

enum spool_result spool_file_commit(struct spool_file *f)
{
    return or_roll_back(f, run(f, STATEMENT_COMMIT));
}

/* ---- reading ---- */

enum spool_result spool_file_read(struct spool_file *f, uint64_t sequence, struct spool_row *row)
{
    sqlite3_stmt *s = f->statement[STATEMENT_READ];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)sequence);
    int rc = sqlite3_step(s);
    *row = (struct spool_row){0};
    if (rc == SQLITE_ROW) {
        if (read_columns(s, row) == 0) {
            return SPOOL_OK;
        }
        snprintf(f->fault, sizeof f->fault, "the checksum of sequence %" PRIu64 " is wrong",
                 row->batch.sequence);
        return SPOOL_DAMAGED;
    }
    return rc == SQLITE_DONE ? SPOOL_NONE : fail(f, rc);
}

/* A statement that is not reset keeps the log from being begun anew. */
void spool_file_read_end(struct spool_file *f)
{
    sqlite3_reset(f->statement[STATEMENT_READ]);
}

enum spool_result spool_file_sequences(struct spool_file *f,
                                       void (*each)(void *context, uint64_t sequence),
                                       void *context)
{
    sqlite3_stmt *s = f->statement[STATEMENT_SEQUENCES];
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        each(context, (uint64_t)sqlite3_column_int64(s, 0));
    }
    enum spool_result result = rc == SQLITE_DONE ? SPOOL_OK : fail(f, rc);
    sqlite3_reset(s);
    return result;
}

/* What cannot be read would not be found by who looks for it either. */
enum spool_result spool_file_copy(struct spool_file *f, struct spool_file *into)
{
    sqlite3_stmt *s = f->statement[STATEMENT_ALL];
    struct spool_row row;
    int rc = SQLITE_DONE;
    uint64_t rows = 0;
    enum spool_result result = spool_file_begin(into);
    while (result == SPOOL_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (read_columns(s, &row) == 0) {
            result = spool_file_put(into, &row);
        }
        if (result == SPOOL_OK && ++rows % ROWS_A_TRANSACTION == 0) {
            result = spool_file_commit(into);
            result = result == SPOOL_OK ? spool_file_begin(into) : result;
        }
    }
    if (result == SPOOL_OK) {
        result = spool_file_commit(into);
    }
    if (result != SPOOL_OK) {
        snprintf(f->fault, sizeof f->fault, "%s", into->fault);
    } else if (rc != SQLITE_DONE) {
        result = fail(f, rc);
    }
    sqlite3_reset(s);
    return result;
}

void spool_file_copy_itself(struct spool_file *f)
{
    sqlite3_wal_autocheckpoint(f->db, 4096);
}

uint64_t spool_file_log_bytes(const struct spool_file *f)
{
    return f->log_bytes;
}

static sqlite3_int64 pragma_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    sqlite3_int64 value = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

bool spool_file_has_room_for_log(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");
    sqlite3_int64 bytes = pragma_number(db, "PRAGMA page_count") * SPOOL_PAGE_BYTES;
    struct stat st;
    struct statvfs disk;
    return path == NULL || stat(path, &st) == -1 || statvfs(path, &disk) == -1 ||
           bytes <= st.st_size ||
           (uint64_t)(bytes - st.st_size) <= (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* VACUUM copies what is used: only where that is little. A failure leaves the file as it was. */
void spool_file_shrink(struct spool_file *f)
{
    sqlite3_int64 pages = pragma_number(f->db, "PRAGMA page_count");
    sqlite3_int64 unused = pragma_number(f->db, "PRAGMA freelist_count");
    if (unused * SPOOL_PAGE_BYTES > UNUSED_BYTES && (pages - unused) * SPOOL_PAGE_BYTES < 1048576) {
        sqlite3_exec(f->db, "VACUUM", NULL, NULL, NULL);
    }
}
