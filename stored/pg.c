/* libpq with its result codes looked at. Knows nothing of what is stored. */
#include "stored/pg.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/utf8.h"

#define COPY_CHUNK ((size_t)256 * 1024)

/* ---- failures ---- */

/* In one line, without the advice that libpq adds in lines of their own that begin with a tab. */
static void keep_message(struct pg *pg, const char *text)
{
    size_t n = 0;
    for (; text != NULL && *text != '\0' && n + 1 < sizeof pg->message; text++) {
        while (text[0] == '\n' && text[1] == '\t') {
            text += 1 + strcspn(text + 1, "\n");
        }
        if (*text == '\0') {
            break;
        }
        pg->message[n++] = *text == '\n' ? ' ' : *text;
    }
    while (n > 0 && pg->message[n - 1] == ' ') {
        n--;
    }
    pg->message[n] = '\0';
    utf8_repair(pg->message, pg->message + n);
}

/*
 * Classes of SQLSTATE that say "not with these values": data exceptions, violated constraints,
 * limits of the program (a row too long for its index). Everything else may be different later.
 */
static bool is_data(const char *sqlstate)
{
    return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0 ||
           strncmp(sqlstate, "54", 2) == 0;
}

/*
 * The server takes no writes, as one does that follows another. By a new connection it may be found
 * which of several hosts does.
 */
static bool is_read_only(const char *sqlstate)
{
    return strcmp(sqlstate, "25006") == 0;
}

/* What a result (NULL: there is none) says about its failure. Always -1. */
static int failed(struct pg *pg, const PGresult *r)
{
    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", state == NULL ? "" : state);
    keep_message(pg, text != NULL ? text : PQerrorMessage(pg->conn));
    if (PQstatus(pg->conn) != CONNECTION_OK || is_read_only(pg->sqlstate)) {
        pg->fault = PG_AWAY;
    } else {
        pg->fault = state != NULL && is_data(state) ? PG_DATA : PG_BUSY;
    }
    return -1;
}

/* Clears the result; 0 when it is the expected one. */
static int expect(struct pg *pg, PGresult *r, ExecStatusType status)
{
    int rc = PQresultStatus(r) == status ? 0 : failed(pg, r);
    PQclear(r);
    return rc;
}

static int out_of_memory(struct pg *pg)
{
    pg->fault = PG_BUSY;
    pg->sqlstate[0] = '\0';
    keep_message(pg, "memory is out");
    return -1;
}

/* ---- connecting ---- */

/*
 * COMMIT is answered when it lasts, whatever the preset of server, database or role: what is
 * acknowledged is given up elsewhere. To wait for standbys, too, is for whoever set that.
 */
static const char lasting[] = "DO $$ BEGIN IF current_setting('synchronous_commit') = 'off' THEN"
                              " SET synchronous_commit = on; END IF; END $$";

static void on_notice(void *context, const PGresult *r)
{
    (void)context;
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    log_info("database.notice", "text=\"%s\"", text == NULL ? "" : text);
}

int pg_open(struct pg *pg, const char *database, const char *application)
{
    static const char *const names[] = {"connect_timeout",  "tcp_user_timeout", "keepalives_idle",
                                        "application_name", "dbname",           NULL};
    const char *const values[] = {"5", "15000", "15", application, database, NULL};
    memset(pg, 0, sizeof *pg);
    /* What stands before dbname is overridden by what the operator's string says. */
    pg->conn = PQconnectdbParams(names, values, 1);
    if (pg->conn == NULL) {
        return out_of_memory(pg);
    }
    if (PQstatus(pg->conn) != CONNECTION_OK) {
        failed(pg, NULL);
        pg_close(pg);
        return -1;
    }
    PQsetNoticeReceiver(pg->conn, on_notice, NULL);
    if (pg_do(pg, sql_session) == -1 || pg_do(pg, lasting) == -1) {
        pg_close(pg);
        return -1;
    }
    return 0;
}

