/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a file, gzip (RFC 1952) or not, whatever its name is; a piece at a time. */
#ifndef EZREPO_FILE_BYTES_H
#define EZREPO_FILE_BYTES_H

#include <stdbool.h>
#include <zlib.h>

#include "common/slice.h"

#define FILE_PIECE_BYTES ((size_t)64 * 1024)

struct file_bytes {
    int fd;
    bool begun;        /* whether it is gzip is known */
    bool gzip, within; /* a member of it */
    bool over;         /* the file, as far as it is read */
    bool padding;      /* the last member is over, and NULs came behind it */
    z_stream stream;   /* next_in, avail_in: what is read and not looked at */
    unsigned char read[FILE_PIECE_BYTES];
    char text[FILE_PIECE_BYTES];
};

/* A file from its beginning, which stays the caller's. */
void file_bytes_begin(struct file_bytes *b, int fd);
void file_bytes_end(struct file_bytes *b);

/*
 * The next of its bytes, which live until the next call; none: it is over. -1 when there is
 * something wrong with it, which *why says: what was given before is good. What stands behind the
 * last member of a gzip has to be another member, or NULs, as tapes leave them.
 */
int file_bytes_next(struct file_bytes *b, struct slice *bytes, const char **why);

#endif
