/* SPDX-License-Identifier: Apache-2.0 */
/* Rows out of a COPY TO STDOUT in binary, as they come and without waiting. */
#ifndef EZREPO_COMMON_PG_COPY_OUT_H
#define EZREPO_COMMON_PG_COPY_OUT_H

#include "common/pg/pg.h"

enum pg_copied {
    PG_COPIED_FAILED = -1, /* pg says how */
    PG_COPIED_NOTHING,     /* nothing is there yet: when the socket is readable */
    PG_COPIED_ROW,
    PG_COPIED_ALL /* that was all, and it is complete */
};

struct pg_copy_out {
    bool begun; /* the server has said that it copies */
    bool head;  /* what stands before the first row was passed over */
    char *buffer;
};

/* The statement was sent by pg_send_text(). */
static inline void pg_copy_out_begin(struct pg_copy_out *c)
{
    *c = (struct pg_copy_out){.begun = false};
}

/* The next row, its number of fields and then each as COPY writes it: good until the next call. */
enum pg_copied pg_copy_out_next(struct pg_copy_out *c, struct pg *pg, struct slice *row);

/* Releases the row; the connection is as it is. */
void pg_copy_out_end(struct pg_copy_out *c);

#endif
