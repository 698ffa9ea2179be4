/* SPDX-License-Identifier: Apache-2.0 */
/* What stored keeps of who may do what (common/access/access_copy.h), in libevent's loop. */
#ifndef EZREPO_DOOR_ACCESS_WATCH_H
#define EZREPO_DOOR_ACCESS_WATCH_H

#include <event2/event.h>

#include "common/access/access_copy.h"

struct access_watch;

/*
 * Hands on what was kept in the file of this name in the process's folder, before it returns, and
 * from then on what stored has. `take` and context as access_copy_options has them. NULL after an
 * error was logged. The caller owns it; base and name outlive it.
 */
struct access_watch *access_watch_new(struct event_base *base, const char *name,
                                      int (*take)(void *context, struct slice document),
                                      void *context);
void access_watch_free(struct access_watch **w);

/* Once a second. */
void access_watch_tick(struct access_watch *w);

/* The version of the last document that stored is known to have; also of none (NULL): 0. */
uint64_t access_watch_version(const struct access_watch *w);

/* The document that was taken last; also of none (NULL): .at NULL then. */
struct slice access_watch_document(const struct access_watch *w);

#endif
