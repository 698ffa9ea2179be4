/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of queryd as the API tells them. Pure. */
#ifndef EZREPO_API_ANSWER_H
#define EZREPO_API_ANSWER_H

#include <stdio.h>

#include "common/asking/specification.h"
#include "common/mplane/registry.h"

/* How an answer is told: an object with rows; a row a line; RFC 4180. */
enum api_form { API_JSON, API_NDJSON, API_CSV };

extern const char *const api_content_types[];

/* By the header Accept, NULL: there is none. The first that is named of ours; API_JSON where
 * anything is taken. -1: none is taken. */
int api_form_of(const char *accept);

/*
 * Writes the answer, whose status is ANSWER_OK, to a question of this kind. Values have the types
 * of their elements; documents are part of JSON as they are. In JSON `next` is the cursor to go on
 * with, where more may follow. 0, or -1: its columns are others than those of the capability.
 */
int api_answer_write(FILE *f, enum api_form form, enum capability_kind kind,
                     const struct query_message *q, const struct answer_message *m,
                     const struct registry *r);

/* The first rows as objects of a JSON list, a comma between two, on one line. 0, or -1 as above. */
int api_answer_write_rows(FILE *f, enum capability_kind kind, const struct answer_message *m,
                          uint32_t rows, const struct registry *r);

/* Whether the element of this name is a JSON document, which is told as it is. */
bool api_is_document(struct slice element);

/* A time, microseconds since 1970, as in RFC 3339, in quotes; "past" and "future" of WHEN_PAST and
 * WHEN_FUTURE. */
void api_write_time(FILE *f, int64_t us);

#endif
