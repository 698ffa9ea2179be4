/* SPDX-License-Identifier: Apache-2.0 */
/* What record-types.json holds, for the files that read it, look into it and check it. */
#ifndef EZREPO_RECORD_TYPES_TABLE_H
#define EZREPO_RECORD_TYPES_TABLE_H

#include "common/document.h"
#include "common/number.h"
#include "common/pattern.h"
#include "common/record_types.h"

/* Patterns of names, one of which must match; none: whatever is there. */
struct name_patterns {
    struct pattern *patterns;
    uint32_t count;
    uint64_t firsts[4]; /* bit by bit, bytes with which a name that matches one may begin */
};

/* A parameter that must be there with a value that one of these matches. */
struct parameter_rule {
    struct pattern name;
    struct name_patterns values;
};

struct mapping {
    struct name_patterns labels; /* of the label, or of it up to a '-' */
    struct name_patterns columns;
    struct parameter_rule *parameters; /* all must hold */
    uint32_t parameter_count;
    struct slice type;
    struct slice content;     /* .at NULL: none */
    const char *content_from; /* NULL: content is it */
    const char *place;        /* where it stands, for messages */
};

struct alias_list {
    struct slice metric;
    struct slice *names;
    uint32_t name_count;
};

/* Values that can be, of metrics whose names match. */
struct record_types_range {
    struct name_patterns metrics;
    bool has_least, has_most;
    struct number least, most;
    struct number *never; /* sentinels */
    uint32_t never_count;
    const struct json *said; /* as it stands in its file */
};

struct value_ranges {
    struct record_types_range *range;
    uint32_t count;
};

struct type_entry {
    struct slice name;
    int64_t interval_us; /* 0: not known */
    int64_t gap_us;
    bool has_gap; /* it is said; else it follows from the interval, or is that of all others */
    bool own_gap; /* by an own file */
    struct alias_list *aliases;
    uint32_t alias_count;
    struct value_ranges valid;
    const struct json *said_aliases, *said_valid; /* as they stand in their files; NULL: nothing */
    struct record_types_collect *collects;
    uint32_t collect_count;
    const struct json *elements;             /* a list, as registries have them; NULL: none */
    const struct json *blocks;               /* a list of a grading document's blocks; NULL: none */
    const char *said_elements, *said_blocks; /* where, for messages */
    struct slice source;                     /* of the blocks' limits */
};

struct record_types {
    struct arena *arena;
    struct document document; /* that is read now */
    bool own;                 /* it is none of those that are delivered */
    int64_t gap_us;           /* of types that have none of their own */
    bool own_gap;
    struct mapping *mappings; /* those of own files first, and so are the ranges */
    uint32_t mapping_count, own_mapping_count, own_valid_count;
    struct type_entry *types;
    uint32_t type_count;
    struct value_ranges valid; /* of types that say nothing else of a metric */
    struct slice grading;      /* record_types_grading() */
};

/*
 * What stands under "elements", "grading" and "source" of a type, checked; what an entry had
 * before of each that is there goes.
 */
void record_types_read_start(struct record_types *t, const struct document_place *at,
                             struct type_entry *entry);

/* That what several types call by one name is of one primitive type; faults are told. */
void record_types_check_elements(struct record_types *t);

/* Where it stands, "FILE: types.ping.collect[2]", in the arena; "?" when memory is out. */
const char *record_types_place(struct record_types *t, const struct document_place *at);

#endif
