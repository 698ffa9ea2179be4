/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files NAME.json of a folder, which somebody puts there to be read together. Faults go to
 * told_fault().
 */
#ifndef EZREPO_JSON_FILES_H
#define EZREPO_JSON_FILES_H

#include <stddef.h>
#include <stdint.h>

/* Their paths, in the byte order of their names. */
struct json_files {
    char **path;
    uint32_t count;
};

/*
 * Lists a folder, called so in messages ("the folder of your own record types"). What begins with a
 * dot or ends otherwise is left out, as editors leave it there. 0, or -1 after a fault was told:
 * there is no such folder, or there are more than `most`. The caller releases *f in any case.
 */
int json_files_list(const char *folder, const char *called, uint32_t most, struct json_files *f);
void json_files_release(struct json_files *f);

/* "FOLDER/NAME" (the folder may be ""), which the caller frees. NULL after a fault was told. */
char *json_files_path(const char *folder, const char *name);

/* How much of what may be read is left: of one file, or of several together. */
struct json_files_room {
    size_t most, left;
    const char *of; /* behind "at most N bytes": "", or " in all own files together" */
};

/*
 * The bytes of a file, and a NUL behind them; the caller frees them. NULL after a fault was told:
 * it is no file (a pipe would be waited for), cannot be read, or is larger than what is left.
 */
char *json_files_read(const char *path, struct json_files_room *room, size_t *size);

#endif
