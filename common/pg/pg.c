/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpq with its result codes looked at. Knows no table and no statement. Nothing here waits for a
 * server for ever: libpq is used without blocking, and the socket is waited for by poll().
 */
#include "common/pg/pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/utf8.h"

#define COPY_CHUNK ((size_t)256 * 1024)
#define UNHURRIED  10   /* what goes on beside other work may take so many times as long */
#define LOOK_MS    1000 /* so often is looked what libpq has: TLS may hold back what has come */

static struct {
    int64_t silence_us; /* 0: for ever */
    bool (*told)(int64_t silence_us);
} patience;

/* ---- failures ---- */

void pg_one_line(char *to, size_t size, const char *text)
{
    size_t n = 0;
    for (; text != NULL && *text != '\0' && n + 1 < size; text++) {
        while (text[0] == '\n' && text[1] == '\t') {
            text += 1 + strcspn(text + 1, "\n");
        }
        if (*text == '\0') {
            break;
        }
        to[n++] = *text == '\n' ? ' ' : *text;
    }
    while (n > 0 && to[n - 1] == ' ') {
        n--;
    }
    to[n] = '\0';
    utf8_repair(to, to + n);
}

static void keep_state(struct pg *pg, const char *sqlstate)
{
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", sqlstate == NULL ? "" : sqlstate);
    pg->meaning = pg_meaning_of(pg->sqlstate);
}

/* By a new connection it may be found which of several hosts is not read-only. */
int pg_failed(struct pg *pg, const PGresult *r)
{
    if (pg->conn == NULL) { /* given up: why is said already */
        pg->fault = PG_AWAY;
        return -1;
    }
    const char *text = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    keep_state(pg, r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE));
    pg_one_line(pg->message, sizeof pg->message, text != NULL ? text : PQerrorMessage(pg->conn));
    bool away = PQstatus(pg->conn) != CONNECTION_OK || pg->meaning == PG_MEANS_READ_ONLY;
    pg->fault = away ? PG_AWAY : pg_refuses_data(pg->meaning) ? PG_DATA : PG_BUSY;
    return -1;
}

/* Clears the result; 0 when it is the expected one. */
static int expect(struct pg *pg, PGresult *r, ExecStatusType status)
{
    int rc = PQresultStatus(r) == status ? 0 : pg_failed(pg, r);
    PQclear(r);
    return rc;
}

void pg_begin_anew(struct pg *pg)
{
    pg->fault = PG_NONE;
    keep_state(pg, NULL);
    snprintf(pg->message, sizeof pg->message, "memory is out");
}

static int out_of_memory(struct pg *pg)
{
    pg_begin_anew(pg);
    pg->fault = PG_BUSY;
    return -1;
}

/* ---- waiting ---- */

void pg_be_patient(int64_t silence_us, bool (*told)(int64_t silence_us))
{
    patience.silence_us = silence_us;
    patience.told = told;
}

/* Nobody waits for the statement any more: what the server does with it is not known. */
static int give_up(struct pg *pg, int64_t silence_us, bool asked)
{
    pg_close(pg);
    pg->fault = PG_AWAY;
    keep_state(pg, NULL);
    if (asked) {
        snprintf(pg->message, sizeof pg->message, "broken off");
    } else {
        snprintf(pg->message, sizeof pg->message, "the server has said nothing for %lld s",
                 (long long)(silence_us / 1000000));
    }
    return -1;
}

bool pg_has_been_silent(struct pg *pg, int64_t silence_us)
{
    if (patience.silence_us == 0 || silence_us < UNHURRIED * patience.silence_us) {
        return false;
    }
    give_up(pg, silence_us, false);
    return true;
}

/*
 * Until there is something to read (or, with unsent, room to write), or LOOK_MS have passed;
 * heard_us: when the server was heard last. -1: too long ago, and the connection is given up.
 */
