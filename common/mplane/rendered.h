/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as the text that is sent, made once and shared by all that it is sent to: a job that
 * keeps it, answers on their way. Freed by the last that holds it. Pure.
 */
#ifndef EZREPO_MPLANE_RENDERED_H
#define EZREPO_MPLANE_RENDERED_H

#include "common/mplane/mplane_message.h"

struct rendered {
    unsigned holders;
    enum mplane_kind kind;
    uint32_t rows;              /* of a result */
    size_t label_at, label_end; /* where the message's own label stands, as JSON; equal: none */
    size_t len;
    char text[];
};

/*
 * The text of mplane_message_write(), held once for the caller. NULL when it cannot be written,
 * when it would be longer than max_bytes or when memory is out. The arena is only worked in.
 */
struct rendered *rendered_new(struct arena *a, const struct mplane_message *m,
                              const struct registry *r, size_t max_bytes);

struct rendered *rendered_hold(struct rendered *r);

/* Sets *r to NULL, which it may be. */
void rendered_release(struct rendered **r);

/* What holding it takes. */
size_t rendered_bytes(const struct rendered *r);

/*
 * The text with this label instead of its own, as up to three pieces one after the other. The
 * middle one lives in the arena, the others as long as it is held. How many; 0: out of memory.
 */
#define RENDERED_PIECES 3
unsigned rendered_pieces(struct arena *a, const struct rendered *r, struct slice label,
                         struct slice pieces[RENDERED_PIECES]);

#endif
