/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window over the bytes (byte_window.h), from the begin of the document under way to what was
 * given last. Each candidate for a document is read up to its end or its fault; after a fault the
 * window is looked through once more from the byte behind its begin. A byte is read again only for
 * candidates that lie within each other, of which SPLIT_DEPTH bounds the number.
 */
#include "common/split.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/byte_window.h"

enum mode { BETWEEN, WITHIN, SEEKING };

/* What is known of the place that is read. */
struct spot {
    uint64_t line;
    uint64_t indent; /* blanks its line begins with, so far */
    bool indenting;  /* there was nothing else in the line */
    bool lead;       /* nothing but blanks, commas and brackets, and no '{' */
    bool string, escaped;
    char before; /* the last byte that was no blank, strings by their quotes */
};

struct split {
    bool lines;
    size_t max_bytes;
    struct byte_window in; /* from the document's begin */
    size_t at;             /* what is read of it */
    enum mode mode;
    struct spot spot, start; /* at `at`, at `begin` */
    uint64_t number, passed;
    uint32_t depth;
    char closers[SPLIT_DEPTH]; /* that are expected, the last one first */
    uint32_t mark;             /* bytes of a byte order mark */
    bool array;                /* one is open around the documents */
    bool lost;                 /* something was passed over: its closers may be left */
    bool whole;                /* see split_whole() */
    bool cut;                  /* the end of the bytes stands within a document: told once, */
    bool told;                 /* and what is passed over now is of that */
    char why[SPLIT_FAULT_TEXT];
};

struct split *split_new(bool lines, size_t max_bytes)
{
    struct split *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->lines = lines;
        s->max_bytes = max_bytes;
        s->spot = (struct spot){.line = 1, .indenting = true, .lead = true};
    }
    return s;
}

void split_whole(struct split *s)
{
    s->whole = true;
}

