/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a specification asks for, as a message to queryd or stored. Pure: the present is given.
 */
#ifndef EZREPO_SPECIFICATION_H
#define EZREPO_SPECIFICATION_H

#include "common/message.h"
#include "common/mplane/mplane_message.h"
#include "schemas/capability_list.h"

/*
 * Stands in a result for `past`: a result's scope must be absolute, and this is the earliest time
 * that all mPlane programs read alike.
 */
#define QUESTION_EARLIEST_US 0

/*
 * Most rows of an answer to the first EZRepo's capability, which has no parameter to limit them:
 * the newest ones.
 */
#define QUESTION_ORIGINAL_ROWS 1000

struct gateway_question {
    bool publish; /* to stored; else to queryd */
    struct query_message query;
    struct publish_message publication;
    struct when when; /* the scope made absolute, for the result */
};

/*
 * Turns a specification that fulfils the capability into a question; id, timeout_ms and the author
 * are left to the caller; kind is none that collects. 0, or -1: error says which parameter is wrong
 * and what was expected. Texts point into the specification.
 */
int question_of(const struct mplane_message *specification, enum capability_kind kind,
                int64_t now_us, struct gateway_question *q, char *error, size_t error_size);

/*
 * "3 ... 5", "3...5", "3..5" or "3" within 0..5; no value is 1..5. 0, or -1 when it is none of
 * these.
 */
int grade_range_parse(struct slice text, uint64_t *low, uint64_t *high);

#endif
