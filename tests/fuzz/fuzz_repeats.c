/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the file of repeated specifications: what is taken is written, and read as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mplane-gw/jobs/repeats_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *written; /* what is taken, once more */

static void take(void *context, const struct repeats_entry *e)
{
    size_t *taken = context;
    struct arena *a = arena_new((size_t)64 << 20);
    if (a == NULL || e->identity.at == NULL || e->specification == NULL ||
        (written != NULL && repeats_file_add(written, e, json_text(a, e->specification)) == -1)) {
        abort();
    }
    arena_free(&a);
    ++*taken;
}

/* How many entries bytes have, read as a file is. */
static size_t read_bytes(const void *bytes, size_t size)
{
    char path[64];
    int fd = memfd_create("repeats", MFD_CLOEXEC);
    size_t taken = 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd != -1 && write(fd, bytes, size) == (ssize_t)size &&
        repeats_file_read(path, take, &taken) == -1) {
        abort();
    }
    close(fd);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    size_t length = 0;
    written = open_memstream(&text, &length);
    if (written != NULL) {
        size_t first = read_bytes(data, size);
        fclose(written);
        written = NULL;
        if (read_bytes(text, length) != first) {
            abort();
        }
        free(text);
    }
    return 0;
}
