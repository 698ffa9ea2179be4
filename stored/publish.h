/* Requests: to publish a grading, to rebuild; and the first grading of an empty store. */
#ifndef EZREPO_STORED_PUBLISH_H
#define EZREPO_STORED_PUBLISH_H

#include "stored/store.h"

/* Answers every request that is there; true when a new grading is in force. */
bool publish_requests(struct store *store, zsock_t *socket);

/*
 * Publishes the default document as version 1 when the store has no grading: file, or with "" the
 * one in schemas_dir. Where there is one and what of the record types enters grading has changed
 * since, its document becomes the next version. 0; 1 when the database failed; -1 when the document
 * is no good (it was logged why).
 */
int publish_default(struct store *store, const char *file);

#endif
