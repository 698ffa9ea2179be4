/* SPDX-License-Identifier: Apache-2.0 */
/* Files with a secret on one line. */
#ifndef EZREPO_ALERTD_SECRET_FILE_H
#define EZREPO_ALERTD_SECRET_FILE_H

#include <stddef.h>

#include "common/document.h"

#define SECRET_BYTES 1024 /* at most */

/*
 * The line without its end, of at least so many bytes, none of them a control character, in a file
 * that only its owner and group may use; the caller has secret_free() take it. NULL after an error
 * was logged, of whom it is for and which file, and nothing of what is in it.
 */
char *secret_read(const char *name, const char *file, size_t least);
/* Whether it could be read so, as far as who checks may see. */
void secret_check(struct document *d, const char *name, const char *file, size_t least);

void secret_free(char **secret);

#endif
