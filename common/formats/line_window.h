/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in pieces into lines. What was read since it was let go last stays in the window, so that
 * several lines can be handed out once more as they stood.
 *
 * A line ends with "\n" or "\r\n", or where the bytes end; NULs at its end, and a byte order mark
 * before the first, are left out. What is no text (UTF-8 without NUL), or is longer than allowed,
 * is a fault; of the latter an empty line is left in the window. Pure.
 */
#ifndef EZREPO_FORMATS_LINE_WINDOW_H
#define EZREPO_FORMATS_LINE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/byte_window.h"

struct line_window {
    size_t line_bytes; /* the most a line may have, a '\r' at its end among them */
    /* All of these are 0 at the beginning. */
    struct byte_window in; /* from the begin of what is kept */
    size_t start;          /* of the line read last */
    size_t at;             /* of the next one */
    size_t seen;           /* no line ends between `at` and here */
    bool passing;          /* the line under way is too long */
    /* Of the line read last: */
    uint64_t line;   /* its number, from 1 */
    uint64_t passed; /* LINE_TOO_LONG: how many bytes it had */
};

void line_window_free(struct line_window *w);

enum line_event {
    LINE_MORE, /* all bytes were taken: give the next */
    LINE_READ,
    LINE_NO_TEXT,
    LINE_TOO_LONG,
    LINE_END,
    LINE_NO_MEMORY
};

/* The next line, until the next call; LINE_NO_TEXT: its bytes. As split_next(). */
enum line_event line_window_next(struct line_window *w, struct slice *bytes, bool last,
                                 struct slice *line);

/* Bytes up to the end of the line read last, from the first that were given. */
uint64_t line_window_read(const struct line_window *w);

/* Lets go what was read, but not the line read last if it is `kept`. */
void line_window_let_go(struct line_window *w, bool kept);

/* What is kept, up to the line read last, which is part of it if it is `kept`. */
struct slice line_window_kept(const struct line_window *w, bool kept);

/* The next line of what was kept: false at the end. `rest` becomes what is behind it. */
bool line_window_again(struct slice *rest, struct slice *line);

#endif
