/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as spool.head: believed or not; what is believed can be written again and says the
 * same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ingestd/spool/spool_head.h"
#include "ingestd/spool/spool_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void try_bytes(struct slice bytes)
{
    struct spool_head head, again;
    int fd = memfd_create("head", MFD_CLOEXEC);
    require(fd != -1 && write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len);
    if (spool_head_read(fd, &head) == 0) {
        require(memchr(head.boot, '\0', sizeof head.boot) != NULL);
        require(spool_head_write(fd, &head) == 0 && spool_head_read(fd, &again) == 0);
        require(head.oldest == again.oldest && head.next == again.next &&
                head.written == again.written && head.closed == again.closed &&
                memcmp(head.instance, again.instance, sizeof head.instance) == 0);
    }
    close(fd);
}

/* As they are, and with the checksum that they must have behind them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[1024];
    struct slice bytes = {(const char *)data, size < 900 ? size : 900};
    try_bytes(bytes);
    if (bytes.len > 0) {
        memcpy(text, bytes.at, bytes.len);
        int n = snprintf(text + bytes.len, sizeof text - bytes.len, "checksum %016" PRIx64 "\n",
                         spool_checksum(bytes));
        try_bytes((struct slice){text, bytes.len + (size_t)n});
    }
    return 0;
}
