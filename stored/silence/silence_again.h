/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Told silences that late records, another list or an absence may have changed are judged again:
 * asked about beside the flushes, and what follows told between them. Flushes may commit in
 * between; it is then as if they had come behind the judgement: they end an open silence by
 * themselves, and note anew what they may have changed, so that it is judged once more.
 */
#ifndef EZREPO_STORED_SILENCE_AGAIN_H
#define EZREPO_STORED_SILENCE_AGAIN_H

#include "stored/silence/silence.h"

/* The parameters of the question: about some silences, those noted longest ago first. */
void silence_put_again(void *silence, struct pg_params *p);

/* What follows from the answer: told. 0, or -1: the database; then all of it is noted still. */
int silence_judged_again(struct silence *s, const PGresult *r);

#endif
