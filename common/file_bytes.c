/* SPDX-License-Identifier: Apache-2.0 */
/* zlib's own reader of files (gzread) passes over what stands behind a gzip without a word. */
#include "common/file_bytes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GZIP_ONLY (16 + MAX_WBITS)

/* More of the file behind what is not looked at yet. -1: errno says why. */
static int read_more(struct file_bytes *b)
{
    size_t kept = b->stream.avail_in;
    memmove(b->read, b->stream.next_in, kept);
    b->stream.next_in = b->read;
    ssize_t n;
    do {
        n = read(b->fd, b->read + kept, sizeof b->read - kept);
    } while (n == -1 && errno == EINTR);
    b->over = n == 0;
    b->stream.avail_in += n > 0 ? (unsigned)n : 0;
    return n == -1 ? -1 : 0;
}

void file_bytes_begin(struct file_bytes *b, int fd)
{
    b->fd = fd;
    b->begun = b->gzip = b->within = b->over = b->padding = false;
    b->stream = (z_stream){.next_in = b->read};
}

/* Whether it is gzip. -1: it cannot be read. */
static int look_at_beginning(struct file_bytes *b, const char **why)
{
    while (b->stream.avail_in < 2 && !b->over) {
        if (read_more(b) == -1) {
            *why = strerror(errno);
            return -1;
        }
    }
    b->begun = true;
    if (b->stream.avail_in < 2 || b->read[0] != 0x1f || b->read[1] != 0x8b) {
        return 0;
    }
    if (inflateInit2(&b->stream, GZIP_ONLY) != Z_OK) {
        *why = "out of memory";
        return -1;
    }
    b->gzip = b->within = true;
    return 0;
}

void file_bytes_end(struct file_bytes *b)
{
    if (b->gzip) {
        inflateEnd(&b->stream);
    }
    b->gzip = false;
}

/* Behind a member: 0 when another begins; 1 when all is over; -1: neither. */
static int pass_padding(struct file_bytes *b, const char **why)
{
    for (;;) {
        while (b->stream.avail_in > 0 && *b->stream.next_in == '\0') {
            b->padding = true;
            b->stream.next_in++;
            b->stream.avail_in--;
        }
        if (b->over && b->stream.avail_in == 0) {
            return 1;
        }
        if (b->over || b->stream.avail_in >= 2) {
            break;
        }
        if (read_more(b) == -1) {
            *why = strerror(errno);
            return -1;
        }
    }
    if (b->padding || b->stream.avail_in < 2 || b->stream.next_in[0] != 0x1f ||
        b->stream.next_in[1] != 0x8b) {
        *why = "what stands behind the gzip is none";
        return -1;
    }
    b->within = true;
    return inflateReset(&b->stream) == Z_OK ? 0 : -1;
}

/* Some bytes of the member, perhaps none yet. */
static int inflate_some(struct file_bytes *b, const char **why)
{
    if (b->stream.avail_in == 0 && !b->over && read_more(b) == -1) {
        *why = strerror(errno);
        return -1;
    }
    int rc = inflate(&b->stream, Z_NO_FLUSH);
    b->within = rc != Z_STREAM_END;
    if (rc == Z_OK || rc == Z_STREAM_END) {
        return 0;
    }
    if (rc == Z_BUF_ERROR) { /* it needs more */
        *why = "the gzip ends too early";
        return b->over ? -1 : 0;
    }
    *why = rc == Z_MEM_ERROR       ? "out of memory"
           : b->stream.msg == NULL ? "the gzip is damaged"
                                   : b->stream.msg;
    return -1;
}

static int next_of_gzip(struct file_bytes *b, struct slice *bytes, const char **why)
{
    int rc = 0;
    b->stream.next_out = (unsigned char *)b->text;
    b->stream.avail_out = sizeof b->text;
    while (rc == 0 && b->stream.avail_out == sizeof b->text) {
        rc = b->within ? inflate_some(b, why) : pass_padding(b, why);
    }
    /* What came out before the fault is given first: the fault comes again. */
    *bytes = (struct slice){b->text, sizeof b->text - b->stream.avail_out};
    return rc == -1 && bytes->len == 0 ? -1 : 0;
}

int file_bytes_next(struct file_bytes *b, struct slice *bytes, const char **why)
{
    *why = "it cannot be read";
    if (!b->begun && look_at_beginning(b, why) == -1) {
        return -1;
    }
    if (b->gzip) {
        return next_of_gzip(b, bytes, why);
    }
    if (b->stream.avail_in == 0 && !b->over && read_more(b) == -1) {
        *why = strerror(errno);
        return -1;
    }
    *bytes = (struct slice){(const char *)b->stream.next_in, b->stream.avail_in};
    b->stream.next_in += b->stream.avail_in;
    b->stream.avail_in = 0;
    return 0;
}
