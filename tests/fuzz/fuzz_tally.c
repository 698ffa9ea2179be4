/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes in the tally that a killed ingestd left, behind its format and the machine's boot: the
 * next one opens it, and what it found is found again when it is killed at once.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingestd/udp/tally.h"

#define BEFORE_BYTES 48 /* format and boot */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-tally-XXXXXX";
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

static void open_and_close(uint64_t next, struct tally_found *found)
{
    uint64_t drops[1];
    int none = -1;
    struct tally *t = tally_open(folder, &none, 1, next, drops, found);
    require(t != NULL);
    tally_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_found found;
    struct stat st;
    if (file[0] == '\0') {
        require(mkdtemp(folder) != NULL && atexit(leave) == 0);
        snprintf(file, sizeof file, "%s/ingestd.tally", folder);
    }
    unlink(file);
    open_and_close(1, &found);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    require(fd != -1 && fstat(fd, &st) == 0);
    size_t room = (size_t)st.st_size - BEFORE_BYTES;
    size_t n = size < room ? size : room;
    require(pwrite(fd, data, n, BEFORE_BYTES) == (ssize_t)n);
    close(fd);
    open_and_close(size, &found);
    return 0;
}
