/* SPDX-License-Identifier: Apache-2.0 */
/* A grading document: read and checked whole, every fault named by its place. */
#ifndef EZREPO_GRADING_H
#define EZREPO_GRADING_H

#include <stdint.h>

#include "common/document.h"
#include "common/number.h"
#include "common/pattern.h"
#include "common/week_hours.h"
#include "schemas/dimensions.h"

enum grading_relation { GRADING_LT, GRADING_LE, GRADING_GT, GRADING_GE, GRADING_EQ, GRADING_NE };

struct grading_condition {
    struct slice metric;
    enum grading_relation relation;
    struct number limit;
    bool has_leave;
    struct number leave; /* the limit as long as a state of the rule's grade lasts */
};

struct grading_rule {
    uint8_t grade;
    uint32_t condition_count;
    struct grading_condition *conditions;
};

/* What a block says of hold and flap; all 0: nothing. */
struct steady_terms {
    uint32_t holds; /* 1: it has `hold`, whose numbers stand behind */
    uint32_t worse_records, worse_s, better_records, better_s;
    uint32_t flap_changes, flap_s; /* 0: no `flap` */
};
#define STEADY_TERM_NUMBERS 7

struct grading_block {
    uint32_t name; /* index into names */
    struct pattern patterns[DIMENSION_COUNT];
    const struct week_hours *during; /* NULL: always */
    const struct json *during_said;  /* as it stands in the document */
    uint32_t terms; /* the place, from 1, of what it says of hold and flap; 0: nothing */
    uint32_t rule_count;
    struct grading_rule *rules;
};

struct grading {
    uint32_t name_count;
    struct slice *names; /* the distinct gradeNames, in the order they first stand */
    uint32_t block_count;
    struct grading_block *blocks;
    struct zones *zones; /* those of the blocks' hours */
    uint32_t term_count;
    struct steady_terms *terms; /* distinct, in the order in which blocks first have them */
};

/* Limits of a document, beside LIMIT_DOCUMENT_BYTES and LIMIT_GRADE_NAMES. */
#define GRADING_BLOCKS        1024
#define GRADING_RULES         64
#define GRADING_CONDITIONS    64
#define GRADING_COMMENT_BYTES 4096 /* of a block's, which nobody but people reads */

/* Of hold and flap. */
#define GRADING_HOLD_RECORDS 1000
#define GRADING_FLAP_CHANGES 20
#define GRADING_STEADY_S     604800 /* 7 days */

/* An arena of this limit is enough for any document. */
#define GRADING_ARENA_BYTES ((size_t)64 << 20)

/* Faults found, at most DOCUMENT_FAULTS kept, each "grading[2].gradingRules[0].if[1].rel: expected
 * one of ...".
 */
struct grading_faults {
    uint32_t count; /* all of them, also those not kept */
    uint32_t kept;
    const char *text[DOCUMENT_FAULTS];
};

/*
 * Reads a document; it and the faults' texts live in the arena. Time zones are looked for in the
 * system's files. NULL when it has faults
 * (faults->count > 0). Unknown keys are faults. The document's bytes are copied as far as they are
 * needed.
 *
 * An empty list of blocks, rules or conditions is none: it grades nothing, never holds, always
 * holds.
 */
const struct grading *grading_read(struct arena *a, struct slice document,
                                   struct grading_faults *faults);

/* The same for a document that was published and is in the store: with the patterns that were
 * accepted then (see pattern_compile_kept()), and with the time zones as they were (`kept`: what
 * zones_keep() made of them), so that what grades goes on grading. */
const struct grading *grading_read_kept(struct arena *a, struct slice document, struct slice kept,
                                        struct grading_faults *faults);

/*
 * Checks a list of blocks that stands elsewhere than in a document of its own, as it would be in
 * one; each has to be for records of this type, by its name. Each fault is told with its place;
 * what is read meanwhile is in the arena.
 */
void grading_check_blocks(struct arena *a, const struct document_place *list, struct slice type);

/*
 * Whether a block takes records of a type: GRADING_BY_NAME, when its pattern is the type's name, or
 * GRADING_BY_PATTERN.
 */
enum grading_takes { GRADING_TAKES_NOT, GRADING_BY_NAME, GRADING_BY_PATTERN };
enum grading_takes grading_takes(const struct grading_block *block, struct slice type);

#endif
