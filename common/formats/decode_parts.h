/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders have in common. For decode*.c. */
#ifndef EZREPO_FORMATS_DECODE_PARTS_H
#define EZREPO_FORMATS_DECODE_PARTS_H

#include "common/formats/decode.h"
#include "common/formats/decode_tree.h"
#include "common/formats/line_window.h"
#include "common/split.h"

struct decode {
    const struct format_input *in;
    struct decode_limits limits; /* for json with what the input says */
    struct split *split;         /* json; else lines: */
    struct line_window window;
    const struct text_pattern *widest;
    uint64_t *room; /* to match with it */
    size_t room_words;
    uint64_t number;  /* of the document handed out last, or under way */
    uint64_t ignored; /* lines, since the item before */
    /* A document of several lines: */
    enum { DECODE_OUTSIDE, DECODE_WITHIN, DECODE_TOO_LARGE, DECODE_CHECKING } state;
    uint64_t line;     /* in which it begins */
    struct slice text; /* as it stands, once it is complete */
    /* DECODE_CHECKING, a Prometheus text: */
    struct slice unchecked; /* the part of it whose lines are to be looked at */
    uint64_t checked_line;  /* the line looked at last */
    bool openmetrics;
    /* A block: which of the input's patterns begins and ends it; NULL: it has no end of its own. */
    const struct format_input_pattern *begin, *end;
};

/*
 * A decoder of lines. Each function says what has come of it, which is *item, or DECODE_MORE for
 * nothing yet. Lines are let go unless a document is DECODE_WITHIN.
 */
struct line_decoder {
    /* The next line; it is text. */
    enum decode_event (*take)(struct decode *d, struct slice line, struct arena *a,
                              struct decode_item *item);
    /* Only of documents of several lines: nothing follows the one under way. */
    enum decode_event (*end)(struct decode *d, struct arena *a, struct decode_item *item);
    /* Only of those that are DECODE_CHECKING: what was found next. */
    enum decode_event (*check)(struct decode *d, struct arena *a, struct decode_item *item);
    /* NULL, or a line that is no text begins a document. */
    void (*begin)(struct decode *d);
};

extern const struct line_decoder decoder_of_lines, decoder_of_blocks, decoder_of_prometheus,
    decoder_of_influx;

/* ---- what comes of it ---- */

struct decode_tree decode_tree_begin(const struct decode *d, struct arena *a);

/* The document, or why it is none. */
enum decode_event decode_give(struct decode *d, const struct decode_tree *t,
                              const struct json *document, uint64_t line, struct slice bytes,
                              struct decode_item *item);

/* A fault of what begins in that line; with printf's arguments, why. */
enum decode_event decode_fault(struct decode *d, uint64_t line, struct slice bytes,
                               struct decode_item *item, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- patterns ---- */

/* The first of the patterns that fits; NULL: none does. */
const struct format_input_pattern *decode_match(const struct decode *d,
                                                const struct format_input_patterns *patterns,
                                                struct slice line, bool whole,
                                                struct slice values[TEXT_PATTERN_FIELDS]);

/* A member of the value: a string, or what it is split into. */
void decode_add_field(struct decode_tree *t, struct decode_branch *parent,
                      const struct format_input_field *field, struct slice value);

/* An object of all values of a pattern. */
struct decode_branch decode_object(const struct decode *d, struct decode_tree *t,
                                   struct decode_branch *parent,
                                   const struct format_input_pattern *p,
                                   const struct slice values[TEXT_PATTERN_FIELDS]);

/* Nothing but white space. */
bool decode_is_blank(struct slice line);

#endif
