/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of the API under way in queryd: each belongs to a request, which waits for its answer.
 * Who leaves takes the question along; so many may be under way, of one identity and of all.
 */
#ifndef EZREPO_API_ASKING_H
#define EZREPO_API_ASKING_H

#include "webd/visitor.h"

struct api_asking;

/* Connects to queryd on the loop. NULL after an error was logged. The caller owns it. */
struct api_asking *api_asking_new(struct web *w);
void api_asking_free(struct api_asking **q);

/* What a request asks by the capability of this label, read, judged, sent and, at once or later,
 * answered. */
void api_ask(struct web *w, struct evhttp_request *request, struct connection *c,
             const struct visitor *v, const char *label);

/* Tells how far the dry runs of who asks are. */
void api_under_way_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                        const struct visitor *v);

/* Other rules are in force: what is under way for who may see other series now is broken off. */
void api_asking_follow_access(struct web *w);

/* Once a second: what is not answered in time; gauges. */
void api_asking_tick(struct web *w);

/* How many are under way. */
size_t api_asking_count(const struct api_asking *q);

#endif