static int await(struct pg *pg, bool unsent, int64_t *heard_us)
{
    struct pollfd socket = {.fd = PQsocket(pg->conn),
                            .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
    int64_t now_us = daemon_clock_us();
    int64_t left_us = *heard_us + patience.silence_us - now_us;
    bool hurries = patience.silence_us > 0 && !pg->unhurried;
    int wait_ms = !hurries || left_us >= LOOK_MS * 1000 ? LOOK_MS
                  : left_us > 0                         ? (int)(left_us / 1000) + 1
                                                        : 0;
    int ready = poll(&socket, 1, wait_ms);
    now_us = daemon_clock_us();
    if (ready > 0) {
        *heard_us = now_us;
        return 0;
    }
    if (hurries && now_us - *heard_us >= patience.silence_us) {
        return give_up(pg, now_us - *heard_us, false);
    }
    if (ready == 0 && wait_ms == LOOK_MS && patience.told != NULL &&
        !patience.told(now_us - *heard_us)) {
        return give_up(pg, now_us - *heard_us, true);
    }
    return 0;
}

/* Sends what libpq still holds. */
static int send_all(struct pg *pg)
{
    int64_t heard_us = daemon_clock_us();
    int unsent;
    while ((unsent = PQflush(pg->conn)) == 1) {
        if (await(pg, true, &heard_us) == -1) {
            return -1;
        }
        if (PQconsumeInput(pg->conn) == 0) {
            break;
        }
    }
    return unsent == 0 ? 0 : pg_failed(pg, NULL);
}

/* The next result; NULL: there is none, or the connection was given up. */
static PGresult *next_result(struct pg *pg)
{
    int64_t heard_us = daemon_clock_us();
    while (PQisBusy(pg->conn) == 1) {
        if (await(pg, false, &heard_us) == -1) {
            return NULL;
        }
        if (PQconsumeInput(pg->conn) == 0) {
            break; /* the result says why, at once */
        }
    }
    return PQgetResult(pg->conn);
}

/* The last result of what was sent (0: it was not), as PQexec() gives it; NULL: it failed. */
static PGresult *answer(struct pg *pg, int sent)
{
    PGresult *last = NULL, *r;
    if (sent == 0) {
        pg_failed(pg, NULL);
        return NULL;
    }
    if (send_all(pg) == -1) {
        return NULL;
    }
    while ((r = next_result(pg)) != NULL) {
        PQclear(last);
        last = r;
        if (PQresultStatus(r) == PGRES_COPY_IN) {
            break;
        }
    }
    if (pg->conn == NULL) {
        PQclear(last);
        return NULL;
    }
    if (last == NULL) {
        pg_failed(pg, NULL);
    }
    return last;
}

static PGresult *ask(struct pg *pg, const char *text)
{
    pg_begin_anew(pg);
    return answer(pg, PQsendQuery(pg->conn, text));
}

/* ---- connecting ---- */

/*
 * COMMIT is answered when it lasts, whatever the preset of server, database or role: what is
 * acknowledged is given up elsewhere. Where there are standbys to be waited for, `local` would not
 * wait for them; how long one waits, by remote_write or remote_apply, is for whoever set that.
 */
static const char lasting[] =
    "DO $$ BEGIN IF current_setting('synchronous_commit') IN ('off', 'local') THEN"
    " SET synchronous_commit = on; END IF; END $$";

static void on_notice(void *context, const PGresult *r)
{
    struct pg *pg = context;
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    pg->warned = pg->warned || (severity != NULL && strcmp(severity, "WARNING") == 0);
    log_info("database.notice", "text=\"%s\"", text == NULL ? "" : text);
}

int pg_open(struct pg *pg, const struct pg_statements *statements, const char *database,
            const char *application)
{
    static const char *const names[] = {"connect_timeout",  "tcp_user_timeout", "keepalives_idle",
                                        "application_name", "dbname",           NULL};
    const char *const values[] = {"5", "15000", "15", application, database, NULL};
    memset(pg, 0, sizeof *pg);
    pg->statements = statements;
    /* What stands before dbname is overridden by what the operator's string says. */
    pg->conn = PQconnectdbParams(names, values, 1);
    if (pg->conn == NULL) {
        return out_of_memory(pg);
    }
    if (PQstatus(pg->conn) != CONNECTION_OK) {
        pg_failed(pg, NULL);
        pg_close(pg);
        return -1;
    }
    PQsetNoticeReceiver(pg->conn, on_notice, pg);
    PQsetnonblocking(pg->conn, 1);
    if (pg_do(pg, statements->session) == -1 || pg_do(pg, lasting) == -1) {
        pg_close(pg);
        return -1;
    }
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
    pg_failed(pg, NULL);
    pg_close(pg);
    return -1;
}

/* ---- statements ---- */

int pg_do(struct pg *pg, const char *text)
{
    return expect(pg, ask(pg, text), PGRES_COMMAND_OK);
}

PGresult *pg_text(struct pg *pg, const char *text)
{
    PGresult *r = ask(pg, text);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        return r;
    }
    (void)expect(pg, r, PGRES_TUPLES_OK);
    return NULL;
}

/* It was answered as if it had worked, but for this. */
static int not_committed(struct pg *pg, enum pg_fault fault, const char *with)
{
    snprintf(pg->message, sizeof pg->message, "COMMIT was answered with %s", with);
    keep_state(pg, NULL);
    pg->fault = fault;
    return -1;
}

int pg_commit(struct pg *pg)
{
    char tag[16];
    pg->warned = false;
    PGresult *r = ask(pg, "COMMIT");
    snprintf(tag, sizeof tag, "%s", r == NULL ? "" : PQcmdStatus(r));
    if (expect(pg, r, PGRES_COMMAND_OK) == -1) {
        return -1;
    }
    /* That of a transaction that has failed is answered with the same code and another tag. */
    if (strcmp(tag, "COMMIT") != 0) {
        return not_committed(pg, PG_BUSY, tag);
    }
    /* It is done here, but its wait for the standbys was cancelled: they may not have it. So much
     * that memory holds may be wrong by then that all of it is to be read anew. */
    if (pg->warned) {
        return not_committed(pg, PG_AWAY, "a warning: standbys may not have it");
    }
    return 0;
}

