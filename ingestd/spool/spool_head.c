/* SPDX-License-Identifier: Apache-2.0 */
/* One pwrite of a text of fixed size: a killed process leaves the old or the new one. */
#include "ingestd/spool/spool_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/uuid_text.h"
#include "ingestd/spool/spool_row.h"

#define HEAD_BYTES 320

int spool_head_open(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1 && errno == EROFS) {
        fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd == -1) {
        log_errno("spool.head", "file=%s", file);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
        if (errno == EWOULDBLOCK) {
            log_error("spool.in_use", "file=%s expected=\"one ingestd for each spool_dir\"", file);
        } else {
            log_errno("spool.lock", "file=%s", file);
        }
        close(fd);
        return -1;
    }
    return fd;
}

bool spool_head_is_frozen(int fd)
{
    return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

int spool_head_melt(const char *file, int fd)
{
    int again = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (again == -1) {
        return -1;
    }
    flock(fd, LOCK_UN);
    if (flock(again, LOCK_EX | LOCK_NB) == -1) {
        flock(fd, LOCK_EX | LOCK_NB);
        close(again);
        return -1;
    }
    return again;
}

static int read_uuid(const char *text, uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        unsigned byte;
        text += *text == '-' ? 1 : 0;
        if (sscanf(text, "%2x", &byte) != 1) {
            return -1;
        }
        uuid[i] = (uint8_t)byte;
        text += 2;
    }
    return 0;
}

/* What the checksum is over. */
static size_t format_head(const struct spool_head *head, char text[HEAD_BYTES])
{
    char uuid[37];
    uuid_text(head->instance, uuid);
    int n = snprintf(text, HEAD_BYTES,
                     "ezrepo spool head 2\ninstance %s\noldest %020" PRIu64 "\nnext   %020" PRIu64
                     "\nwritten %020" PRIu64 "\nclosed %d\ntime %020" PRId64 "\nboot %s\n",
                     uuid, head->oldest, head->next, head->written, head->closed ? 1 : 0,
                     head->time_us, head->boot);
    return (size_t)n;
}

int spool_head_read(int fd, struct spool_head *head)
{
    char found[HEAD_BYTES + 1], expected[HEAD_BYTES], uuid[37];
    uint64_t checksum = 0;
    int closed = 0;
    ssize_t n = pread(fd, found, HEAD_BYTES, 0);
    if (n <= 0) {
        return -1;
    }
    found[n] = '\0';
    *head = (struct spool_head){0};
    if (sscanf(found,
               "ezrepo spool head 2 instance %36s oldest %" SCNu64 " next %" SCNu64
               " written %" SCNu64 " closed %d time %" SCNd64 " boot %36s checksum %" SCNx64,
               uuid, &head->oldest, &head->next, &head->written, &closed, &head->time_us,
               head->boot, &checksum) != 8 ||
        strlen(uuid) != 36 || read_uuid(uuid, head->instance) == -1) {
        return -1;
    }
    head->closed = closed == 1;
    size_t len = format_head(head, expected);
    return memcmp(found, expected, len) == 0 &&
                   checksum == spool_checksum((struct slice){expected, len}) && head->next > 0 &&
                   head->oldest <= head->next && head->written <= head->next
               ? 0
               : -1;
}

int spool_head_write(int fd, struct spool_head *head)
{
    static char boot[BOOT_ID_BYTES];
    char text[HEAD_BYTES];
    if (boot[0] == '\0') {
        (void)boot_id(boot);
    }
    memcpy(head->boot, boot, sizeof boot);
    head->time_us = daemon_now_us();
    size_t len = format_head(head, text);
    int more = snprintf(text + len, sizeof text - len, "checksum %016" PRIx64 "\n",
                        spool_checksum((struct slice){text, len}));
    ssize_t n = pwrite(fd, text, len + (size_t)more, 0);
    if (n >= 0 && (size_t)n < len + (size_t)more) {
        errno = ENOSPC;
        return -1;
    }
    return n == -1 ? -1 : 0;
}

int spool_head_sync(int fd)
{
    return fdatasync(fd);
}
