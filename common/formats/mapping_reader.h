/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a mapping share. */
#ifndef EZREPO_FORMATS_MAPPING_READER_H
#define EZREPO_FORMATS_MAPPING_READER_H

#include "common/formats/mapping.h"

#define MAPPING_PATHS 8192 /* in one mapping */

struct mapping_reader {
    struct arena *arena;
    struct format_mapping *mapping;
    struct slice variables[MAPPING_VARIABLES];
    bool variable_set[MAPPING_VARIABLES];           /* by let or remember */
    bool variable_remembered[MAPPING_VARIABLES];    /* by remember, before anything is computed */
    bool variable_awaited[MAPPING_VARIABLES];       /* of the `let` being read: not computed yet */
    const char *variable_places[MAPPING_VARIABLES]; /* where each was named first */
    struct format_doubt *doubts;                    /* FORMAT_DOUBTS, once there is one */
    uint32_t depth; /* elements around what is read: of `each`, and of agg's */
    struct slice paths[MAPPING_PATHS];
    const char *path_places[MAPPING_PATHS];
};

/* All of these return NULL or -1 after a fault was told; a member that is not there reads as NULL
 * without one where it may be missing. */

/* A copy in the arena of what was read into a local. */
void *mapping_keep(struct mapping_reader *r, const struct document_place *at, const void *from,
                   size_t size);
const char *mapping_place(struct mapping_reader *r, const struct document_place *at);

/* A list of `size` each, for what stands in a list or an object. */
void *mapping_list(struct mapping_reader *r, const struct document_place *at, size_t size);

/* The number of a variable by its name, a new one when it is new. -1: too many. `set`: it gets its
 * value here. */
int mapping_variable(struct mapping_reader *r, const struct document_place *at, struct slice name,
                     bool set);

/* A constant text, copied; .at is NULL after a fault: it has a NUL in it, or memory is out. */
struct slice mapping_constant_text(struct mapping_reader *r, const struct document_place *at,
                                   struct slice text);

/* Whether a path seems to be written in a constant: remembered as a doubt. */
void mapping_doubt(struct mapping_reader *r, const struct document_place *at, struct slice text);

/* A path, or steps alone, that stands there as a text. */
int mapping_path(struct mapping_reader *r, const struct document_place *at, struct json_path *path);
int mapping_path_of(struct mapping_reader *r, const struct document_place *at, struct slice text,
                    struct json_path *path);
int mapping_steps(struct mapping_reader *r, const struct document_place *at,
                  struct json_path *path);
const struct json_path *mapping_steps_kept(struct mapping_reader *r,
                                           const struct document_place *at);

/* A list of texts. */
int mapping_texts(struct mapping_reader *r, const struct document_place *at,
                  const struct slice **texts, uint32_t *count);

/* A string, a number, true, false or null as it stands. */
int mapping_constant(struct mapping_reader *r, const struct document_place *at,
                     struct format_value *value);
int mapping_exact(struct mapping_reader *r, const struct document_place *at, struct exact *number);

const struct expression *mapping_expression(struct mapping_reader *r,
                                            const struct document_place *at);
/* Of a text: a path or a constant. */
const struct expression *mapping_expression_of(struct mapping_reader *r,
                                               const struct document_place *at, struct slice text);
/* The members of an expression that say what is done with its value. 0, *conversion NULL for none.
 */
int mapping_conversion(struct mapping_reader *r, const struct document_place *at,
                       const struct conversion **conversion);
const struct format_condition *mapping_condition(struct mapping_reader *r,
                                                 const struct document_place *at);
/* A list of conditions. */
int mapping_conditions(struct mapping_reader *r, const struct document_place *at,
                       const struct format_condition *const **conditions, uint32_t *count);
const struct instant *mapping_instant(struct mapping_reader *r, const struct document_place *at);
int mapping_levels(struct mapping_reader *r, const struct document_place *at,
                   struct record_rule *rule);

/* `assemble`, once the input is read; NULL after a fault was told. */
const struct assemble_rule *mapping_assemble(struct mapping_reader *r,
                                             const struct document_place *at);

/* What the mapping says for all of its rules. */
struct mapping_common {
    struct variable_rule *variables;
    uint32_t variable_count;
    const struct expression *dimensions[DIMENSION_COUNT];
    const struct instant *start, *end;
};

/* `let` and `defaults` of the whole; then `records`; and `empty`, what it means that a tool wrote
 * nothing. */
void mapping_common(struct mapping_reader *r, const struct document_place *whole,
                    struct mapping_common *common);
void mapping_rules(struct mapping_reader *r, const struct document_place *at,
                   const struct mapping_common *common);
void mapping_empty(struct mapping_reader *r, const struct document_place *whole,
                   const struct mapping_common *common);

/* The whole: 0 with r->mapping filled, or -1 after the faults were told. */
int mapping_read(struct mapping_reader *r, const struct document_place *whole);

/* ---- what follows from the whole ---- */

/* Which parts of a document the mapping looks at. NULL: more memory is needed than there is. */
const struct json_reach *mapping_reach(struct arena *a, const struct format_mapping *m);

/* What is well formed and yet cannot be meant: rules never reached, names nobody sets, metrics
 * without a unit. */
void mapping_check(struct mapping_reader *r, const struct document_place *whole);

#endif
