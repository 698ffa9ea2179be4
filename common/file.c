/* Reads in one go, one byte more than allowed at most. */
#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *file_read(const char *path, size_t most, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
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
