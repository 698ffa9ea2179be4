/* What record-types.json holds, for the files that read it, look into it and check it. */
#ifndef EZREPO_RECORD_TYPES_TABLE_H
#define EZREPO_RECORD_TYPES_TABLE_H

#include "common/number.h"
#include "common/pattern.h"
#include "common/record_types.h"

/* Patterns of names, one of which must match; none: whatever is there. */
struct names {
    struct pattern *patterns;
    uint32_t count;
};

/* A parameter that must be there with a value that one of these matches. */
struct parameter_rule {
    struct pattern name;
    struct names values;
};

struct mapping {
    struct names labels; /* of the label, or of it up to a '-' */
    struct names columns;
    struct parameter_rule *parameters; /* all must hold */
    uint32_t parameter_count;
    struct slice type;
    struct slice content;     /* .at NULL: none */
    const char *content_from; /* NULL: content is it */
};

struct alias_list {
    struct slice metric;
    struct slice *names;
    uint32_t name_count;
};

/* Values that can be, of metrics whose names match. */
struct record_types_range {
    struct names metrics;
    bool has_least, has_most;
    struct number least, most;
    struct number *never; /* sentinels */
    uint32_t never_count;
};

struct ranges {
    struct record_types_range *range;
    uint32_t count;
};

struct type_entry {
    struct slice name;
    int64_t gap_us;
    struct alias_list *aliases;
    uint32_t alias_count;
    struct ranges valid;
    struct record_types_collect *collects;
    uint32_t collect_count;
};

struct record_types {
    struct arena *arena;
    const char *file; /* for messages */
    uint32_t faults;
    int64_t gap_us;
    struct mapping *mappings;
    uint32_t mapping_count;
    struct type_entry *types;
    uint32_t type_count;
    struct ranges valid;  /* of types that say nothing else of a metric */
    struct slice grading; /* record_types_grading() */
};

#endif
