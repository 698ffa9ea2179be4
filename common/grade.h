/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of one grading version, compiled, and the grades they give. Pure: no clock, no sockets,
 * no globals. docs/semantics.md says what the grades are.
 */
#ifndef EZREPO_GRADE_H
#define EZREPO_GRADE_H

#include <stdint.h>

#include "common/grading.h"
#include "common/message.h"
#include "common/record_types.h"
#include "schemas/dimensions.h"

struct grade_rules;

/*
 * Compiles a document. It and the record types must outlive the result, which the caller owns.
 * Takes all the memory it will ever need; NULL when there is none.
 */
struct grade_rules *grade_rules_new(const struct grading *grading,
                                    const struct record_types *types);
void grade_rules_free(struct grade_rules **rules);

/* The number of grade names: so many bytes grade_record() writes. */
uint32_t grade_name_count(const struct grade_rules *rules);

/* Before the records of a batch; the schemas must outlive the last of them. */
void grade_begin(struct grade_rules *rules, const struct schema_message *schemas);

/*
 * One grade per name, in the document's order: 1..5, 0 when no rule held, GRADE_NONE when no block
 * matched. The record must belong to the schemas given: its schema among them, its values as many.
 */
void grade_record(struct grade_rules *rules, const struct record_message *record, uint8_t *grades);

/* The same, and of each name its steadiness as a grades message has it: 0, where its block says
 * nothing of that. */
void grade_record_steady(struct grade_rules *rules, const struct record_message *record,
                         uint8_t *grades, uint16_t *steady);

/* What a condition finds of its metric. */
enum grade_found {
    GRADE_FOUND_MISSING, /* the result has no such column, under no alias */
    GRADE_FOUND_NULL,
    GRADE_FOUND_NO_NUMBER,
    GRADE_FOUND_IMPOSSIBLE, /* a number that cannot be, by the record types */
    GRADE_FOUND_NUMBER
};

/* A condition by its place in the document: grading[block].gradingRules[rule].if[condition]. */
struct grade_condition_place {
    uint32_t block, rule, condition;
};

struct grade_condition_told {
    struct grade_condition_place at;
    enum grade_found found;
    struct slice
        column;         /* in which it was found: its own name or an alias; .at NULL when missing */
    struct slice value; /* as it is in the record; .at NULL when missing or null */
    const struct record_types_range *range; /* of values that can be; NULL: all can */
    bool holds;
};

/* Of a block: it decides; its patterns match, but the record does not start during its hours. */
#define GRADE_DECIDES      ((int)DIMENSION_COUNT)
#define GRADE_OUT_OF_HOURS ((int)DIMENSION_COUNT + 1)

/*
 * Who is told how a record is graded, in the order of the document. Of each grade name: the blocks
 * up to the one that decides; of this one each rule after each of its conditions, those behind the
 * one that gives the grade included. What is told lives as long as the record, its schemas and the
 * rules do.
 */
struct grade_trace {
    void *context;
    /* `failed`: the first dimension whose pattern does not match, or one of the two above. */
    void (*block)(void *context, uint32_t block, int failed);
    void (*condition)(void *context, const struct grade_condition_told *told);
    void (*rule)(void *context, uint32_t block, uint32_t rule, bool holds);
};

/* The same by the same code, telling the trace why. */
void grade_record_traced(struct grade_rules *rules, const struct record_message *record,
                         uint8_t *grades, const struct grade_trace *trace);

/* Memory for one batch at a time; what grade_batch() needs beside the rules. */
struct grade_scratch {
    struct arena *batch;  /* its schemas and grades */
    struct arena *record; /* the one record at hand */
};

/* 0, or -1 when memory is out. */
int grade_scratch_init(struct grade_scratch *s);
void grade_scratch_release(struct grade_scratch *s);

/* How often each grade was given, over all names; [0] is ungraded. */
struct grade_counts {
    uint64_t grade[6];
    uint64_t impossible; /* values that cannot be, by the record types */
};

/*
 * Grades a whole records frame, which must hold `count` records, appends the grades message (with
 * version and digest of the grading) to out and adds to counts. 0; -1 when the frame is not well
 * formed, 1 when memory is out: then counts are as before and out is of no use. Resets the scratch
 * first.
 */
int grade_batch(struct grade_rules *rules, uint64_t version, uint64_t digest, struct slice frame,
                uint64_t count, struct grade_scratch *scratch, struct pack *out,
                struct grade_counts *counts);

#endif
