/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of a message that hold many things: columns, parameters, metadata, rows. What must
 * be so whoever reads them is looked at here and said in the same words; what becomes of a value is
 * for who reads it. A section that is null is as if it weren't there. Pure.
 */
#ifndef EZREPO_MPLANE_SECTIONS_H
#define EZREPO_MPLANE_SECTIONS_H

#include "common/arena.h"
#include "common/mplane/members.h"

enum mplane_section_wrong {
    MPLANE_SECTION_FORM,  /* of another JSON type than it must have */
    MPLANE_SECTION_NAMES, /* too many of them, or one that is too long, empty or there twice */
    MPLANE_SECTION_ROW,   /* with more values than there are columns */
    MPLANE_SECTION_MEMORY /* the arena is full */
};

/* What is wrong with a section; only set when something is. */
struct mplane_section_fault {
    enum mplane_section_wrong wrong;
    char place[40]; /* "results", "resultvalues[7]" */
    char what[200]; /* "expected ..., found ..."; may be cut within a character of what was sent */
};

/* The columns of a result, in their order. */
struct mplane_columns {
    struct slice *names; /* in the arena and the message */
    uint32_t count;      /* at most LIMIT_COLUMNS beside "time" */
    int64_t time_at;     /* which of them is "time"; -1: none */
};

/* All of these: 0, or -1 and the fault. */

/* `results`; where it need not be there, none are no columns. */
int mplane_section_columns(struct arena *a, const struct mplane_members *m, bool must_be,
                           struct mplane_columns *c, struct mplane_section_fault *f);

/* `parameters` or `metadata`: an object of at most LIMIT_COLUMNS members, whose names can be those
 * of elements; NULL when there is none. */
int mplane_section_pairs(const struct mplane_members *m, enum mplane_key key,
                         const struct json **object, struct mplane_section_fault *f);

/* `resultvalues`: an array, whose elements are looked at by mplane_section_row(); NULL when there
 * is none. */
int mplane_section_rows(const struct mplane_members *m, const struct json **rows,
                        struct mplane_section_fault *f);

/* One of the rows, counted from 0: an array of at most as many values as there are columns. Here
 * since each row of each datagram comes by. */
int mplane_section_row_fault(const struct json *row, uint64_t number, uint32_t columns,
                             struct mplane_section_fault *f);
static inline int mplane_section_row(const struct json *row, uint64_t number, uint32_t columns,
                                     struct mplane_section_fault *f)
{
    return row->type == JSON_ARRAY && row->count <= columns
               ? 0
               : mplane_section_row_fault(row, number, columns, f);
}

#endif
