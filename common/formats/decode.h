/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes into documents, one at a time, as a format's "input" says (format_input.h). A document of
 * any decoder is a tree of common/json.h:
 *
 *   json        what stands there. Documents stand one behind the other, one on each line, or in
 *               arrays at the top: see common/split.h. What is no object or array is a fault.
 *   lines       of each line that a pattern takes an object: its fields, as strings, and as arrays
 *               of strings where they are split
 *   blocks      of each block such an object; lines that are gathered are an array of objects
 *   prometheus  {"samples": [{"name": "", "labels": {}, "value": 1, "ms": 1}, ...]} of the whole
 *               text, or of what ends with "# EOF"; "ms" where a time was written
 *   influx      {"name": "", "tags": {}, "fields": {}, "timestamp": 1} of each line; "timestamp"
 *               where it was written
 *
 * Numbers keep their text (influx: without i and u behind it). "NaN" and "+Inf" of Prometheus are
 * JSON_NUMBER with that text; booleans of influx are strings as they were written.
 *
 * A fault costs what it is in, a document or a line, and reading goes on. However the bytes are
 * cut, the same comes of them. Pure.
 */
#ifndef EZREPO_FORMATS_DECODE_H
#define EZREPO_FORMATS_DECODE_H

#include "common/formats/format_input.h"

#define DECODE_FAULT_TEXT 256

struct decode_limits {
    struct json_limits json; /* of each document; reach, duplicates and nan are not read */
    size_t document_bytes;   /* of a document as it stands, parts left out among them */
    size_t line_bytes;       /* of a line (not json), a '\r' at its end among them */
};

struct decode;

/*
 * For one run of bytes: a file, a body, a datagram. The input, and the reach (which is for json;
 * NULL: all is kept), must outlive it. NULL when memory is out. The caller owns it.
 */
struct decode *decode_new(const struct format_input *in, const struct json_reach *reach,
                          const struct decode_limits *limits);
void decode_free(struct decode **d);

enum decode_event {
    DECODE_MORE,     /* all bytes were taken: give the next */
    DECODE_DOCUMENT, /* a document is complete; call again */
    DECODE_FAULT,    /* something is none; call again */
    DECODE_END,
    DECODE_NO_MEMORY /* it cannot go on */
};

struct decode_item {
    const struct json *document; /* NULL with a fault */
    uint64_t number;             /* the how-manieth it is, from 1; those at fault count. A line at
                                    fault in a block or a Prometheus text has the number of that */
    uint64_t line;               /* in which it begins, from 1 */
    struct slice bytes;          /* as they stood, until the next call; none when they are not kept:
                                    where json's brackets are in disorder, or it is too long */
    uint64_t end;                /* bytes up to its end, from the first that were given; of a block
                                    that the next one ends, the first line of that included */
    uint64_t passed;             /* bytes passed over that are not in `bytes` */
    uint64_t ignored; /* lines that `ignore` took, before it or among it; also with DECODE_END */
    char why[DECODE_FAULT_TEXT]; /* what was expected and found */
};

/*
 * Takes all of *bytes, which becomes empty once DECODE_MORE is the answer; with `last`, nothing
 * follows them. A document's tree is made in the arena during the call that hands it out, with
 * names out of the input: it holds until the caller resets the arena. One that the arena has no
 * room for is a fault.
 */
enum decode_event decode_next(struct decode *d, struct slice *bytes, bool last, struct arena *a,
                              struct decode_item *item);

#endif
