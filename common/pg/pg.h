/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin layer over libpq: connect, statements of the program's list with binary parameters and
 * results, COPY. For each call one good result code stands; everything else is a failure, with its
 * SQLSTATE kept. A server that says nothing for too long is given up: the connection is closed, and
 * what became of the statement is not known.
 */
#ifndef EZREPO_COMMON_PG_PG_H
#define EZREPO_COMMON_PG_PG_H

#include <libpq-fe.h>

#include "common/pg/cells.h"
#include "common/pg/params.h"
#include "common/pg/sqlstate.h"

#define PG_STATEMENTS 192

/* What the last failure means for who asked. */
enum pg_fault {
    PG_NONE,
    PG_DATA, /* PostgreSQL refuses what it was given; asking again does not help */
    PG_BUSY, /* anything else that the server says: full, shutting down, a lock ...; later perhaps
              */
    PG_AWAY  /* there is no connection any more, or it is to be closed: it leads to a server that
                only reads, or what it said of a COMMIT is not enough */
};

/* The statements of a program, by number, and what each of its connections begins with. */
struct pg_statements {
    unsigned count;      /* at most PG_STATEMENTS */
    const char *session; /* some in one text, without parameters */
    const char *(*text)(unsigned statement);
    /* Not prepared once, but planned for its parameters each time. */
    bool (*is_planned_anew)(unsigned statement);
};

struct pg {
    PGconn *conn;
    const struct pg_statements *statements;
    bool prepared[PG_STATEMENTS];
    bool unhurried; /* what is asked may take any time, as a migration does */
    bool warned;    /* a warning came since this was set to false */
    enum pg_fault fault;
    enum pg_meaning meaning; /* of sqlstate */
    char sqlstate[6];        /* "": the server said none */
    char message[400];       /* one line; before anything fails: that memory is out */
};

/*
 * For all connections: how long a server may say nothing before it is given up; 0: for ever. told
 * (may be NULL) is called about every second while it is silent; it must not use the connection.
 * When it says false the statement is broken off: the connection is given up.
 */
void pg_be_patient(int64_t silence_us, bool (*told)(int64_t silence_us));

/* What was sent and is not waited for has had no answer for so long: whether that is ten times as
 * long as the patience with what is waited for; then it is given up as that is. */
bool pg_has_been_silent(struct pg *pg, int64_t silence_us);

/* 0; -1 with fault and message set and no connection left. Takes at most some seconds. *pg must
 * stay where it is while it is open; the statements must outlive it. */
int pg_open(struct pg *pg, const struct pg_statements *statements, const char *database,
            const char *application);
/*
 * Does nothing when there is no connection. Does not wait: a statement under way is given up by the
 * server itself when it notices, a tenth of a second later where the session says so
 * (client_connection_check_interval).
 */
void pg_close(struct pg *pg);

/* Looks whether the server has closed the connection meanwhile, without waiting: 0, or -1 and
 * closed. */
int pg_check(struct pg *pg);

static inline bool pg_is_open(const struct pg *pg)
{
    return pg->conn != NULL;
}

/*
 * Nothing has failed, as at the beginning of every statement: what fails from here on without the
 * server's saying so fails because memory is out, and that is what message says.
 */
void pg_begin_anew(struct pg *pg);

/* Statements without parameters and results, several in one text. 0, or -1. */
int pg_do(struct pg *pg, const char *text);

/* The same, with the rows of the last statement if it gives any, as text. The caller clears the
 * result; NULL: one failed. */
PGresult *pg_text(struct pg *pg, const char *text);

/*
 * COMMIT; -1 also when the server answers that it rolled back, or with a warning: then a wait for
 * standbys was cancelled, it is committed here and perhaps nowhere else.
 */
int pg_commit(struct pg *pg);

/* What failed (-1) is the program's own, made of no sender's values: it is nobody's fault. Gives
 * rc. */
static inline int pg_own(struct pg *pg, int rc)
{
    pg->fault = rc == -1 && pg->fault == PG_DATA ? PG_BUSY : pg->fault;
    return rc;
}

/* Ends a failed transaction, and leaves standing what failed; closes the connection when that does
 * not work or the last failure was that it is away. */
void pg_rollback(struct pg *pg);

/*
 * Runs a statement that returns rows (binary; the caller clears the result), or NULL. params may be
 * NULL when there are none.
 */
PGresult *pg_rows(struct pg *pg, unsigned statement, const struct pg_params *params);

/* Runs one that returns none; 0, or -1. */
int pg_run(struct pg *pg, unsigned statement, const struct pg_params *params);

/*
 * Without waiting: pg_send() or pg_send_text() (0, or -1), and pg_answered() until it says 1: then
 * PQgetResult() gives all of the answer. 0: not yet; -1: the connection failed.
 */
int pg_send(struct pg *pg, unsigned statement, const struct pg_params *params);
int pg_send_text(struct pg *pg, const char *text);
int pg_answered(struct pg *pg);

/* Keeps what a result that is not the good one (NULL: the connection) says of its failure. Always
 * -1. */
int pg_failed(struct pg *pg, const PGresult *r);

/* What libpq says in one line, cut at a character: without the advice that it adds in lines of
 * their own that begin with a tab. */
void pg_one_line(char *to, size_t size, const char *text);

/* COPY FROM STDIN in binary: begin, data (rows), end. Each 0 or -1; end reads every result there
 * is. */
int pg_copy_begin(struct pg *pg, const char *statement);
int pg_copy_data(struct pg *pg, struct slice rows);
int pg_copy_end(struct pg *pg);

#endif
