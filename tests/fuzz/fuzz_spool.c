/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the file of a spool, and as its log: what is read out of them stays within bounds,
 * and every row has the checksum that it must have. The first two bytes tell where the log begins.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ingestd/spool/spool_salvage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check_row(void *context, const struct spool_row *row)
{
    uint64_t *left = context;
    volatile char last = 0;
    if (row->batch.frame.len > 0) {
        last = row->batch.frame.at[row->batch.frame.len - 1];
    }
    if (row->batch.accounts.len > 0) {
        last = row->batch.accounts.at[row->batch.accounts.len - 1];
    }
    (void)last;
    if (row->batch.count > LIMIT_BATCH_RECORDS || row->batch.kind > BATCH_REJECTS) {
        abort();
    }
    return --*left == 0 ? 1 : 0;
}

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("spool", MFD_CLOEXEC);
    if (fd == -1 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t pages = (size_t)data[0] << 8 | data[1];
    size_t file = pages * SPOOL_PAGE_BYTES < size - 2 ? pages * SPOOL_PAGE_BYTES : size - 2;
    uint64_t left = 100000;
    int db = file_of(data + 2, file), log = file_of(data + 2 + file, size - 2 - file);
    spool_salvage(db, log, check_row, &left);
    spool_salvage(db, -1, check_row, &left);
    close(db);
    close(log);
    return 0;
}
