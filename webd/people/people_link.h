/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about people that stored answers, or not in time. */
#ifndef EZREPO_PEOPLE_LINK_H
#define EZREPO_PEOPLE_LINK_H

#include "common/message.h"
#include "webd/web.h"

struct people_link;

/* Connects to stored on the loop. NULL after an error was logged. The caller owns it. */
struct people_link *people_link_new(struct web *w);
void people_link_free(struct people_link **l);

/*
 * Asks; `done` is called once and later, unless people_link_drop() was called with the context
 * before. The answer's status is ANSWER_UNAVAILABLE where there is none in time. 0, or -1: nobody
 * is asked, and nothing will be told.
 */
int people_link_ask(struct people_link *l, const struct session_message *m,
                    void (*done)(void *context, const struct session_state_message *answer),
                    void *context);

/* The same for who wants to hear nothing. */
void people_link_say(struct people_link *l, const struct session_message *m);

/* Nothing is told to this context any more. */
void people_link_drop(struct people_link *l, const void *context);

/* Once a second: what is not answered in time. */
void people_link_tick(struct people_link *l);

#endif
