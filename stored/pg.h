/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin layer over libpq, synchronous: connect, statements of sql.h with binary parameters and
 * results, COPY. For each call one good result code stands; everything else is a failure, with its
 * SQLSTATE kept. A server that says nothing for too long is given up: the connection is closed, and
 * what became of the statement is not known.
 */
#ifndef EZREPO_STORED_PG_H
#define EZREPO_STORED_PG_H

#include <libpq-fe.h>

#include "stored/bytes.h"
#include "stored/sql.h"

#define PG_PARAMS 12

/* What the last failure means for who asked. */
enum pg_fault {
    PG_NONE,
    PG_DATA, /* PostgreSQL refuses what it was given; asking again does not help */
    PG_BUSY, /* anything else that the server says: full, shutting down, a lock ...; later perhaps
              */
    PG_AWAY  /* there is no connection any more, or it is to be closed: it leads to a server that
                only reads, or what it said of a COMMIT is not enough */
};

struct pg {
    PGconn *conn;
    bool prepared[SQL_STATEMENTS];
    bool unhurried; /* what is asked may take any time, as a migration does */
    bool warned;    /* a warning came since this was set to false */
    enum pg_fault fault;
    char sqlstate[6];
    char message[400]; /* one line */
};

/*
 * Parameters under construction: scalars, and arrays that are columns of rows to come. A failure
 * (memory) sticks and makes pg_run() fail.
 */
struct pg_params {
    int count;
    bool failed;
    struct {
        struct bytes bytes;
        uint32_t type; /* of the elements; 0: a scalar */
        uint32_t elements;
        bool null;
    } value[PG_PARAMS];
};

/* Types of array elements (PostgreSQL's own numbers for them). */
enum pg_type {
    PG_BYTEA = 17,
    PG_BIGINT = 20,
    PG_SMALLINT = 21,
    PG_INTEGER = 23,
    PG_TEXT = 25,
    PG_SMALLINT_ARRAY = 1005,
    PG_TEXT_ARRAY = 1009,
    PG_TIMESTAMPTZ = 1184,
    PG_UUID = 2950
};

/*
 * For all connections: how long a server may say nothing before it is given up; 0: for ever. told
 * (may be NULL) is called about every second while it is silent; it must not use the connection.
 * When it says false the statement is broken off: the connection is given up.
 */
void pg_be_patient(int64_t silence_us, bool (*told)(int64_t silence_us));

/* 0; -1 with fault and message set and no connection left. Takes at most some seconds. *pg must
 * stay where it is while it is open. */
int pg_open(struct pg *pg, const char *database, const char *application);
/*
 * Does nothing when there is no connection. Does not wait: a statement under way is given up by the
 * server itself when it notices, a tenth of a second later (sql_session).
 */
void pg_close(struct pg *pg);

/* Looks whether the server has closed the connection meanwhile, without waiting: 0, or -1 and
 * closed. */
int pg_check(struct pg *pg);

static inline bool pg_is_open(const struct pg *pg)
{
    return pg->conn != NULL;
}

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

/* What failed (-1) is the store's own, made of no sender's values: it is nobody's fault. Gives rc.
 */
static inline int pg_own(struct pg *pg, int rc)
{
    pg->fault = rc == -1 && pg->fault == PG_DATA ? PG_BUSY : pg->fault;
    return rc;
}

/* Ends a failed transaction; closes the connection when that does not work or the last failure was
 * that it is away. */
void pg_rollback(struct pg *pg);

/* Begins a new list of parameters. */
void pg_params_begin(struct pg_params *p);
void pg_params_release(struct pg_params *p);

/* Scalars, one after the other. */
void pg_add_16(struct pg_params *p, int16_t v);
void pg_add_32(struct pg_params *p, int32_t v);
void pg_add_64(struct pg_params *p, int64_t v);
void pg_add_time(struct pg_params *p, int64_t us);
void pg_add_bytes(struct pg_params *p, struct slice s); /* text, bytea, uuid; no value is NULL */

/* An array parameter of a type, by PostgreSQL's number; gives its column number for what follows.
 */
int pg_add_array(struct pg_params *p, uint32_t type);
void pg_put_16(struct pg_params *p, int column, int16_t v);
void pg_put_32(struct pg_params *p, int column, int32_t v);
void pg_put_64(struct pg_params *p, int column, int64_t v);
void pg_put_time(struct pg_params *p, int column, int64_t us);
void pg_put_bytes(struct pg_params *p, int column, struct slice s); /* no value is NULL */

/* Elements so far in an array column. */
static inline uint32_t pg_elements(const struct pg_params *p, int column)
{
    return p->value[column].elements;
}

/*
 * Runs a statement that returns rows (binary; the caller clears the result), or NULL. params may be
 * NULL when there are none.
 */
PGresult *pg_rows(struct pg *pg, enum sql_statement statement, const struct pg_params *params);

/* Runs one that returns none; 0, or -1. */
int pg_run(struct pg *pg, enum sql_statement statement, const struct pg_params *params);

/*
 * Without waiting: pg_send() (0, or -1), and pg_answered() until it says 1: then PQgetResult()
 * gives all of the answer. 0: not yet; -1: the connection failed.
 */
int pg_send(struct pg *pg, enum sql_statement statement, const struct pg_params *params);
int pg_answered(struct pg *pg);

/* Cells of binary results. */
int64_t pg_cell_64(const PGresult *r, int row, int column);
int32_t pg_cell_32(const PGresult *r, int row, int column);
int16_t pg_cell_16(const PGresult *r, int row, int column);
bool pg_cell_bool(const PGresult *r, int row, int column);
/* Microseconds since 1970; INT64_MAX: infinity. */
int64_t pg_cell_time(const PGresult *r, int row, int column);
struct slice pg_cell_text(const PGresult *r, int row, int column);

/* COPY FROM STDIN in binary: begin, data (rows), end. Each 0 or -1; end reads every result there
 * is. */
int pg_copy_begin(struct pg *pg, const char *statement);
int pg_copy_data(struct pg *pg, struct slice rows);
int pg_copy_end(struct pg *pg);

/* Microseconds since 1970 as PostgreSQL counts, from 2000-01-01. */
#define PG_EPOCH_US INT64_C(946684800000000)

#endif
