/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping as it is kept once it is read: what the evaluator goes through for each document. All
 * of it lives in the mapping's arena and does not change, so that any number of readings may share
 * it.
 */
#ifndef EZREPO_FORMATS_MAPPING_H
#define EZREPO_FORMATS_MAPPING_H

#include "common/formats/exact.h"
#include "common/formats/format.h"
#include "common/formats/format_input.h"
#include "common/formats/format_time.h"
#include "common/formats/json_path.h"
#include "common/formats/unit.h"
#include "common/pattern.h"
#include "schemas/dimensions.h"

#define MAPPING_LEVELS    8    /* of `each` */
#define MAPPING_VARIABLES 64   /* names of `let` and `remember` together */
#define MAPPING_REQUIRED  32   /* metrics of `assemble` */
#define MAPPING_LIST      1024 /* elements of any list in a mapping */

/* ---- values ---- */

enum value_kind {
    VALUE_NONE,
    VALUE_TEXT,  /* a string, a number as it was written; true is "1", false "0" */
    VALUE_EXACT, /* computed */
    VALUE_NODE   /* a list or an object */
};

struct format_value {
    enum value_kind kind;
    bool of_receipt; /* #received was used for it */
    union {          /* by the kind */
        struct slice text;
        const struct json *node;
        struct exact number;
    };
};

/* ---- expressions ---- */

struct format_condition;
struct expression;

enum expression_source {
    SOURCE_NONE, /* nothing but a default */
    SOURCE_CONSTANT,
    SOURCE_PATH,  /* a path written as a text: the first value, whatever it is */
    SOURCE_PATHS, /* `path`: the first of the paths that has a value which is not "" */
    SOURCE_FIRST,
    SOURCE_TEXT,
    SOURCE_AGGREGATE,
    SOURCE_JOIN,
    SOURCE_HOPS,
    SOURCE_ADD,
    SOURCE_SUBTRACT,
    SOURCE_DIVIDE,
    SOURCE_HISTOGRAM,
    SOURCE_TEST,
    SOURCE_IF
};

enum aggregate {
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_MEAN,
    AGGREGATE_MEDIAN,
    AGGREGATE_SUM,
    AGGREGATE_COUNT,  /* of numbers */
    AGGREGATE_LENGTH, /* of values */
    AGGREGATE_FIRST,
    AGGREGATE_LAST
};

enum histogram_statistic {
    HISTOGRAM_MIN,
    HISTOGRAM_MAX,
    HISTOGRAM_MEAN,
    HISTOGRAM_COUNT,
    HISTOGRAM_QUANTILE
};

/* A piece of a text: as it stands, then the value of an expression, if there is one. */
struct text_piece {
    struct slice literal;
    const struct expression *value;
};

struct map_entry {
    struct slice key;
    struct format_value value;
};

struct unit_entry {
    struct slice text;
    const struct unit *unit;
};

/* Lower and upper end, each as far as it is there. */
struct mapping_range {
    bool has_low, has_high;
    struct exact low, high;
};

/* What is done with a value, in this order, as far as it is said. */
struct conversion {
    struct slice after, before, between[2]; /* .at NULL: not said */
    bool host, number;
    struct slice prefix;
    const struct slice *nulls;
    uint32_t null_count;
    bool duration;
    const struct unit *unit_from, *unit_to; /* to NULL: no conversion */
    const struct expression *unit_by;       /* from NULL: by the value that names it, one of: */
    const struct unit_entry *unit_names;
    uint32_t unit_name_count;
    bool has_times;
    struct exact times;
    bool has_valid, has_clamp;
    struct mapping_range valid, clamp;
    bool has_map, strict, has_map_else;
    const struct map_entry *map;
    uint32_t map_count;
    struct format_value map_else;
    const struct expression *otherwise; /* `default` */
};

struct expression {
    enum expression_source source;
    const char *place; /* in the mapping, for messages */
    struct format_value constant;
    const struct json_path *paths; /* PATH, PATHS; the list of the other sources */
    uint32_t path_count;
    const struct expression *const *parts; /* FIRST; the two operands; IF: then and else */
    uint32_t part_count;
    const struct text_piece *pieces; /* TEXT */
    uint32_t piece_count;
    enum aggregate aggregate;
    enum histogram_statistic statistic;
    uint32_t quantile;                        /* hundredths */
    const struct format_condition *condition; /* TEST, IF; AGGREGATE: of the elements that count */
    const struct json_path *value, *index;    /* steps from an element; NULL: itself; none */
    struct slice with, each[2];               /* JOIN: between the texts, around each */
    struct slice gap;                         /* HOPS */
    const struct expression *from;
    const struct conversion *conversion; /* NULL: none */
};

