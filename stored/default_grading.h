/* SPDX-License-Identifier: Apache-2.0 */
/* The grading of a store that nobody has published one for. */
#ifndef EZREPO_STORED_DEFAULT_GRADING_H
#define EZREPO_STORED_DEFAULT_GRADING_H

#include "common/document.h"
#include "stored/store.h"

/* Whether the file that stored.grading_default names is a grading that could be published. */
void default_grading_check(struct document *d, const char *file);

/*
 * Publishes the default document as version 1 when the store has no grading: that of the setting,
 * or the one in schemas_dir. Where there is one and what of the record types enters grading has
 * changed since, its document becomes the next version. Then looks, as below. 0; 1 when the
 * database failed; -1 when the document is no good (it was logged why).
 */
int default_grading_publish(struct store *store);

/*
 * Sets store->old_default: nobody ever published a grading, and the document in force is not the
 * default of today. 0; 1 when the database failed.
 */
int default_grading_look(struct store *store);

/* Where it is so, the default of today becomes the next version. As default_grading_publish(). */
int default_grading_adopt(struct store *store);

#endif
