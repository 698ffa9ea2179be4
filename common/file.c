/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one byte more than allowed at most. */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much room to begin with: what the file has and a byte to see its end by; never 0. */
static size_t first_room(FILE *f, size_t most)
{
    struct stat s;
    bool known = fstat(fileno(f), &s) == 0 && S_ISREG(s.st_mode) && s.st_size >= 0;
    return known && (uintmax_t)s.st_size < most ? (size_t)s.st_size + 1 : most + 1;
}

static char *read_and_close(FILE *f, size_t most, size_t *size)
{
    size_t room = first_room(f, most);
    char *bytes = malloc(room);
    *size = bytes == NULL ? 0 : fread(bytes, 1, room, f);
    if (*size == room && room <= most) { /* it grew meanwhile */
        char *larger = realloc(bytes, most + 1);
        if (larger == NULL) {
            free(bytes);
        }
        bytes = larger;
        *size += bytes == NULL ? 0 : fread(bytes + room, 1, most + 1 - room, f);
    }
    int error = bytes == NULL ? ENOMEM : ferror(f) != 0 ? errno : *size > most ? EFBIG : 0;
    fclose(f);
    if (error != 0) {
        free(bytes);
        errno = error;
        return NULL;
    }
    bytes[*size] = '\0';
    return bytes;
}

char *file_read(const char *path, size_t most, size_t *size)
{
    FILE *f = fopen(path, "rb");
    return f == NULL ? NULL : read_and_close(f, most, size);
}

/* The file that is open, not what its name stands for a moment later. */
static bool is_roots(FILE *f)
{
    struct stat s;
    return fstat(fileno(f), &s) == 0 && S_ISREG(s.st_mode) && s.st_uid == 0 &&
           (s.st_mode & S_IWOTH) == 0 && ((s.st_mode & S_IWGRP) == 0 || s.st_gid == 0);
}

char *file_read_own(const char *path, size_t most, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f != NULL && geteuid() == 0 && !is_roots(f)) {
        fclose(f);
        errno = EPERM;
        return NULL;
    }
    return f == NULL ? NULL : read_and_close(f, most, size);
}

char *file_read_foreign(const char *path, size_t most, size_t *size)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool regular = fd != -1 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    FILE *f = regular ? fdopen(fd, "rb") : NULL;
    if (f == NULL) {
        if (fd != -1) {
            close(fd);
            errno = regular ? errno : EINVAL;
        }
        return NULL;
    }
    return read_and_close(f, most, size);
}
