/* SPDX-License-Identifier: Apache-2.0 */
/* How a question is answered: its cells, or a status and what is to be said. */
#ifndef EZREPO_QUERYD_ANSWERING_H
#define EZREPO_QUERYD_ANSWERING_H

#include "queryd/engine.h"

/* Sends the answer, counts it and frees the question. */
void answer_question(struct question *q, enum answer_status status, const char *message);

/* Tells whoever asked how far it is. */
void answer_progress(const struct question *q, const struct progress_message *m);

/* The same of an answer that another process gave, under the question's own number. It is under way
 * no more. */
void answer_as_told(struct question *q, const struct answer_message *told);

/* The text, cut at a character so that it fits a message. */
struct slice answer_text(const char *text);

/* What is said of an answer that is too large. */
const char *answer_too_large(const struct query_engine *engine, char text[200]);

#endif
