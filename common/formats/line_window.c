/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/line_window.h"

#include <stdlib.h>

#include "common/pattern.h"

#define PIECE ((size_t)16384) /* at once: what is behind a line that is too long is moved */

void line_window_free(struct line_window *w)
{
    free(w->in.buffer);
    w->in.buffer = NULL;
}

static int pull(struct line_window *w, struct slice *bytes)
{
    size_t moved;
    if (byte_window_pull(&w->in, bytes, PIECE, &moved) == -1) {
        return -1;
    }
    w->start -= moved;
    w->at -= moved;
    w->seen -= moved;
    return 0;
}

/* ---- lines out of it ---- */

/* Without what its end has been written with. */
static struct slice line_of(const char *at, size_t len)
{
    while (len > 0 && at[len - 1] == '\0') {
        len--;
    }
    if (len > 0 && at[len - 1] == '\r') {
        len--;
    }
    return (struct slice){at, len};
}

/* The line ends at `end`, and the next begins at `next`. */
static enum line_event take_line(struct line_window *w, size_t end, size_t next, struct slice *line)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (w->line++ == 0 && end - w->at >= 3 && memcmp(w->in.buffer + w->at, mark, 3) == 0) {
        w->at += 3;
        w->in.begin = w->at;
    }
    *line = line_of(w->in.buffer + w->at, end - w->at);
    w->start = w->at;
    w->at = w->seen = next;
    return pattern_is_text(*line) ? LINE_READ : LINE_NO_TEXT;
}

/* What is there up to `end` belongs to a line that is too long. */
static void pass_over(struct line_window *w, size_t end)
{
    w->passed = (w->passing ? w->passed : 0) + (end - w->at);
    w->passing = true;
    memmove(w->in.buffer + w->at, w->in.buffer + end, w->in.used - end);
    w->in.used -= end - w->at;
    w->seen = w->at;
}

/* The end of a line that is too long; nothing of it is left but that. */
static enum line_event take_too_long(struct line_window *w, size_t next)
{
    w->passing = false;
    w->line++;
    w->start = w->at;
    w->at = w->seen = next;
    return LINE_TOO_LONG;
}

/* The line that is under way, if it ends in the window or nothing follows it. */
static enum line_event find_line(struct line_window *w, bool last, struct slice *line)
{
    const char *found =
        w->in.used == w->seen ? NULL : memchr(w->in.buffer + w->seen, '\n', w->in.used - w->seen);
    size_t end = found == NULL ? w->in.used : (size_t)(found - w->in.buffer);
    w->seen = end;
    if (w->passing || end - w->at > w->line_bytes) {
        pass_over(w, end);
        end = w->at;
    }
    size_t next = found == NULL ? end : end + 1;
    if (found == NULL && (!last || (w->at == w->in.used && !w->passing))) {
        return last ? LINE_END : LINE_MORE;
    }
    return w->passing ? take_too_long(w, next) : take_line(w, end, next, line);
}

enum line_event line_window_next(struct line_window *w, struct slice *bytes, bool last,
                                 struct slice *line)
{
    *line = (struct slice){NULL, 0};
    for (;;) {
        enum line_event event = find_line(w, last && bytes->len == 0, line);
        if (event != LINE_MORE || bytes->len == 0) {
            return event;
        }
        if (pull(w, bytes) == -1) {
            return LINE_NO_MEMORY;
        }
    }
}

uint64_t line_window_read(const struct line_window *w)
{
    return w->in.pulled - (w->in.used - w->at);
}

/* ---- what is kept ---- */

void line_window_let_go(struct line_window *w, bool kept)
{
    w->in.begin = kept ? w->start : w->at;
}

struct slice line_window_kept(const struct line_window *w, bool kept)
{
    return (struct slice){w->in.buffer + w->in.begin, (kept ? w->at : w->start) - w->in.begin};
}

bool line_window_again(struct slice *rest, struct slice *line)
{
    if (rest->len == 0) {
        return false;
    }
    const char *found = memchr(rest->at, '\n', rest->len);
    size_t len = found == NULL ? rest->len : (size_t)(found - rest->at);
    size_t next = found == NULL ? len : len + 1;
    *line = line_of(rest->at, len);
    *rest = (struct slice){rest->at + next, rest->len - next};
    return true;
}
