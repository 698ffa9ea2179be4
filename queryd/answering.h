/* SPDX-License-Identifier: Apache-2.0 */
/* How a question is answered: its cells, or a status and what is to be said. */
#ifndef EZREPO_QUERYD_ANSWERING_H
#define EZREPO_QUERYD_ANSWERING_H

#include "queryd/engine.h"

/* Sends the answer, counts it and frees the question. */
void answer_question(struct question *q, enum answer_status status, const char *message);

/* The text, cut at a character so that it fits a message. */
struct slice answer_text(const char *text);

/* What is said of an answer that is too large. */
const char *answer_too_large(const struct query_engine *engine, char text[200]);

#endif