/* Ends what is under way: a COPY that was left in its midst. */
static int settle(struct pg *pg)
{
    PGresult *r;
    if (PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE) {
        return 0;
    }
    if (PQputCopyEnd(pg->conn, "given up") != 1 || send_all(pg) == -1) {
        return -1;
    }
    while ((r = next_result(pg)) != NULL) {
        PQclear(r);
    }
    return pg->conn == NULL ? -1 : 0;
}

void pg_rollback(struct pg *pg)
{
    if (pg->conn == NULL) {
        return;
    }
    /* Why it was rolled back stays said. */
    bool lost = pg->fault == PG_AWAY || settle(pg) == -1;
    PGresult *r = lost ? NULL : answer(pg, PQsendQuery(pg->conn, "ROLLBACK"));
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    if (!good || PQstatus(pg->conn) != CONNECTION_OK) {
        pg_close(pg);
    }
}

static int prepare(struct pg *pg, unsigned statement, const char *name)
{
    if (pg->prepared[statement]) {
        return 0;
    }
    PGresult *r =
        answer(pg, PQsendPrepare(pg->conn, name, pg->statements->text(statement), 0, NULL));
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
    pg_begin_anew(pg);
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

static PGresult *execute(struct pg *pg, unsigned statement, const struct pg_params *params)
{
    struct arguments a;
    char name[16];
    if (set_arguments(pg, params, &a) == -1) {
        return NULL;
    }
    if (pg->statements->is_planned_anew(statement)) {
        return answer(pg, PQsendQueryParams(pg->conn, pg->statements->text(statement), a.count,
                                            NULL, a.values, a.lengths, a.formats, 1));
    }
    snprintf(name, sizeof name, "s%u", statement);
    if (prepare(pg, statement, name) == -1) {
        return NULL;
    }
    return answer(pg,
                  PQsendQueryPrepared(pg->conn, name, a.count, a.values, a.lengths, a.formats, 1));
}

int pg_send(struct pg *pg, unsigned statement, const struct pg_params *params)
{
    struct arguments a;
    if (set_arguments(pg, params, &a) == -1) {
        return -1;
    }
    return PQsendQueryParams(pg->conn, pg->statements->text(statement), a.count, NULL, a.values,
                             a.lengths, a.formats, 1) == 1
               ? 0
               : pg_failed(pg, NULL);
}

int pg_send_text(struct pg *pg, const char *text)
{
    pg_begin_anew(pg);
    return PQsendQuery(pg->conn, text) == 1 ? 0 : pg_failed(pg, NULL);
}

int pg_answered(struct pg *pg)
{
    if (PQflush(pg->conn) == -1 || PQconsumeInput(pg->conn) == 0) {
        return pg_failed(pg, NULL);
    }
    return PQisBusy(pg->conn) == 0;
}

PGresult *pg_rows(struct pg *pg, unsigned statement, const struct pg_params *params)
{
    PGresult *r = execute(pg, statement, params);
    if (r == NULL) {
        return NULL;
    }
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        pg_failed(pg, r);
        PQclear(r);
        return NULL;
    }
    return r;
}

int pg_run(struct pg *pg, unsigned statement, const struct pg_params *params)
{
    PGresult *r = execute(pg, statement, params);
    return r == NULL ? -1 : expect(pg, r, PGRES_COMMAND_OK);
}

/* ---- COPY ---- */

int pg_copy_begin(struct pg *pg, const char *statement)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    if (expect(pg, ask(pg, statement), PGRES_COPY_IN) == -1) {
        return -1;
    }
    return pg_copy_data(pg, (struct slice){head, 19});
}

/* Sent before the next: libpq would keep all of it in memory. */
static int put_chunk(struct pg *pg, const char *at, size_t len)
{
    int put;
    while ((put = PQputCopyData(pg->conn, at, (int)len)) == 0) {
        if (send_all(pg) == -1) {
            return -1;
        }
    }
    return put == 1 ? send_all(pg) : pg_failed(pg, NULL);
}

int pg_copy_data(struct pg *pg, struct slice rows)
{
    while (rows.len > 0) {
        size_t n = rows.len < COPY_CHUNK ? rows.len : COPY_CHUNK;
        if (put_chunk(pg, rows.at, n) == -1) {
            return -1;
        }
        rows.at += n;
        rows.len -= n;
    }
    return 0;
}

int pg_copy_end(struct pg *pg)
{
    int rc = put_chunk(pg, "\377\377", 2);
    PGresult *r;
    if (rc == 0 && (PQputCopyEnd(pg->conn, NULL) != 1 || send_all(pg) == -1)) {
        rc = pg_failed(pg, NULL);
    }
    while ((r = next_result(pg)) != NULL) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK) {
            pg_failed(pg, r);
            rc = -1;
            if (PQresultStatus(r) == PGRES_COPY_IN || PQstatus(pg->conn) != CONNECTION_OK) {
                PQclear(r);
                break;
            }
        }
        PQclear(r);
    }
    return pg->conn == NULL ? -1 : rc;
}