void split_free(struct split **s)
{
    if (*s != NULL) {
        free((*s)->in.buffer);
        free(*s);
        *s = NULL;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Past the next byte. */
static void step_over(struct split *s)
{
    struct spot *p = &s->spot;
    char c = s->in.buffer[s->at++];
    if (c == '\n') {
        *p = (struct spot){
            .line = p->line + 1, .indenting = true, .lead = true, .before = p->before};
    } else if (p->string) {
        p->string = p->escaped || c != '"';
        p->escaped = !p->escaped && c == '\\';
    } else if (is_blank(c)) {
        p->indent += p->indenting;
    } else {
        p->indenting = false;
        p->lead = p->lead && (c == '}' || c == ']' || c == ',' || c == '[');
        p->string = c == '"';
        p->before = c;
    }
}

/* The same, and no document has begun. */
static void leave_out(struct split *s)
{
    step_over(s);
    s->in.begin = s->at;
}

/* ---- faults ---- */

enum step { GO_ON, COMPLETE, FAULT };

/* The document that began is none: what follows its first byte is looked through. */
static enum step give_up(struct split *s)
{
    s->mode = SEEKING;
    s->spot = s->start;
    s->at = s->in.begin;
    s->passed = 1;
    leave_out(s);
    return GO_ON;
}

static void tell_unclosed(struct split *s, const char *found)
{
    if (s->spot.string) {
        snprintf(s->why, sizeof s->why, "expected the end of a string, found %s in line %" PRIu64,
                 found, s->spot.line);
    } else {
        snprintf(s->why, sizeof s->why, "expected \"%c\", found %s in line %" PRIu64,
                 s->closers[s->depth - 1], found, s->spot.line);
    }
}

static enum step give_up_unclosed(struct split *s, const char *found)
{
    tell_unclosed(s, found);
    return give_up(s);
}

/* The bytes end within it. What stands behind its first byte is a part of it, or looked through. */
static void give_up_cut(struct split *s)
{
    s->told = s->cut;
    s->cut = true;
    tell_unclosed(s, "the end");
    if (!s->whole) {
        give_up(s);
        return;
    }
    s->mode = SEEKING;
    s->passed = s->at - s->in.begin;
    s->in.begin = s->at;
}

/* Something that is no document stands between them. */
static enum step seek(struct split *s, const char *why)
{
    snprintf(s->why, sizeof s->why, "%s", why);
    s->mode = SEEKING;
    s->start = s->spot;
    s->passed = 0;
    s->number++;
    return GO_ON;
}

/* Whether a document can begin at the '{' that is next. */
static bool can_begin(const struct split *s)
{
    const struct spot *p = &s->spot;
    return !p->string && ((p->lead && p->indent <= s->start.indent) ||
                          (p->line == s->start.line && p->before != ':'));
}

static enum step take_lost(struct split *s, char c)
{
    if (s->lines ? c == '\n' : c == '{' && can_begin(s)) {
        s->mode = BETWEEN;
        s->lost = true;
        return FAULT;
    }
    s->passed++;
    leave_out(s);
    return GO_ON;
}

/* ---- documents ---- */

static enum step begin(struct split *s)
{
    s->mode = WITHIN;
    s->start = s->spot;
    s->depth = 0;
    s->number++;
    return GO_ON;
}

/* Whether it is the next byte of a byte order mark. */
static bool is_mark(struct split *s, char c)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    bool is = c == mark[s->mark];
    s->mark = is ? (s->mark + 1) % sizeof mark : 0;
    return is;
}

static enum step take_between(struct split *s, char c)
{
    bool separates = is_mark(s, c) || is_blank(c);
    if (!separates && s->lines) {
        return begin(s);
    }
    switch (separates ? '\0' : c) {
    case '\0':
        break;
    case '{':
        return begin(s);
    case '[':
        if (s->array) {
            return begin(s);
        }
        s->array = true;
        break;
    case ']':
        if (!s->array && !s->lost) {
            return seek(s, "expected \"{\" where a document begins, found \"]\"");
        }
        s->array = false;
        break;
    case ',':
        if (!s->array && !s->lost) {
            return seek(s, "expected \"{\" where a document begins, found a comma");
        }
        break;
    case '}':
        if (!s->lost) {
            return seek(s, "expected \"{\" where a document begins, found \"}\"");
        }
        break;
    default:
        return seek(s, "expected \"{\" where a document begins");
    }
    leave_out(s);
    return GO_ON;
}

static enum step open_bracket(struct split *s, char c)
{
    char before = s->spot.before;
    if (c == '{' && s->depth > 0 && before != '[' && before != ',' && before != ':') {
        return give_up_unclosed(s, "\"{\"");
    }
    if (s->depth == SPLIT_DEPTH) {
        snprintf(s->why, sizeof s->why, "nested deeper than allowed in line %" PRIu64,
                 s->spot.line);
        return give_up(s);
    }
    s->closers[s->depth++] = c == '{' ? '}' : ']';
    step_over(s);
    return GO_ON;
}

static enum step close_bracket(struct split *s, char c)
{
    if (s->closers[s->depth - 1] != c) {
        return give_up_unclosed(s, c == '}' ? "\"}\"" : "\"]\"");
    }
    s->depth--;
    step_over(s);
    return s->depth == 0 ? COMPLETE : GO_ON;
}

/* A bit for each of eight bytes that is c, the lowest for the first. */
static unsigned which_are(uint64_t bytes, char c)
{
    const uint64_t each = 0x0101010101010101, low = each * 0x7f;
    uint64_t other = bytes ^ each * (unsigned char)c;
    uint64_t equal = ~(((other & low) + low) | other | low); /* 0x80 in each that is */
    return (unsigned)(equal * 0x0002040810204081 >> 56);
}

/*
 * Of eight bytes, those within strings, and those that have to be looked at: escapes, ends of
 * lines, and outside of strings brackets. The latter and _, Y, y and DEL are 0x7f with these bits;
 * it does no harm to look at one too many.
 */
static unsigned look(uint64_t bytes, bool string, unsigned *within)
{
    const uint64_t bits = 0x2626262626262626;
    unsigned quotes = which_are(bytes, '"');
    quotes ^= quotes << 1; /* how many are there up to each, odd or even */
    quotes ^= quotes << 2;
    quotes ^= quotes << 4;
    *within = (string ? ~quotes : quotes) & 0xff;
    return which_are(bytes, '\\') | which_are(bytes, '\n') |
           (which_are(bytes | bits, 0x7f) & ~*within);
}

/*
 * Past what makes no difference within a document but for where it is: strings, and what stands
 * between brackets, once something has stood in the line that no document can begin behind. As
 * step_over() goes, byte by byte, but eight of them at once.
 */
static void step_over_plain(struct split *s)
{
    struct spot *p = &s->spot;
    size_t left = s->max_bytes - (s->at - s->in.begin);
    const char *begin = s->in.buffer + s->at, *at = begin;
    const char *end = left < s->in.used - s->at ? at + left : s->in.buffer + s->in.used;
    unsigned within, found = 0;
    bool slowly = p->string ? p->escaped : p->indenting || p->lead;
    while (found == 0 && !slowly && end - at >= 8) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof bytes);
        found = look(le64toh(bytes), p->string, &within);
        unsigned passed = found == 0 ? 8 : (unsigned)__builtin_ctz(found);
        p->string = passed == 0 ? p->string : within >> (passed - 1) & 1;
        at += passed;
    }
    s->at = (size_t)(at - s->in.buffer);
    while (!p->string && at > begin && is_blank(at[-1])) {
        at--;
    }
    p->before = at == begin ? p->before : p->string ? '"' : at[-1];
}

