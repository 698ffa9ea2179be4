/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for each test of the spool: in memory where that is possible, for syncing costs nothing
 * there. */
#ifndef EZREPO_TESTS_SPOOL_FOLDER_H
#define EZREPO_TESTS_SPOOL_FOLDER_H

#include <stddef.h>

#define FOLDER_BYTES      64
#define FOLDER_PATH_BYTES (FOLDER_BYTES + 257) /* with any name in it */

/* That of the test that runs, between these two, which are cmocka's setup and teardown. */
extern char folder[FOLDER_BYTES];
int folder_set_up(void **state);
int folder_tear_down(void **state);

/* Another one; the caller removes it. */
void folder_make(char dir[FOLDER_BYTES]);

/* Removes the files in it. */
void folder_clear(const char *dir);

void folder_remove(const char *dir);

/* The path of a file in it. */
void folder_path(char into[FOLDER_PATH_BYTES], const char *dir, const char *name);

/* A file in it, as bytes; one that is not there is empty. */
size_t folder_read(const char *dir, const char *name, char *bytes, size_t size);
void folder_write(const char *dir, const char *name, const char *bytes, size_t size);

#endif
