/* SPDX-License-Identifier: Apache-2.0 */
/* People log in, by a password or by a link, and out. */
#ifndef EZREPO_LOGINS_H
#define EZREPO_LOGINS_H

#include "webd/visitor.h"

struct logins;

/* NULL after an error was logged. The caller owns it; it is of this web. */
struct logins *logins_new(struct web *w);
void logins_free(struct logins **l);

/* POST /api/v1/login: {"name": NAME, "password": PASSWORD}, or {"ticket": TICKET} of a link, which
 * is used up; answered 204 with a cookie, or refused. */
void logins_take(struct web *w, struct evhttp_request *request, struct connection *c);

/* POST /api/v1/logout, of a session: it ends. */
void logins_end(struct web *w, struct evhttp_request *request, struct connection *c,
                const struct visitor *v);

/* How many requests wait. */
size_t logins_waiting(const struct logins *l);

#endif
