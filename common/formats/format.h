/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tools write, read into records by a mapping: a file of JSON that says which parts of a
 * document mean what (docs/write-a-format.md). Bytes go in, records and faults come out; nothing
 * else is touched, so that each door, the operator's trial and a fuzzer all call the same. Pure.
 */
#ifndef EZREPO_FORMATS_FORMAT_H
#define EZREPO_FORMATS_FORMAT_H

#include <stdio.h>

#include "common/document.h"
#include "schemas/dimensions.h"

#define FORMAT_BYTES         ((size_t)1 << 20) /* of a mapping */
#define FORMAT_CONTEXT_NAMES 64                /* of one delivery */
#define FORMAT_FAULTS        1000 /* of one document; what is behind them is not read */

/* Values that paths go by in one document, at all doors: see docs/write-a-format.md, Limits. */
#define FORMAT_LOOKED_AT UINT64_C(500000)

/* ---- mappings ---- */

/* A mapping that was read and checked. It does not change: readings in any threads may share it. */
struct format;

/*
 * Reads a mapping; `name` stands in messages. NULL after every fault in it was told to the
 * document, each with its place. The caller owns the result.
 */
struct format *format_read(struct document *d, struct slice bytes);
void format_free(struct format **f);

/* Whether a document is meant together with those before it: something is remembered. */
bool format_remembers(const struct format *f);

#define FORMAT_DOUBTS 64 /* of one mapping; there may be more */

/* A constant that seems to be meant otherwise: a text or a name with a path written in it, which
 * nobody follows. Legal all the same. */
struct format_doubt {
    const char *place; /* in the mapping */
    struct slice text;
};

/* As it was read (mapping.h). */
const struct format_mapping *format_mapping_of(const struct format *f);

/* ---- readings ---- */

/* What is known of a delivery beside its bytes, as `#name` in the mapping: received (when, as
 * `2026-11-28 13:30:11.000000`), sender, parameters of a request. */
struct format_context {
    uint32_t count;
    struct slice names[FORMAT_CONTEXT_NAMES], values[FORMAT_CONTEXT_NAMES];
};

/* Adds a value, or replaces it. -1: there are too many. */
int format_context_set(struct format_context *c, struct slice name, struct slice value);
bool format_context_has(const struct format_context *c, struct slice name);

/* What one document may take; what is beyond costs the document. */
struct format_limits {
    size_t document_bytes; /* as it stands, what no path reaches included */
    uint32_t line_bytes;   /* of formats that are read by lines */
    uint32_t depth;        /* nesting of what is reached */
    uint32_t values;       /* that are reached */
    uint32_t string_bytes; /* of one text or number */
    uint32_t records;      /* made of a document */
    uint64_t looked_at;    /* values that paths go by */
};

struct format_record {
    struct slice dimensions[DIMENSION_COUNT]; /* "" where there is none; hosts are canonical */
    int64_t start_us, end_us;                 /* since 1970 UTC */
    bool undated;                             /* its start is #received */
    uint32_t hop_count, metric_count;
    const struct slice *hops;  /* the mapping's mark for a gap, "-" as a rule, is among them */
    const struct slice *names; /* of the metrics, in the mapping's order */
    const struct slice *values;
};

/* Something that was not taken: an element of a document, a whole one, or what is none. */
struct format_fault {
    const char *place; /* in the mapping, of what could not be followed; "" where that is not it */
    uint64_t element;  /* of those that the rule goes through, from 1; 0: it is none of them */
    const char *why;   /* what was expected and found; UTF-8 without control characters */
    const struct format_fault *next;
};

/* Why a metric has no value although something stands there, or one that is no number: no fault,
 * since that may be meant. */
struct format_remark {
    const char *place; /* in the mapping */
    struct slice path; /* that led there; "": not one alone */
    uint32_t record;   /* of the document's, from 0 */
    const char *why;   /* what was expected and found; UTF-8 without control characters */
    const struct format_remark *next;
};

enum format_event {
    FORMAT_MORE,     /* all bytes were taken: give the next */
    FORMAT_DOCUMENT, /* a document was read; call again */
    FORMAT_END,
    FORMAT_NO_MEMORY /* it cannot go on */
};

/* What a document gave; in the arena. */
struct format_outcome {
    uint64_t number, line;  /* of the document, and of the line it begins in, from 1 */
    uint64_t end;           /* bytes up to its end, from the first that were given (decode.h) */
    struct slice bytes;     /* the document, until the next call */
    bool ignored;           /* the mapping says that it is to be passed over */
    uint64_t ignored_lines; /* before it, by a mapping of lines */
    uint32_t count;
    const struct format_record *records;
    const struct format_fault *faults;
    const struct format_remark *remarks; /* see format_remark_on() */
};

/* The reading of one file, request, datagram or stream: what is remembered goes from document to
 * document. */
struct format_reading;

/* Of this context, which must outlive it as the format must. NULL when memory is out. The caller
 * owns it. */
struct format_reading *format_begin(const struct format *f, const struct format_context *context,
                                    const struct format_limits *limits);
void format_end(struct format_reading **r);

/* From now on there are remarks: one at most for each metric and name of `let` of a record. */
void format_remark_on(struct format_reading *r);

/*
 * Takes bytes, of which the rest stays in *bytes; with `last`, nothing follows them. What comes of
 * a document is in the arena, which the caller resets when that is no longer needed. However the
 * bytes are cut, the same comes of them.
 */
enum format_event format_next(struct format_reading *r, struct slice *bytes, bool last,
                              struct arena *a, struct format_outcome *outcome);

/*
 * Calls tell for each path of the mapping of which nothing was found in this reading, with its
 * place in the mapping; of those that were looked for at least once if `tried`, of the others if
 * not.
 */
void format_untouched(const struct format_reading *r, bool tried,
                      void (*tell)(void *context, const char *place, struct slice path),
                      void *context);

#endif