int pg_open_aside(struct pg *pg, const char *database, const char *application)
{
    if (pg_open(pg, database, application) == -1) {
        return -1;
    }
    PQsetnonblocking(pg->conn, 1);
    return 0;
}

void pg_close(struct pg *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
    memset(pg->prepared, 0, sizeof pg->prepared);
}

int pg_check(struct pg *pg)
{
    if (PQconsumeInput(pg->conn) == 1 && PQstatus(pg->conn) == CONNECTION_OK) {
        return 0;
    }
    failed(pg, NULL);
    pg_close(pg);
    return -1;
}

/* ---- statements ---- */

int pg_do(struct pg *pg, const char *text)
{
    PGresult *r = PQexec(pg->conn, text);
    return expect(pg, r, PGRES_COMMAND_OK);
}

int pg_commit(struct pg *pg)
{
    PGresult *r = PQexec(pg->conn, "COMMIT");
    /* The COMMIT of a transaction that has failed is answered with the same code and another tag.
     */
    if (PQresultStatus(r) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
        snprintf(pg->message, sizeof pg->message, "COMMIT was answered with %s", PQcmdStatus(r));
        pg->sqlstate[0] = '\0';
        pg->fault = PG_BUSY;
        PQclear(r);
        return -1;
    }
    return expect(pg, r, PGRES_COMMAND_OK);
}

void pg_rollback(struct pg *pg)
{
    if (pg->conn == NULL) {
        return;
    }
    PGresult *r = pg->fault == PG_AWAY ? NULL : PQexec(pg->conn, "ROLLBACK");
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    if (!good || PQstatus(pg->conn) != CONNECTION_OK) {
        pg_close(pg);
    }
}

static int prepare(struct pg *pg, enum sql_statement statement, const char *name)
{
    if (pg->prepared[statement]) {
        return 0;
    }
    PGresult *r = PQprepare(pg->conn, name, sql_text(statement), 0, NULL);
    if (expect(pg, r, PGRES_COMMAND_OK) == -1) {
        return -1;
    }
    pg->prepared[statement] = true;
    return 0;
}

/* Parameters as libpq takes them. */
struct arguments {
    const char *values[PG_PARAMS];
    int lengths[PG_PARAMS], formats[PG_PARAMS];
    int count;
};

static int set_arguments(struct pg *pg, const struct pg_params *params, struct arguments *a)
{
    pg->fault = PG_NONE;
    a->count = params == NULL ? 0 : params->count;
    if (params != NULL && params->failed) {
        return out_of_memory(pg);
    }
    for (int i = 0; i < a->count; i++) {
        const struct bytes *b = &params->value[i].bytes;
        if (params->value[i].type != 0 && params->value[i].elements > 0) {
            bytes_set_32(b->at + 12, params->value[i].elements);
        }
        a->values[i] = params->value[i].null ? NULL : b->len == 0 ? "" : b->at;
        a->lengths[i] = (int)b->len;
        a->formats[i] = 1;
    }
    return 0;
}

static PGresult *execute(struct pg *pg, enum sql_statement statement,
                         const struct pg_params *params)
{
    struct arguments a;
    char name[16];
    if (set_arguments(pg, params, &a) == -1) {
        return NULL;
    }
    if (sql_reads_records(statement)) {
        return PQexecParams(pg->conn, sql_text(statement), a.count, NULL, a.values, a.lengths,
                            a.formats, 1);
    }
    snprintf(name, sizeof name, "s%d", (int)statement);
    if (prepare(pg, statement, name) == -1) {
        return NULL;
    }
    return PQexecPrepared(pg->conn, name, a.count, a.values, a.lengths, a.formats, 1);
}

