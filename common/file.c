/* SPDX-License-Identifier: Apache-2.0 */
/* Reads in one go, one byte more than allowed at most. */
#include "common/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_and_close(FILE *f, size_t most, size_t *size)
{
    char *bytes = malloc(most + 1);
    *size = bytes == NULL ? 0 : fread(bytes, 1, most + 1, f);
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