/* ---- conditions ---- */

enum condition_kind {
    CONDITION_ALL,
    CONDITION_ANY,
    CONDITION_NOT,
    CONDITION_HAS,
    CONDITION_CONTAINS,
    CONDITION_IN,
    CONDITION_ADDRESS,
    CONDITION_EQUAL,
    CONDITION_OTHER,
    CONDITION_LESS,
    CONDITION_GREATER
};

struct format_condition {
    enum condition_kind kind;
    const struct format_condition *const *parts; /* ALL, ANY, NOT */
    uint32_t part_count;
    const struct json_path *path;          /* HAS, CONTAINS */
    const struct expression *left, *right; /* of what is compared; IN, ADDRESS: left */
    const struct slice *choices;           /* IN */
    uint32_t choice_count;
};

/* ---- times ---- */

enum instant_source {
    INSTANT_TEXT, /* `time`, `rfc2822`, `ctime` */
    INSTANT_EPOCH,
    INSTANT_SPLIT, /* seconds, microseconds */
    INSTANT_FIRST
};

struct instant {
    enum instant_source source;
    const char *place;
    enum format_time_form form;
    enum format_time_epoch unit;
    const struct expression *value, *fraction;
    const struct instant *const *alternatives;
    uint32_t alternative_count;
    const struct expression *plus; /* seconds; NULL: none */
};

/* ---- rules ---- */

enum level_kind {
    LEVEL_PATH,
    LEVEL_ZIP,  /* names beside values become an object */
    LEVEL_GROUP /* samples with labels become an object for each combination of labels */
};

struct level {
    enum level_kind kind;
    struct json_path path;                /* PATH, GROUP; ZIP: the names */
    struct json_path values;              /* ZIP */
    struct slice labels;                  /* GROUP: the member that holds them */
    struct json_path value, time, series; /* steps from a sample; time and series may be missing */
    bool has_time, has_series;
    const struct slice *dropped, *into_name;
    uint32_t dropped_count, into_name_count;
};

struct variable_rule { /* of `let` */
    uint32_t variable;
    const struct expression *value;
};

struct metric_rule {
    struct slice name;
    const struct expression *value;
};

struct record_rule {
    const char *place;
    const struct format_condition *when, *condition; /* `when`, `if`; NULL: always */
    const struct level *levels;
    uint32_t level_count;
    const struct variable_rule *variables;
    uint32_t variable_count;
    const struct expression *dimensions[DIMENSION_COUNT]; /* NULL: "" */
    const struct instant *start, *end;                    /* end NULL: as start */
    const struct expression *hops;                        /* NULL: none */
    const struct metric_rule *metrics;
    uint32_t metric_count;
};

struct remember_rule {
    const struct format_condition *when;
    struct json_path path;
    uint32_t variable;
};

struct forget_rule {
    const struct format_condition *when;
    const uint32_t *variables;
    uint32_t variable_count;
};

/* How samples that come apart are put together, by who receives them so: `assemble`. */
struct assemble_rule {
    const struct slice *by; /* labels: samples that have them alike are of one group */
    uint32_t by_count;
    const struct slice *require;   /* metrics without which a group is not complete */
    uint32_t require_count;        /* at most MAPPING_REQUIRED */
    const struct pattern *metrics; /* globs: which are taken; none: all */
    uint32_t metric_count;
    struct slice count; /* a metric that tells how many others there are; "" without */
    int64_t within_us;  /* after its first sample a group is closed, complete or not */
};

struct format_mapping {
    struct slice comment; /* "" without */
    struct format_input *input;
    const struct json_reach *reach;
    const struct slice *variables; /* their names */
    uint32_t variable_count;
    uint32_t path_count;       /* all paths have numbers below */
    const struct slice *paths; /* as written, and of each where it stands in the mapping: */
    const char *const *path_places;
    const struct remember_rule *remember;
    uint32_t remember_count;
    const struct forget_rule *forget;
    uint32_t forget_count;
    const struct format_condition *const *ignore, *const *may_be_empty;
    uint32_t ignore_count, may_be_empty_count;
    const struct record_rule *rules;
    uint32_t rule_count;
    const struct assemble_rule *assemble; /* NULL: samples do not come apart */
    const struct format_doubt *doubts;
    uint32_t doubt_count;
    const struct record_rule *empty; /* of what holds nothing at all; NULL: that is a fault */
};

#endif
