/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a process of the set: its socket, which only the set's own user, or root, can reach.
 */
#ifndef EZREPO_CTL_STORE_LINK_H
#define EZREPO_CTL_STORE_LINK_H

#include <zmq.h>

#include "common/message.h"

struct store_link {
    void *context, *socket; /* ZeroMQ's; the socket is a DEALER */
    const char *peer;       /* "stored" */
};

/* To the socket of this name in this folder, and whose it is. CTL_DONE, or the exit code after a
 * complaint; then there is nothing to close. */
int store_link_open(struct store_link *link, const char *run_dir, const char *name,
                    const char *peer);
void store_link_close(struct store_link *link);

/* Sends what was packed, and releases it: 0, or -1. */
int store_link_send(void *socket, struct pack *p);

/*
 * The next message, of one frame, within so many milliseconds, into *bytes, which is initialised;
 * its bytes live as long as that. 0; 1 when a signal came first; -1 after a complaint.
 */
int store_link_receive(const struct store_link *link, int patience_ms, zmq_msg_t *bytes,
                       struct slice *frame);

/* Sends a question and releases it, and waits so long for the answer, whatever signals come: 0, or
 * -1 after a complaint. */
int store_link_ask(const struct store_link *link, struct pack *p, int patience_ms, zmq_msg_t *bytes,
                   struct slice *frame);

/* What is no answer of a process of this version: a complaint, -1. */
int store_link_strange(const struct store_link *link);

#endif
