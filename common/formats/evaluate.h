/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that follow a mapping's rules share. */
#ifndef EZREPO_FORMATS_EVALUATE_H
#define EZREPO_FORMATS_EVALUATE_H

#include "common/formats/format.h"
#include "common/formats/mapping.h"

#define EVALUATE_MEMORY "more memory needed than allowed"

/* A document being read. */
struct evaluation {
    const struct format_mapping *mapping;
    const struct format_context *context;
    const struct format_limits *limits;
    struct arena *arena;
    struct json_walk_budget budget;
    uint32_t *tried, *found;         /* of each path: how often */
    struct format_value *remembered; /* of each variable */
    /* the first fault since it was cleared */
    const char *fault, *fault_place;
    bool beyond;                  /* it costs the document, not the element */
    bool remarking;               /* remarks are wanted */
    struct format_remark *remark; /* the first since it was cleared; NULL: none */
    bool of_receipt;              /* #received was used since it was cleared */
};

/* Where an expression stands: the document, the elements around it, what was computed before. */
struct scope {
    struct evaluation *evaluation;
    const struct json *document;
    const struct json *elements[MAPPING_LEVELS + JSON_DEPTH];
    uint32_t depth;
    struct format_value *variables;
};

/* Remembers the first fault; place may be NULL. */
void evaluate_fault(struct evaluation *e, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same: the document takes more memory than it may. */
void evaluate_fault_memory(struct evaluation *e, const char *place);

/* Counts values that were looked at; beyond the limit it is a fault that costs the document. */
void evaluate_spend(struct evaluation *e, uint64_t values);

/* ---- values ---- */

/* What an expression gives; NONE also after a fault. */
struct format_value evaluate(struct scope *s, const struct expression *e);

/* The same as text, as value_text() gives it. */
struct slice evaluate_text(struct scope *s, const struct expression *e);

/* The source of an expression, before anything is done with it. */
struct format_value evaluate_source(struct scope *s, const struct expression *e);
/* What is done with it. */
struct format_value evaluate_conversion(struct scope *s, const struct expression *e,
                                        struct format_value v);

/* A value of a document. */
struct format_value value_of_node(const struct json *node);
struct format_value value_of_text(struct slice text);
struct format_value value_of_exact(const struct exact *x);
struct format_value value_of_integer(int64_t n);

/* As text; .at NULL: there is none, or a fault was told, as for a list. */
struct slice value_text(struct evaluation *e, const char *place, const struct format_value *v);

/* As number: whether it is one. One beyond what is computed with is a fault. */
bool value_number(struct evaluation *e, const char *place, const struct format_value *v,
                  struct exact *x);

/* The same where a metric wants one: of something else that is there there is a remark. */
bool value_wanted(struct scope *s, const struct expression *x, const struct format_value *v,
                  struct exact *n);

/* A remark on what an expression found, `expected` in words; it is none where nothing is there. */
void evaluate_remark(struct scope *s, const struct expression *x, const char *expected,
                     const struct format_value *v);

/* Whether an operation gave a number; tells the fault where it could not be made. */
bool value_computed(struct evaluation *e, const char *place, int outcome);

/* ---- paths ---- */

/* Calls visit for each value that is there. */
void evaluate_path(struct scope *s, const struct json_path *path, json_visit visit, void *context);
/* The same from an element, by steps; steps NULL: the element itself. */
void evaluate_steps(struct scope *s, const struct json *from, const struct json_path *steps,
                    json_visit visit, void *context);
/* The first value of it; NULL: none. */
const struct json *evaluate_first(struct scope *s, const struct json_path *path);
const struct json *evaluate_step(struct scope *s, const struct json *from,
                                 const struct json_path *steps);

/* Whether it has a value that is not null; of one with `~` before it whether it has none. */
bool evaluate_has(struct scope *s, const struct json_path *path);

/* ---- conditions, times ---- */

bool evaluate_condition(struct scope *s, const struct format_condition *c);

/* Whether there is a time; *us in microseconds since 1970. */
bool evaluate_instant(struct scope *s, const struct instant *t, int64_t *us);

/* ---- elements ---- */

/* Calls take for each element of a rule, with the scope at it; until a fault that costs the
 * document. */
typedef void (*evaluate_element)(void *context, struct scope *s);
void evaluate_elements(struct scope *s, const struct record_rule *rule, evaluate_element take,
                       void *context);

/* ---- records ---- */

/* Makes the records of a document by the rules, and tells what could not be made. */
void evaluate_records(struct evaluation *e, const struct json *document,
                      const struct record_rule *rules, uint32_t count,
                      struct format_outcome *outcome);

#endif