int pg_send(struct pg *pg, enum sql_statement statement, const struct pg_params *params)
{
    struct arguments a;
    if (set_arguments(pg, params, &a) == -1) {
        return -1;
    }
    return PQsendQueryParams(pg->conn, sql_text(statement), a.count, NULL, a.values, a.lengths,
                             a.formats, 1) == 1
               ? 0
               : failed(pg, NULL);
}

int pg_answered(struct pg *pg)
{
    if (PQflush(pg->conn) == -1 || PQconsumeInput(pg->conn) == 0) {
        return -1;
    }
    return PQisBusy(pg->conn) == 0;
}

void pg_cancel(struct pg *pg)
{
    char error[256];
    PGcancel *cancel = PQgetCancel(pg->conn);
    if (cancel != NULL) {
        (void)PQcancel(cancel, error, sizeof error);
        PQfreeCancel(cancel);
    }
}

PGresult *pg_rows(struct pg *pg, enum sql_statement statement, const struct pg_params *params)
{
    PGresult *r = execute(pg, statement, params);
    if (r == NULL) {
        if (pg->fault == PG_NONE) {
            failed(pg, NULL);
        }
        return NULL;
    }
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        failed(pg, r);
        PQclear(r);
        return NULL;
    }
    return r;
}

int pg_run(struct pg *pg, enum sql_statement statement, const struct pg_params *params)
{
    PGresult *r = execute(pg, statement, params);
    if (r == NULL) {
        return pg->fault == PG_NONE ? failed(pg, NULL) : -1;
    }
    return expect(pg, r, PGRES_COMMAND_OK);
}

/* ---- parameters ---- */

void pg_params_begin(struct pg_params *p)
{
    p->count = 0;
    p->failed = false;
}

void pg_params_release(struct pg_params *p)
{
    for (int i = 0; i < PG_PARAMS; i++) {
        bytes_release(&p->value[i].bytes);
    }
    pg_params_begin(p);
}

/* The next parameter, empty; its number, or -1 (and failed) when there are too many. */
static int next(struct pg_params *p, uint32_t type)
{
    if (p->count == PG_PARAMS) {
        p->failed = true;
        return -1;
    }
    int i = p->count++;
    bytes_reset(&p->value[i].bytes, (size_t)1 << 20);
    p->value[i].type = type;
    p->value[i].elements = 0;
    p->value[i].null = false;
    return i;
}

static void check(struct pg_params *p, int i)
{
    p->failed = p->failed || p->value[i].bytes.failed || p->value[i].bytes.len > INT32_MAX;
}

void pg_add_16(struct pg_params *p, int16_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_16(&p->value[i].bytes, (uint16_t)v);
        check(p, i);
    }
}

void pg_add_32(struct pg_params *p, int32_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_32(&p->value[i].bytes, (uint32_t)v);
        check(p, i);
    }
}

void pg_add_64(struct pg_params *p, int64_t v)
{
    int i = next(p, 0);
    if (i != -1) {
        bytes_put_64(&p->value[i].bytes, (uint64_t)v);
        check(p, i);
    }
}

void pg_add_time(struct pg_params *p, int64_t us)
{
    pg_add_64(p, us - PG_EPOCH_US);
}

void pg_add_bytes(struct pg_params *p, struct slice s)
{
    int i = next(p, 0);
    if (i != -1) {
        p->value[i].null = s.at == NULL;
        bytes_put(&p->value[i].bytes, s);
        check(p, i);
    }
}

/* The array's head without elements: no dimensions; the first element gives it one (put_head). */
int pg_add_array(struct pg_params *p, enum pg_type type)
{
    int i = next(p, (uint32_t)type);
    if (i == -1) {
        return PG_PARAMS - 1;
    }
    bytes_put_32(&p->value[i].bytes, 0);
    bytes_put_32(&p->value[i].bytes, 0);
    bytes_put_32(&p->value[i].bytes, (uint32_t)type);
    check(p, i);
    return i;
}

/* Before each element: one dimension, its length (set when it runs), lower bound 1; may hold NULLs.
 */
