/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies on their way to ingestd, many at once, so that it syncs its spool for many together. What
 * it cannot take yet, or gave no answer for, is sent again: what is equal is stored once.
 */
#ifndef EZREPO_CTL_IMPORT_WINDOW_H
#define EZREPO_CTL_IMPORT_WINDOW_H

#include "common/message.h"
#include "ctl/store_link.h"

#define IMPORT_WINDOW 64 /* bodies */

/* One, and what became of it. */
struct import_body {
    char *bytes; /* the window's, once it is sent */
    size_t len;
    void *of;          /* the sender's */
    uint64_t parts;    /* the same */
    uint64_t line;     /* the same */
    uint64_t records;  /* that are on disk with ingestd */
    uint64_t rejected; /* that are not */
};

struct import_window {
    struct store_link link;
    struct import_slot *slots;
    uint32_t first, count; /* in the order in which they were sent */
    uint64_t id;
    int64_t heard_us, sent_again_us;
    bool told_busy;
    /* A body is answered; before done. */
    void (*answered)(void *context, const struct import_body *body,
                     const struct imported_message *answer);
    /* All before it are done, too. -1: it cannot go on. */
    int (*done)(void *context, const struct import_body *body);
    /* It is neither: the window is closed. */
    void (*dropped)(void *context, const struct import_body *body);
    void *context;
};

/* Callbacks and their context are set by the caller. CTL_DONE, or the exit code after a complaint.
 */
int import_window_open(struct import_window *w, const char *run_dir);
void import_window_close(struct import_window *w);

/* Sends it with this head, once there is room; takes the bytes in any case. The head's id is set
 * here. -1 after a complaint. */
int import_window_send(struct import_window *w, struct deliver_message *head,
                       const struct import_body *body);

/* Until all are done. -1 after a complaint. */
int import_window_finish(struct import_window *w);

#endif
