/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway does with one mPlane message of a peer: whether it may, which job it means, what
 * the reply is. Knows no HTTP and waits for nothing.
 */
#ifndef EZREPO_GW_DESK_H
#define EZREPO_GW_DESK_H

#include "mplane-gw/jobs.h"
#include "mplane-gw/repeats_file.h"

/* What was handled before in the same envelope. */
struct desk_earlier {
    const char *door; /* as in the reply */
    struct slice token;
};

struct desk_request {
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

void desk_handle(const struct desk_request *r, struct desk_reply *reply);

/*
 * Fills the reply with what its job has to say now: reply->rendered with its result, exception or,
 * when a repeated specification's (job->repeat) times are over, its envelope, which to a redemption
 * it also is before, with the runs so far. Or reply->message with a receipt while it is under way;
 * then the job is kept for who redeems it. Lives in the arena and as long as the job is held.
 */
void desk_render(struct arena *a, struct desk_reply *reply);

/*
 * Puts a receipt in place of what desk_render() made of its job: the answer is kept to be redeemed.
 */
void desk_postpone(struct desk_reply *reply);

/* Lets go of job and text. */
void desk_release(struct desk_reply *reply);

/* Takes a repeated specification up again after a restart; for repeats_start(). */
int desk_restore(const struct repeats_entry *e, char *error, size_t error_size);

/* Counts a reply that is sent, by its kind. */
void desk_count(const struct mplane_message *reply);

/*
 * Writes the line of the audit log about a message that was answered so; `outcome` instead of what
 * the reply says, unless it is NULL. It came, by daemon_clock_us(), at begun_us.
 */
void desk_audit(const struct desk_reply *reply, const char *identity, const char *peer,
                const char *outcome, int64_t begun_us);

/*
 * For reading a body and judging its messages: as large as all of that may become.
 * Results are not written in it. NULL when memory is out; the caller owns it.
 */
struct arena *desk_arena(void);

/* What reading a body takes at most, about. */
size_t desk_tree_bytes(size_t body_bytes);

/*
 * Whether the identity may use the capability; when not, that is counted and logged, and the reply
 * an exception. Of the reply only door and token need be set.
 */
bool desk_may_use(const struct desk_request *r, struct desk_reply *reply,
                  const struct capability *k);

/* A token for an exception to bytes that bear none: their digest. */
struct slice desk_fallback_token(struct arena *a, struct slice bytes);

/* Makes the reply an exception with printf's text; it needs its token, the request arena and place.
 */
void desk_refuse(const struct desk_request *r, struct desk_reply *reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
