/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schemas/record-types.json, and what the operator says beside it in files of the same form: how a
 * result's record type and content follow from its columns, which names the same metric goes by,
 * and after how long a silence a period ends.
 */
#ifndef EZREPO_RECORD_TYPES_H
#define EZREPO_RECORD_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/number.h"
#include "common/slice.h"

struct record_types;

#define RECORD_TYPES_FILES 64        /* of the operator's own */
#define RECORD_TYPES_BYTES (1 << 20) /* of one file, and of all own ones together */

/* A file, by the name it has in messages. */
struct record_types_source {
    const char *name;
    struct slice bytes;
    bool own;     /* the operator's, not what is delivered */
    bool mapping; /* of a format: what it says of record types is its `types`, all else is not read
                   */
    bool kept;    /* with a version of the grading: its `zones` are zones.h's, and not read here */
};

/*
 * Reads and checks them together, in order; NULL after each fault was told. Mappings and ranges for
 * all types of own files go before what is delivered; what one says of a type, or of the gap of all
 * types that have none, goes before the files before it, key by key. The caller owns the result.
 */
struct record_types *record_types_read_sources(const struct record_types_source *sources,
                                               uint32_t count);
struct record_types *record_types_read_bytes(const char *name, struct slice bytes);
/* What is kept with a version of the grading. */
struct record_types *record_types_read_kept(struct slice bytes);
void record_types_free(struct record_types **t);

/* ---- record_types_files.c ---- */

/*
 * The file, and the operator's own files in a folder, NAME.json in the byte order of their names;
 * no folder: "". NULL after each fault was told.
 */
struct record_types *record_types_read(const char *file, const char *own_dir);
/*
 * All there is: the one in the folder of the contracts, what the formats there and the operator's
 * own formats (no folder: "") say of record types, his own record types.
 */
struct record_types *record_types_of(const char *schemas_dir, const char *own_dir,
                                     const char *own_formats_dir);

/* The same, where the configuration says. */
struct config_common;
struct record_types *record_types_configured(const struct config_common *common);

/* ---- record_types_find.c ---- */

/* What a result tells of its kind. A parameter's value is nothing where it has none. */
struct record_types_clues {
    struct slice label;
    const struct slice *columns;
    uint32_t column_count;
    const struct slice *parameters, *values;
    uint32_t parameter_count;
};

/*
 * `content_from` is the name of the parameter that holds the content, or NULL: `content` is it,
 * without a value where the mapping says nothing of it.
 */
struct record_types_kind {
    struct slice type, content;
    const char *content_from;
};

/* The first mapping in file order that holds for a result: 0, or -1 when none does. */
int record_types_match(const struct record_types *t, const struct record_types_clues *clues,
                       struct record_types_kind *kind);

/*
 * What is measured by a type that is known otherwise: of the first mapping of that type that says
 * so and whose parameters hold. 0, or -1 when there is none. So the report of a failure, which
 * lacks the columns that would tell, joins the series of the successes.
 */
int record_types_content(const struct record_types *t, const struct record_types_clues *clues,
                         struct slice type, struct record_types_kind *kind);

/*
 * The type that a label names: its longest beginning, up to a '-' or its end, that is a type of the
 * file; else what stands before its first '-'. "" when there is nothing.
 */
struct slice record_types_named(const struct record_types *t, struct slice label);

/* The aliases of a metric for a record type, in order of preference; the count, 0 when it has none.
 */
uint32_t record_types_aliases(const struct record_types *t, struct slice type, struct slice metric,
                              const struct slice **aliases);

/*
 * Which values of a metric can be, for records of a type: by what the file says of the metric for
 * that type, else for all. NULL when all can.
 */
struct record_types_range;
const struct record_types_range *record_types_range(const struct record_types *t, struct slice type,
                                                    struct slice metric);
/* False when the value is outside of the range or stands for something that is no value. */
bool record_types_possible(const struct record_types_range *range, const struct number *value);
/* Its least and greatest value; NULL where it has none. They live as long as what it is of. */
const struct number *record_types_range_least(const struct record_types_range *range);
const struct number *record_types_range_most(const struct record_types_range *range);
/* The range as it stands in its file: an object with metrics, min, max, never. */
struct json;
const struct json *record_types_range_said(const struct record_types_range *range);

/*
 * What of the file enters grading, aliases and valid values, as a document of the same form: in it
 * aliases, ranges and nothing else are found. "" without any of either. Lives as long as t.
 */
struct slice record_types_grading(const struct record_types *t);

/*
 * What the file leaves open although it is well formed, a line each: mappings that are never
 * reached or that share columns, types whose own capabilities' columns tell another type. How much
 * of that there is.
 */
uint32_t record_types_check(const struct record_types *t, FILE *out);

/* The names of what is collected of a record type: as a capability's. */
struct record_types_collect {
    struct slice *parameters, *results;
    uint32_t parameter_count, result_count;
    const char *place; /* "FILE: types.TYPE.collect[N]", for messages */
};

/* The schemas in which records of the i-th type (as in record_types_each) are collected. */
uint32_t record_types_collects(const struct record_types *t, uint32_t i,
                               const struct record_types_collect **collects);

/*
 * The elements that a type brings along for mPlane's registry: a list of objects with name, prim
 * and perhaps desc; place is where they are said. NULL when it brings none. Live as long as t.
 */
const struct json *record_types_elements(const struct record_types *t, uint32_t i,
                                         const char **place);

/* Where something is said, "FILE: types.TYPE.grading", and where its limits are from; the second
 * may have no .at. */
struct record_types_said {
    const char *place;
    struct slice source;
};

/*
 * The grading blocks that a type brings along, as they stand in a grading document: a list of one
 * at least. They grade nothing before somebody publishes them. NULL when there are none, or no such
 * type. Live as long as t.
 */
const struct json *record_types_blocks(const struct record_types *t, struct slice type,
                                       struct record_types_said *said);

/*
 * After this silence a period ends, microseconds: what is said of the type, 2.5 times its interval,
 * or what holds for all others, as for a type that is not named ("" is none).
 */
int64_t record_types_gap_us(const struct record_types *t, struct slice type);
/* Whether that is said in an own file. */
bool record_types_gap_is_own(const struct record_types *t, struct slice type);

/* How often it is measured, microseconds; 0: nothing is said of that, or there is no such type. */
int64_t record_types_interval_us(const struct record_types *t, struct slice type);

/* The types that are named: i from 0; -1 past the last. */
int record_types_each(const struct record_types *t, uint32_t i, struct slice *type);

#endif
