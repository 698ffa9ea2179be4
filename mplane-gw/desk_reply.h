/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of a peer as the desk is given it, and the reply: refused, counted, and told to the
 * audit log. What it is decides desk.h.
 */
#ifndef EZREPO_GW_DESK_REPLY_H
#define EZREPO_GW_DESK_REPLY_H

#include "mplane-gw/jobs/jobs.h"

struct gateway;

/* What was handled before in the same envelope. */
struct desk_earlier {
    const char *door; /* as in the reply */
    struct slice token;
};

struct desk_request {
    struct gateway *gateway;
    struct arena *arena; /* for the message and the reply */
    struct slice identity;
    struct slice certificates; /* the peer's, see tls_certificates(); without bytes: not known */
    const char *peer;          /* address, for the log */
    const struct json *tree;   /* the message */
    struct slice fallback;     /* the token of an exception to a message whose token is not known */
    const char *place;         /* where the message stands: "" or "contents[1]." */
    const struct desk_earlier *earlier; /* a second message of their kind and token is refused */
    size_t earlier_count;
};

struct desk_reply {
    struct mplane_message message; /* when there is neither a job nor a rendered reply */
    struct rendered *rendered; /* the reply's text, held, but for its label; message.kind is set */
    struct job *job;           /* its reply is the reply; held, see job_release() */
    bool first;                /* nobody has had the job's answer before */
    bool wait;                 /* worth waiting for while it is under way */
    bool redeemed;             /* a repeated one's runs so far instead of a receipt */
    struct slice token, label; /* of the reply */
    /* For the audit log. */
    const char *door;                    /* "specification", ...; "message" when it is none */
    const char *outcome;                 /* NULL: what kind of message the reply is */
    struct slice verb;                   /* of the request */
    const struct capability *capability; /* that is meant; NULL when none is */
};

/* Counts a reply that is sent, by its kind. */
void desk_count(struct gateway *g, const struct mplane_message *reply);

/*
 * Writes the line of the audit log about a message that was answered so; `outcome` instead of what
 * the reply says, unless it is NULL. It came, by daemon_clock_us(), at begun_us.
 */
void desk_audit(struct gateway *g, const struct desk_reply *reply, const char *identity,
                const char *peer, const char *outcome, int64_t begun_us);

/* A token for an exception to bytes that bear none: their digest. */
struct slice desk_fallback_token(struct arena *a, struct slice bytes);

/* Makes the reply an exception with printf's text; it needs its token, the request arena and place.
 */
void desk_refuse(const struct desk_request *r, struct desk_reply *reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
