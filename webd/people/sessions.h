/* SPDX-License-Identifier: Apache-2.0 */
/* Whose session a request shows: known here, or asked of stored while the request waits. */
#ifndef EZREPO_SESSIONS_H
#define EZREPO_SESSIONS_H

#include "common/message.h"
#include "webd/people/cookies.h"
#include "webd/people/known_sessions.h"
#include "webd/web.h"

enum session_found {
    SESSION_NOT_SHOWN, /* or something goes before it: a certificate, a token */
    SESSION_GOOD,
    SESSION_OVER,    /* there is none (any more) */
    SESSION_UNSAID,  /* nobody can say: stored, or its database, is away */
    SESSION_LIMITED, /* too many of this address were asked for */
};

struct session_seen {
    enum session_found found;
    char user[LIMIT_USER_BYTES + 1];
    char cookie[CREDENTIAL_URL_SIZE];
    int64_t wait_us; /* of SESSION_LIMITED */
};

/* What goes on with a request once that is known. */
typedef void session_go_on(struct web *w, struct evhttp_request *request, struct connection *c,
                           const struct session_seen *seen);

struct sessions;

/* NULL after an error was logged. The caller owns it; it is of this web. */
struct sessions *sessions_new(struct web *w);
void sessions_free(struct sessions **s);

/* Goes on at once or, unless the client has left by then, later. */
void sessions_look(struct web *w, struct evhttp_request *request, struct connection *c,
                   session_go_on *go_on);

/* A session that stored made, for who shows this cookie from now on; `answer` says how it is. */
void sessions_keep(struct web *w, const char *cookie, const struct session_state_message *answer);

/* The session of who shows this cookie is not known here any more; its digest. -1: memory is out.
 */
int sessions_forget(struct web *w, struct slice cookie, uint8_t digest[LIMIT_DIGEST_BYTES]);

/* How many requests wait. */
size_t sessions_waiting(const struct sessions *s);

#endif
