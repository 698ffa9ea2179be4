/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v1/changes: the feed of changes as server-sent events. Those who ask for the same, and
 * may see the same, are told by one question to queryd: so many listeners cost it what one does.
 */
#ifndef EZREPO_API_CHANGES_H
#define EZREPO_API_CHANGES_H

#include "webd/visitor.h"

struct api_changes;

/* Connects to queryd on the loop. NULL after an error was logged. The caller owns it. */
struct api_changes *api_changes_new(struct web *w);
void api_changes_free(struct api_changes **s);

/* Takes the request over: it is told what changes, from the cursor in Last-Event-ID on, or from now
 * on, until it leaves, is too slow, or API_CHANGES_S have passed; or it is refused. */
void api_changes_listen(struct web *w, struct evhttp_request *request, struct connection *c,
                        const struct visitor *v);

/* Ends all: they come again and are judged anew. When who may do what has changed, and before the
 * process ends. */
void api_changes_end_all(struct web *w);

/* Ends those who came by a session: some of these have ended. */
void api_changes_end_sessions(struct web *w);

/* Once a second. */
void api_changes_tick(struct web *w);

/* After so long a listener comes again, so that what it was let in by is looked at. */
#define API_CHANGES_S 300

#endif
