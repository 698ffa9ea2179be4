/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for a request: by what a proxy says, the peer's certificate, a bearer token, or the
 * cookie of a session. */
#ifndef EZREPO_VISITOR_H
#define EZREPO_VISITOR_H

#include "schemas/capability_list.h"
#include "webd/people/sessions.h"

/* Good until the next request, and as long as the rules. */
struct visitor {
    bool known;
    const char *how;      /* "proxy", "certificate", "token", "session" */
    const char *identity; /* "": nobody */
    char token[ACCESS_NAME_BYTES + 1];
    const struct slice *asks; /* of a token: globs on the labels it may ask by; else NULL */
    uint32_t asks_count;
    char cookie[CREDENTIAL_URL_SIZE]; /* of a session; else "" */
    char csrf[CSRF_SIZE];             /* what has to be shown for more than a question; "": nothing
                                         has, of a token, which no browser shows by itself */
    char name[LIMIT_SENDER_BYTES + 1];
    bool tried;      /* a token was shown */
    bool unsaid;     /* there may be a session: nobody can say */
    int64_t wait_us; /* more than 0: it has to wait so long */
};

/* Goes on with the request once it is known whether it shows a session, and whose: at once or, if
 * the client stays until then, later. */
void visitor_look(struct web *w, struct evhttp_request *request, struct connection *c,
                  session_go_on *go_on);

/* Finds out, and counts the request for whoever it is. */
void visitor_find(struct web *w, struct evhttp_request *request, struct connection *c,
                  const struct session_seen *seen, struct visitor *v);

/* Whether a request came from a page of ours, as far as it says. */
bool visitor_is_of_our_page(const struct web *w, struct evhttp_request *request);

/* Whether the visitor himself wants what a request does that is more than a question, and not a
 * page of somebody else that his browser shows. */
bool visitor_means_it(const struct web *w, struct evhttp_request *request, const struct visitor *v);

/* NULL: it may ask by the capability of this kind and label; else why not, for people. */
const char *visitor_denied(const struct web *w, const struct visitor *v, enum capability_kind kind,
                           struct slice label);

#endif
