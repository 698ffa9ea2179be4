/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's copy of the document that stored keeps of who may do what (access.h). Asks stored,
 * hears within milliseconds when it is another one, keeps the last one in a file; while stored is
 * away, or its database is, that one holds, also after a restart. The status's note `access` tells
 * its version and its age.
 */
#ifndef EZREPO_ACCESS_COPY_H
#define EZREPO_ACCESS_COPY_H

#include <czmq.h>

#include "common/slice.h"

struct access_copy;

struct access_copy_options {
    const char *endpoint; /* ENDPOINT_ACCESS; with the secrets of keys ENDPOINT_KEYS */
    const char *name;     /* of the file in the process's own folder */
    /*
     * Another document: 0, or -1, after it was told why, when it cannot be used: then the one
     * before stays. It is JSON text, for access_read().
     */
    int (*take)(void *context, struct slice document);
    void *context;
};

/*
 * Reads the file, and hands on the document in it, before anything is asked; one that cannot be
 * read is logged and done without. To be called where files have the user of the process. NULL
 * after an error was logged; the caller owns it. Names must outlive it.
 */
struct access_copy *access_copy_new(const struct access_copy_options *options);
void access_copy_free(struct access_copy **c);

/* For the loop: when it can be read, access_copy_go_on() is due. Its descriptor tells of a change
 * only once. */
zsock_t *access_copy_socket(const struct access_copy *c);

/* Takes what there is and asks what is to be asked, without waiting; at least once a second. Writes
 * the note. */
void access_copy_go_on(struct access_copy *c);

/* The version of what stored told last, whether it can be used or not; 0: nothing yet. */
uint64_t access_copy_version(const struct access_copy *c);

/* The document that was taken last, for who reads it together with other rules; .at NULL: none.
 * Good until the next one is taken. */
struct slice access_copy_document(const struct access_copy *c);

#endif
