/* SPDX-License-Identifier: Apache-2.0 */
/* The writer behind mplane_message_write() and rendered_new(). Pure. */
#ifndef EZREPO_MPLANE_WRITE_H
#define EZREPO_MPLANE_WRITE_H

#include "common/mplane/mplane_message.h"

struct written {
    char *at;                   /* where to; NULL: it is only counted */
    size_t len;                 /* of the text, which has no NUL behind it */
    size_t label_at, label_end; /* the label of the message itself, with its quotes; equal: none */
};

/*
 * Writes the message to w->at, which has room for all of it, and tells its length. -1 when it
 * cannot be written, see mplane_message_write().
 */
int write_message(struct arena *a, const struct mplane_message *m, const struct registry *r,
                  struct written *w);

/* A string as JSON in the arena; .at NULL when that is full. */
struct slice write_string(struct arena *a, struct slice s);

#endif
