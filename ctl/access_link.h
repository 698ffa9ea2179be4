/* SPDX-License-Identifier: Apache-2.0 */
/* Asking stored who may do what, and changing it, by the socket that only the operator may use. */
#ifndef EZREPO_CTL_ACCESS_LINK_H
#define EZREPO_CTL_ACCESS_LINK_H

#include "common/json.h"
#include "ctl/ctl.h"
#include "ctl/store_link.h"

struct access_link {
    struct store_link link;
    struct arena *arena; /* for all that is read; gone with the link */
    zmq_msg_t bytes;     /* of the last answer */
    int patience_ms;     /* for each answer */
    uint64_t id;
};

/* Where stored's socket is, and how long its answers are waited for; who has them gives them to
 * ctl_options(). */
extern const struct ctl_option access_link_options[];

/* By these options. CTL_DONE, or the exit code after a complaint; then there is nothing to close.
 */
int access_link_open(struct access_link *l);
void access_link_close(struct access_link *l);

/* What is in force: the document's tree, and its version. NULL after a complaint. */
const struct json *access_link_get(struct access_link *l, uint64_t *version);

/*
 * Has `changes` done (schemas/messages.h), if `base` is 0 or the version in force; frees them. 0;
 * 1: it was another version, and nothing was done; -1 after each fault was named in a complaint,
 * then *refused tells whether nothing was changed for certain.
 */
int access_link_change(struct access_link *l, uint64_t base, char *changes, bool *refused);

/* The newest changes before version `before` (0: of all). -1 after a complaint. */
int access_link_past(struct access_link *l, uint64_t before, uint64_t count,
                     struct access_history_message *m);

/* Sends what was packed, which is released, and waits for the answer's bytes, which live until the
 * next one. -1 after a complaint. */
int access_link_ask(struct access_link *l, struct pack *p, struct slice *answer);

/* Who types this, for the history: behind sudo the one who called it. */
const char *access_link_author(void);

/* The JSON text as a tree in the link's arena; NULL after a complaint. */
const struct json *access_link_tree(struct access_link *l, struct slice text);

#endif
