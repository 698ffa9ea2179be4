/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file into parts that may be delivered apart: lines, documents, blocks; in
 * mPlane's form, documents. Where documents are meant together there is one part, the whole, and it
 * is not cut here. What a part means is not looked at. Pure.
 */
#ifndef EZREPO_CTL_IMPORT_CUT_H
#define EZREPO_CTL_IMPORT_CUT_H

#include "common/formats/format.h"

struct import_cut;

enum import_cut_event {
    IMPORT_CUT_MORE,  /* all bytes were taken: give the next */
    IMPORT_CUT_PART,  /* call again */
    IMPORT_CUT_FAULT, /* something was passed over; call again */
    IMPORT_CUT_END,
    IMPORT_CUT_NO_MEMORY
};

struct import_cut_part {
    struct slice bytes; /* until the next call */
    uint64_t number;    /* from 1; those at fault count */
    uint64_t line;      /* in which it begins, from 1 */
    const char *why;    /* of a fault, until the next call */
};

/* By this format; NULL: mPlane's. NULL when memory is out. The caller owns it. */
struct import_cut *import_cut_new(const struct format *f);
void import_cut_free(struct import_cut **c);

/* Takes all of *bytes, which becomes empty once IMPORT_CUT_MORE is the answer; with `last` nothing
 * follows it. */
enum import_cut_event import_cut_next(struct import_cut *c, struct slice *bytes, bool last,
                                      struct import_cut_part *part);

#endif
