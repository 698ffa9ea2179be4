/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as drop.taken: read as far as they are what was written. What was read is written and
 * read again when one more is remembered, and that one is found.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingestd/folder/folder_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-taken-XXXXXX";
static char file[sizeof folder + 20];

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void leave(void)
{
    unlink(file);
    rmdir(folder);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd != -1 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct stat one = {.st_ino = 7, .st_size = 9, .st_mtim = {11, 13}};
    const struct folder_progress progress = {
        .open = 5, .beyond = {8, 6}, .beyond_count = 2, .tally = {.kept = 4, .reasons = "none"}};
    if (file[0] == '\0') {
        require(mkdtemp(folder) != NULL && atexit(leave) == 0);
        snprintf(file, sizeof file, "%s/drop.taken", folder);
    }
    write_file(data, size);
    struct folder_memory *m = folder_memory_open(file);
    require(m != NULL);
    if (folder_memory_keep(m, &one, true, &progress) == 0) {
        size_t finished = folder_memory_finished(m);
        folder_memory_free(&m);
        m = folder_memory_open(file);
        const struct folder_remembered *found = m == NULL ? NULL : folder_memory_find(m, &one);
        require(found != NULL && found->finished && folder_memory_finished(m) == finished);
        require(memcmp(&found->progress, &progress, sizeof progress) == 0);
    }
    folder_memory_free(&m);
    return 0;
}
