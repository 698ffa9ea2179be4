/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a portion of those that are due. Between the question and what follows from its answer
 * flushes commit: of whom a record came meanwhile nothing is told.
 */
#ifndef EZREPO_STORED_SILENCE_LOOK_H
#define EZREPO_STORED_SILENCE_LOOK_H

#include "stored/silence/silence.h"

/*
 * Takes those that are due as of then into s->look; a probe, which costs as much as many series,
 * ends the portion. Who is to be retired is told so at once. 0, or -1: the database.
 */
int silence_take_due(struct silence *s, int64_t as_of_us);

static inline bool silence_look_is_empty(const struct silence_look *l)
{
    return l->probe == NULL && l->count == 0;
}

/* The parameters of the two questions. */
void silence_look_put_probe(void *silence, struct pg_params *p);
void silence_look_put_series(void *silence, struct pg_params *p);

/* What follows from the answers: told, or due later. 0, or -1: the database. */
int silence_looked_at_probe(struct silence *s, const PGresult *r);
int silence_looked_at_series(struct silence *s, const PGresult *r);

/* As if they had not been taken. */
void silence_look_give_back(struct silence *s);

#endif
