/* SPDX-License-Identifier: Apache-2.0 */
/* Two slots of a page each. Which of them is newer their numbers tell. */
#include "ingestd/signs/presence_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/log.h"

#define FORMAT     "ezsigns1"
#define SLOT_BYTES 4096

struct presence_slot {
    char format[8];
    uint64_t number;
    uint32_t size;
    uint32_t check; /* of number, size and bytes */
    uint8_t bytes[SLOT_BYTES - 24];
};

_Static_assert(sizeof(struct presence_slot) == SLOT_BYTES, "a slot is a page");
_Static_assert(PRESENCE_FILE_MOST <= SLOT_BYTES - 24, "a sign fits into it");

struct presence_file {
    int fd;
    struct presence_slot slot; /* the newest */
};

static uint32_t check_of(const struct presence_slot *s)
{
    uLong sum = crc32(crc32(0, NULL, 0), (const Bytef *)&s->number, sizeof s->number);
    sum = crc32(sum, (const Bytef *)&s->size, sizeof s->size);
    return (uint32_t)crc32(sum, s->bytes, (uInt)s->size);
}

static bool is_whole(const struct presence_slot *s)
{
    return memcmp(s->format, FORMAT, sizeof s->format) == 0 && s->size <= sizeof s->bytes &&
           s->check == check_of(s);
}

static void read_newest(struct presence_file *f)
{
    struct presence_slot s;
    for (off_t i = 0; i < 2; i++) {
        if (pread(f->fd, &s, sizeof s, i * SLOT_BYTES) == (ssize_t)sizeof s && is_whole(&s) &&
            s.number > f->slot.number) {
            f->slot = s;
        }
    }
}

struct presence_file *presence_file_open(const char *folder, struct slice *found)
{
    char name[4096];
    struct presence_file *f = calloc(1, sizeof *f);
    *found = (struct slice){"", 0};
    snprintf(name, sizeof name, "%s/signs", folder);
    if (f == NULL) {
        log_error("signs.file", "file=%s error=\"out of memory\"", name);
        return NULL;
    }
    f->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = f->fd == -1 ? errno : posix_fallocate(f->fd, 0, 2 * (off_t)SLOT_BYTES);
    if (error != 0) {
        errno = error;
        log_errno("signs.file", "file=%s effect=\"the next start does not know of an absence\"",
                  name);
        presence_file_free(&f);
        return NULL;
    }
    read_newest(f);
    *found = (struct slice){(const char *)f->slot.bytes, f->slot.size};
    return f;
}

void presence_file_free(struct presence_file **f)
{
    if (*f != NULL) {
        if ((*f)->fd != -1) {
            close((*f)->fd);
        }
        free(*f);
        *f = NULL;
    }
}

int presence_file_write(struct presence_file *f, struct slice bytes)
{
    struct presence_slot *s = &f->slot;
    if (bytes.len > PRESENCE_FILE_MOST) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(s->format, FORMAT, sizeof s->format);
    s->number++;
    s->size = (uint32_t)bytes.len;
    memcpy(s->bytes, bytes.at, bytes.len);
    memset(s->bytes + s->size, 0, sizeof s->bytes - s->size);
    s->check = check_of(s);
    off_t at = (off_t)(s->number % 2) * SLOT_BYTES;
    ssize_t n = pwrite(f->fd, s, sizeof *s, at);
    if (n != (ssize_t)sizeof *s) {
        errno = n >= 0 ? ENOSPC : errno;
        return -1;
    }
    (void)sync_file_range(f->fd, at, SLOT_BYTES, SYNC_FILE_RANGE_WRITE); /* begun, not waited for */
    return 0;
}
