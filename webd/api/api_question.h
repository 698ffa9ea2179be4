/* SPDX-License-Identifier: Apache-2.0 */
/* A question as the query of a URL has it, and a change as a body has it. Pure: the present is
 * given. */
#ifndef EZREPO_API_QUESTION_H
#define EZREPO_API_QUESTION_H

#include "common/asking/specification.h"

/* The capability that is asked by this label at the API; CAPABILITY_COLLECT: none. Only those that
 * ask queryd by a URL. */
enum capability_kind api_question_kind(struct slice label);

/*
 * Reads the query ("a=b&c=d", NULL: there is none): parameters of the capability by their elements'
 * names, each at most once and any of them left out; and the scope: `from` and `to`, or `at`, each
 * a time as in RFC 3339, past, now or future. Without: past to future. Texts are copied to the
 * arena. 0, or -1: error says what is wrong, or memory is out.
 */
int api_question_read(struct arena *a, enum capability_kind kind, const char *query, int64_t now_us,
                      struct gateway_question *q, char *error, size_t error_size);

/* The capability of this label that changes something; CAPABILITY_COLLECT: none. */
enum capability_kind api_change_kind(struct slice label);

/* The capability of this label that asks, by a body; CAPABILITY_COLLECT: none. */
enum capability_kind api_posted_kind(struct slice label);

/*
 * The same of a body, a JSON object: texts, numbers, true and false by their elements' names, null
 * as if it was not there. What changes something has no scope.
 */
int api_change_read(struct arena *a, enum capability_kind kind, struct slice body, int64_t now_us,
                    struct gateway_question *q, char *error, size_t error_size);

#endif
