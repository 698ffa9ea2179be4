/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be accepted, kept with its reason in the table `rejected`. */
#ifndef EZREPO_STORED_REJECTS_H
#define EZREPO_STORED_REJECTS_H

#include "stored/store.h"

/* Rows to write with the flush at hand; texts live as long as its batches and its arena. */
struct rejects {
    struct reject_row {
        const struct batch_header_message *header;
        uint32_t item;
        struct reject_message what;
    } * rows;
    uint32_t count, size;
};

/* Adds a row; -1 when memory is out. */
int rejects_add(struct rejects *r, const struct batch_header_message *header, uint32_t item,
                const struct reject_message *what);

/*
 * Writes them, and deletes the oldest beyond the bound now and then. Texts are made valid first, so
 * that what was refused elsewhere is never refused here. 0, or -1: the database.
 */
int rejects_write(const struct rejects *r, struct store *store, struct arena *a);

void rejects_release(struct rejects *r);

#endif
