/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a format's mapping says of its bytes ("input"), checked and ready for decode.h. Pure.
 *
 *     {"decoder": "json", "nan": "null", "duplicates": "refuse" "first" "last" "list"}
 *     {"decoder": "lines", "patterns": [...], "ignore": [...], "split": {"field": " "}}
 *     {"decoder": "blocks", "begin": ..., "lines": [..., {"pattern": ..., "into": "list"}],
 *      "end": ..., "strict": true, "ignore": [...], "split": {"field": " "}}
 *     {"decoder": "prometheus", "openmetrics": true}
 *     {"decoder": "influx"}
 *
 * Only decoder, patterns, begin and lines have to be there; begin and end are a pattern or a list
 * of them. docs/write-a-format.md says what each means.
 */
#ifndef EZREPO_FORMATS_FORMAT_INPUT_H
#define EZREPO_FORMATS_FORMAT_INPUT_H

#include "common/document.h"
#include "common/formats/text_pattern.h"

#define FORMAT_INPUT_PATTERNS        64 /* in each list */
#define FORMAT_INPUT_SEPARATOR_BYTES 16

enum format_decoder { FORMAT_JSON, FORMAT_LINES, FORMAT_BLOCKS, FORMAT_PROMETHEUS, FORMAT_INFLUX };

#define FORMAT_INPUT_NO_LIST UINT32_MAX

/* What a document of lines or blocks can have. */
struct format_input_field {
    struct slice name;
    struct slice separator; /* its text is cut where this stands; .at NULL: it is not */
    uint32_t list;          /* the field that is the list of objects it stands in, or NO_LIST */
    bool is_list;
    bool first; /* the first value of a block stands, not the last: "..._first" */
};

struct format_input_pattern {
    const struct text_pattern *pattern;
    const uint32_t *fields; /* which field of the input each of the pattern's is */
    uint32_t list;          /* each line is an object in this list, or NO_LIST */
};

struct format_input_patterns {
    struct format_input_pattern *at;
    uint32_t count;
};

struct format_input {
    enum format_decoder decoder;
    enum json_duplicates duplicates;
    bool nan;
    bool openmetrics;                   /* a text has to end with "# EOF" */
    bool strict;                        /* lines outside of blocks are faults */
    struct format_input_patterns lines; /* those of "patterns" or "lines" */
    struct format_input_patterns begin, end, ignore;
    const struct format_input_field *fields;
    uint32_t field_count;
};

/* In the arena, with texts that stay where the document has them; NULL after faults were told. */
struct format_input *format_input_read(const struct document_place *at, struct arena *a);

/* Whether it is known which fields a document can have (lines, blocks), and whether it can have one
 * of this name. */
bool format_input_knows_fields(const struct format_input *in);
bool format_input_has_field(const struct format_input *in, struct slice name);

bool format_input_is_json(const struct format_input *in);

#endif
