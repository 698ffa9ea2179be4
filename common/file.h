/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, bounded. */
#ifndef EZREPO_FILE_H
#define EZREPO_FILE_H

#include <stddef.h>

/*
 * The bytes of a file that has at most `most` of them, and a NUL behind them (not counted in
 * *size); the caller frees them. NULL when it cannot be read: errno says why, EFBIG when it is
 * larger.
 */
char *file_read(const char *path, size_t most, size_t *size);

/*
 * The same for a file that root acts on: when root asks, it must be root's and writable by nobody
 * else; EPERM when it is not.
 */
char *file_read_own(const char *path, size_t most, size_t *size);

/*
 * The same for a file in a folder that is somebody else's: no link is followed, and nothing is
 * waited for; EINVAL when it is no regular file.
 */
char *file_read_foreign(const char *path, size_t most, size_t *size);

#endif