static enum step take_within(struct split *s, char c)
{
    if (s->lines && c == '\n') {
        return COMPLETE;
    }
    if (s->at - s->in.begin == s->max_bytes) {
        snprintf(s->why, sizeof s->why, "expected at most %zu bytes", s->max_bytes);
        return give_up(s);
    }
    if (s->spot.string && c == '\n') {
        return give_up_unclosed(s, "its line's");
    }
    if (!s->lines && !s->spot.string) {
        if (c == '{' || c == '[') {
            return open_bracket(s, c);
        }
        if (c == '}' || c == ']') {
            return close_bracket(s, c);
        }
    }
    step_over(s);
    if (!s->lines) {
        step_over_plain(s);
    }
    return GO_ON;
}

static enum step take(struct split *s)
{
    char c = s->in.buffer[s->at];
    switch (s->mode) {
    case BETWEEN:
        return take_between(s, c);
    case WITHIN:
        return take_within(s, c);
    case SEEKING:
    default:
        return take_lost(s, c);
    }
}

/* ---- what comes of it ---- */

static uint64_t bytes_read(const struct split *s)
{
    return s->in.pulled - (s->in.used - s->at);
}

static enum split_event give(struct split *s, struct split_item *item)
{
    size_t end = s->at;
    while (s->lines && is_blank(s->in.buffer[end - 1])) {
        end--;
    }
    *item = (struct split_item){.bytes = {s->in.buffer + s->in.begin, end - s->in.begin},
                                .line = s->start.line,
                                .number = s->number,
                                .end = bytes_read(s)};
    s->mode = BETWEEN;
    s->in.begin = s->at;
    return SPLIT_ITEM;
}

static enum split_event tell_fault(struct split *s, struct split_item *item)
{
    *item = (struct split_item){
        .line = s->start.line, .number = s->number, .end = bytes_read(s), .passed = s->passed};
    memcpy(item->why, s->why, sizeof item->why);
    return SPLIT_FAULT;
}

/* All bytes are read, and nothing follows: what comes of that, or SPLIT_MORE when some are to be
 * read again. */
static enum split_event finish(struct split *s, struct split_item *item)
{
    if (s->mode == WITHIN && s->lines) {
        return give(s, item);
    }
    if (s->mode == WITHIN) {
        give_up_cut(s);
        return SPLIT_MORE;
    }
    if (s->mode == SEEKING) {
        s->mode = BETWEEN;
        s->lost = true;
        return s->told ? SPLIT_END : tell_fault(s, item);
    }
    if (s->array && !s->lost) {
        s->array = false;
        s->start = s->spot;
        s->passed = 0;
        snprintf(s->why, sizeof s->why, "expected the end of the array, found the end");
        return tell_fault(s, item);
    }
    return SPLIT_END;
}

enum split_event split_next(struct split *s, struct slice *bytes, bool last,
                            struct split_item *item)
{
    for (;;) {
        while (s->at < s->in.used) {
            enum step step = take(s);
            if (step == FAULT && s->told) {
                s->told = false;
            } else if (step != GO_ON) {
                return step == COMPLETE ? give(s, item) : tell_fault(s, item);
            }
        }
        if (bytes->len > 0) {
            size_t moved;
            if (byte_window_pull(&s->in, bytes, SIZE_MAX, &moved) == -1) {
                return SPLIT_NO_MEMORY;
            }
            s->at -= moved;
        } else if (!last) {
            return SPLIT_MORE;
        } else {
            enum split_event event = finish(s, item);
            if (event != SPLIT_MORE) {
                return event;
            }
        }
    }
}
