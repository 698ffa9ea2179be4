/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of one record and grade name, and what its two tellings share: for explain.c and
 * explain_line.c only. */
#ifndef EZREPO_WHY_EXPLAINING_H
#define EZREPO_WHY_EXPLAINING_H

#include "common/why/explain.h"

struct skipped_block {
    uint32_t block;
    int failed; /* as a trace is told */
};

struct traced_rule {
    bool holds;
    uint32_t first; /* of its conditions */
};

struct explaining {
    struct arena *arena;
    const struct grading *grading;
    const struct explained_record *record;
    uint32_t name;
    struct skipped_block skipped[EXPLAIN_SKIPPED]; /* a ring: the last ones */
    uint32_t skipped_count;
    const struct grading_block *block; /* that decides; NULL: none */
    uint32_t block_number;
    struct traced_rule *rules;
    struct grade_condition_told *conditions;
    uint32_t condition_count;
    uint32_t decided; /* rule; the block's rule_count when none holds */
    bool no_memory;
};

/* The condition that was asked. */
const struct grading_condition *explaining_condition(const struct explaining *x,
                                                     const struct grade_condition_told *told);

/* "<=" */
const char *explaining_relation(enum grading_relation relation);

/* At most EXPLAIN_SHOWN bytes of it, whole characters. */
struct slice explaining_shown(struct slice text);

/*
 * By how much a number holds, from 0 on, or fails, up to 0; exact. .at NULL where it has more
 * digits than are computed with.
 */
struct slice explaining_margin(struct arena *a, const struct grading_condition *c,
                               struct slice value);

/* What decided, in a line in the arena, and piece by piece. */
const char *explaining_because(const struct explaining *x);
struct explained_decision explaining_decision(const struct explaining *x);

#endif