static struct bytes *put_head(struct pg_params *p, int column)
{
    struct bytes *b = &p->value[column].bytes;
    if (p->value[column].elements++ == 0 && !b->failed) {
        bytes_set_32(b->at, 1);
        bytes_put_32(b, 0);
        bytes_put_32(b, 1);
    }
    return b;
}

void pg_put_16(struct pg_params *p, int column, int16_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 2);
    bytes_put_16(b, (uint16_t)v);
    check(p, column);
}

void pg_put_32(struct pg_params *p, int column, int32_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 4);
    bytes_put_32(b, (uint32_t)v);
    check(p, column);
}

void pg_put_64(struct pg_params *p, int column, int64_t v)
{
    struct bytes *b = put_head(p, column);
    bytes_put_32(b, 8);
    bytes_put_64(b, (uint64_t)v);
    check(p, column);
}

void pg_put_time(struct pg_params *p, int column, int64_t us)
{
    pg_put_64(p, column, us - PG_EPOCH_US);
}

void pg_put_bytes(struct pg_params *p, int column, struct slice s)
{
    struct bytes *b = put_head(p, column);
    if (s.at == NULL) {
        if (!b->failed) {
            bytes_set_32(b->at + 4, 1);
        }
        bytes_put_32(b, UINT32_MAX);
    } else {
        bytes_put_32(b, (uint32_t)s.len);
        bytes_put(b, s);
    }
    check(p, column);
}

/* ---- results ---- */

int64_t pg_cell_64(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 8 ? (int64_t)bytes_get_64(PQgetvalue(r, row, column)) : 0;
}

int32_t pg_cell_32(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 4 ? (int32_t)bytes_get_32(PQgetvalue(r, row, column)) : 0;
}

int16_t pg_cell_16(const PGresult *r, int row, int column)
{
    uint16_t n = 0;
    if (PQgetlength(r, row, column) == 2) {
        memcpy(&n, PQgetvalue(r, row, column), sizeof n);
    }
    return (int16_t)__builtin_bswap16(n);
}

bool pg_cell_bool(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 1 && *PQgetvalue(r, row, column) != 0;
}

int64_t pg_cell_time(const PGresult *r, int row, int column)
{
    int64_t us = pg_cell_64(r, row, column);
    return us > INT64_MAX - PG_EPOCH_US ? INT64_MAX : us + PG_EPOCH_US;
}

struct slice pg_cell_text(const PGresult *r, int row, int column)
{
    return (struct slice){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

/* ---- COPY ---- */

int pg_copy_begin(struct pg *pg, const char *statement)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    PGresult *r = PQexec(pg->conn, statement);
    if (expect(pg, r, PGRES_COPY_IN) == -1) {
        return -1;
    }
    return pg_copy_data(pg, (struct slice){head, 19});
}

int pg_copy_data(struct pg *pg, struct slice rows)
{
    while (rows.len > 0) {
        size_t n = rows.len < COPY_CHUNK ? rows.len : COPY_CHUNK;
        if (PQputCopyData(pg->conn, rows.at, (int)n) != 1) {
            return failed(pg, NULL);
        }
        rows.at += n;
        rows.len -= n;
    }
    return 0;
}

int pg_copy_end(struct pg *pg)
{
    static const char tail[] = "\377\377";
    int rc = 0;
    PGresult *r;
    if (PQputCopyData(pg->conn, tail, 2) != 1 || PQputCopyEnd(pg->conn, NULL) != 1) {
        rc = failed(pg, NULL);
    }
    while ((r = PQgetResult(pg->conn)) != NULL) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK) {
            failed(pg, r);
            rc = -1;
            if (PQresultStatus(r) == PGRES_COPY_IN || PQstatus(pg->conn) != CONNECTION_OK) {
                PQclear(r);
                break;
            }
        }
        PQclear(r);
    }
    return rc;
}
