/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes into JSON documents, one at a time, whatever their size: one on each line, or the elements
 * of an array, or one behind the other, in any mixture. It only looks for where each begins and
 * ends, and hands out what has its brackets in order; whether that is JSON is seen when it is read.
 * Every door uses it. Pure.
 *
 * Byte order marks and NULs between documents are passed over like blanks, commas within an array
 * too. Where the brackets of one cannot be in order (one is not closed, or by another kind; a
 * string goes over the end of its line; it is too large or too deep), it is passed over up to where
 * the next one can begin: at a '{' in its own line that is no member's value, or at one that only
 * brackets and commas stand before in its line, which is indented no further than the line of the
 * one passed over. What was read already is looked through again for that, so that a document
 * without its end takes none of those behind it along.
 *
 * Where the bytes end within a document, that is one fault, however many others it is within.
 */
#ifndef EZREPO_SPLIT_H
#define EZREPO_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define SPLIT_DEPTH      64
#define SPLIT_FAULT_TEXT 128

struct split;

/* Lines: whatever stands on one is a document. Documents beyond max_bytes are faults. NULL when
 * memory is out. The caller owns it. */
struct split *split_new(bool lines, size_t max_bytes);
void split_free(struct split **s);

/* Of formats whose documents are more than their parts: where the bytes end within one, what stands
 * in it is no document either. To be said before the first bytes. */
void split_whole(struct split *s);

enum split_event {
    SPLIT_MORE,  /* all bytes were taken: give the next */
    SPLIT_ITEM,  /* a document is complete; call again */
    SPLIT_FAULT, /* something was passed over; call again */
    SPLIT_END,
    SPLIT_NO_MEMORY /* it cannot go on */
};

struct split_item {
    struct slice bytes; /* the document, until the next call */
    uint64_t line;      /* in which it begins, from 1 */
    uint64_t number;    /* the how-manieth it is, from 1; those at fault count */
    uint64_t end;       /* bytes up to its end, from the first that were given */
    /* SPLIT_FAULT */
    uint64_t passed;            /* bytes passed over; may be 0 */
    char why[SPLIT_FAULT_TEXT]; /* what was expected and found */
};

/* Takes all of *bytes, which becomes empty once SPLIT_MORE is the answer; with `last`, nothing
 * follows it. However the bytes are cut, the same comes of them. */
enum split_event split_next(struct split *s, struct slice *bytes, bool last,
                            struct split_item *item);

#endif
