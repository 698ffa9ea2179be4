/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that nobody waits for. The buffer is there only while something is in it. */
#include "common/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_BYTES ((size_t)1 << 20)

static void open_anew(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (own == -1) {
        int flags = fcntl(fd, F_GETFL);
        if (flags != -1) {
            fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        }
        return;
    }
    dup2(own, fd);
    close(own);
}

void outlet_start(struct outlet *o)
{
    struct stat s;
    if (fstat(o->fd, &s) == -1) {
        return;
    }
    o->is_socket = S_ISSOCK(s.st_mode);
    if (S_ISFIFO(s.st_mode)) {
        open_anew(o->fd);
    }
}

static ssize_t put(const struct outlet *o, const char *bytes, size_t len)
{
    ssize_t n;
    do {
        n = o->is_socket ? send(o->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : write(o->fd, bytes, len);
    } while (n == -1 && errno == EINTR);
    return n;
}

/* How much of what waits goes in one write: a pipe takes as much as this as a whole or not at all.
 */
static size_t portion(const struct outlet *o)
{
    const char *first = o->waiting + o->begin;
    if (o->len <= PIPE_BUF) {
        return o->len;
    }
    const char *end = memrchr(first, '\n', PIPE_BUF);
    return end == NULL ? PIPE_BUF : (size_t)(end - first) + 1;
}

static void forget(struct outlet *o)
{
    free(o->waiting);
    o->waiting = NULL;
    o->begin = o->len = 0;
}

/* Who would have read is gone for good: nothing of it will ever be read. */
static void leave_all_out(struct outlet *o)
{
    const char *at = o->waiting + o->begin, *end = at + o->len;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        o->left_out++;
        at++;
    }
    forget(o);
}

bool outlet_flush(struct outlet *o)
{
    while (o->len > 0) {
        ssize_t n = put(o, o->waiting + o->begin, portion(o));
        if (n == -1) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                leave_all_out(o);
            }
            return o->len == 0;
        }
        o->begin += (size_t)n;
        o->len -= (size_t)n;
    }
    forget(o);
    return true;
}

/* Behind what waits: 0, or -1 when there is no room. */
static int keep(struct outlet *o, const char *bytes, size_t len)
{
    if (o->waiting == NULL) {
        o->waiting = malloc(WAITING_BYTES);
    }
    if (o->waiting == NULL || o->len + len > WAITING_BYTES) {
        return -1;
    }
    if (o->begin + o->len + len > WAITING_BYTES) {
        memmove(o->waiting, o->waiting + o->begin, o->len);
        o->begin = 0;
    }
    memcpy(o->waiting + o->begin + o->len, bytes, len);
    o->len += len;
    return 0;
}

int outlet_write(struct outlet *o, const char *line, size_t len)
{
    ssize_t n = 0;
    if (outlet_flush(o)) {
        n = put(o, line, len);
        if (n == (ssize_t)len) {
            return 0;
        }
        if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK) {
            o->left_out++;
            return -1;
        }
        n = n == -1 ? 0 : n;
    }
    if (keep(o, line + n, len - (size_t)n) == -1) {
        o->left_out++;
        return -1;
    }
    return 0;
}

bool outlet_is_journal(int fd)
{
    const char *text = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat s;
    char more;
    return text != NULL &&
           sscanf(text, "%" SCNuMAX ":%" SCNuMAX "%c", &device, &inode, &more) == 2 &&
           fstat(fd, &s) == 0 && (uintmax_t)s.st_dev == device && (uintmax_t)s.st_ino == inode;
}
