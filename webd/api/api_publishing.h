/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is changed by the API, under way in stored: each belongs to a request, which waits for what
 * became of it. Who leaves takes nothing along: what was sent is done.
 */
#ifndef EZREPO_API_PUBLISHING_H
#define EZREPO_API_PUBLISHING_H

#include "webd/visitor.h"

struct api_publishing;

/* Connects to stored on the loop. NULL after an error was logged. The caller owns it. */
struct api_publishing *api_publishing_new(struct web *w);
void api_publishing_free(struct api_publishing **p);

/* What a POST of a visitor who means it changes by the capability of this kind: read, judged, sent
 * and, at once or later, answered. */
void api_publish(struct web *w, struct evhttp_request *request, struct connection *c,
                 const struct visitor *v, enum capability_kind kind);

/* Once a second: what is not answered in time. */
void api_publishing_tick(struct web *w);

/* How many are under way. */
size_t api_publishing_count(const struct api_publishing *p);

#endif
