/* SPDX-License-Identifier: Apache-2.0 */
/* The page is read by nobody else while it is written; a kill can come between any two stores. */
#include "ingestd/udp/tally.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/log.h"
#include "common/sockets.h"
#include "ingestd/udp/udp.h"

#define FORMAT "eztally2"

/* drops of a socket: as the kernel counts, from the first on, without its wrap. */
struct page {
    char format[8];
    char boot[BOOT_ID_BYTES + 4];
    uint64_t count;
    struct {
        uint64_t cookie; /* the kernel's name for it, never used twice */
        _Atomic uint64_t drops;
    } sockets[SOCKETS_MAX];
    uint64_t told_before; /* such that the sum of drops less this and those told is untold */
    struct tally_found before;
    struct {
        _Atomic uint64_t datagrams, drops, lost;
    } told[2];                 /* by what is in the spool, and with the transaction under way */
    _Atomic uint64_t spooling; /* the sequence after that one's last; 0: none is under way */
    _Atomic uint64_t read, reading, unsure;
    _Atomic int64_t read_us;
};

enum { SPOOLED, SPOOLING }; /* of `told` */

struct tally {
    struct page *page;
};

static uint64_t cookie_of(int socket)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length) == -1 ? 0 : cookie;
}

/* 0; -1 when there is none, or not of this boot. */
static int read_page(const char *file, const char boot[BOOT_ID_BYTES], struct page *page)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1) {
        return -1;
    }
    ssize_t n = read(fd, page, sizeof *page);
    close(fd);
    return n == (ssize_t)sizeof *page && memcmp(page->format, FORMAT, sizeof page->format) == 0 &&
                   memcmp(page->boot, boot, BOOT_ID_BYTES) == 0 && page->count <= SOCKETS_MAX
               ? 0
               : -1;
}

static void understand(const struct page *old, uint64_t spooled_next, struct tally_found *found)
{
    uint64_t seen = 0;
    bool committed = old->spooling != 0 && old->spooling <= spooled_next;
    int which = committed ? SPOOLING : SPOOLED;
    for (size_t i = 0; i < old->count; i++) {
        seen += old->sockets[i].drops;
    }
    found->drops_untold = seen - old->told_before - old->told[which].drops;
    found->lost = old->read - old->told[which].datagrams;
    found->maybe_lost = old->reading != 0 ? UDP_BURST : 0;
    found->read_us = old->read_us;
    if (!old->told[which].lost) {
        found->lost += old->before.lost;
        found->maybe_lost += old->before.maybe_lost;
    }
    if (old->unsure && !committed) {
        found->maybe_lost += found->lost;
        found->lost = 0;
    }
}

static uint64_t drops_of(const struct page *old, uint64_t cookie)
{
    for (size_t i = 0; i < old->count && cookie != 0; i++) {
        if (old->sockets[i].cookie == cookie) {
            return old->sockets[i].drops;
        }
    }
    return 0;
}

/* With its room on the disk: a page that cannot be written would end the process. */
static struct page *make_page(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    void *at = MAP_FAILED;
    if (fd != -1) {
        int error = posix_fallocate(fd, 0, sizeof(struct page));
        if (error == 0) {
            at = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        }
        close(fd);
    }
    return at == MAP_FAILED ? NULL : at;
}

struct tally *tally_open(const char *folder, const int *sockets, size_t count,
                         uint64_t spooled_next, uint64_t *drops, struct tally_found *found)
{
    char file[4096], fresh[4096 + 8];
    struct page old = {0};
    struct tally *t = calloc(1, sizeof *t);
    *found = (struct tally_found){0};
    memset(drops, 0, count * sizeof *drops);
    snprintf(file, sizeof file, "%s/ingestd.tally", folder);
    snprintf(fresh, sizeof fresh, "%s.new", file);
    char boot[BOOT_ID_BYTES];
    bool known = boot_id(boot) == 0;
    if (t == NULL || count > SOCKETS_MAX || (t->page = make_page(fresh)) == NULL) {
        log_errno("tally.open", "file=%s effect=\"what a kill loses is not counted\"", fresh);
        unlink(file); /* or the next one would take it for this one's */
        free(t);
        return NULL;
    }
    if (known && read_page(file, boot, &old) == 0) {
        understand(&old, spooled_next, found);
    } else {
        old.count = 0;
    }
    struct page *page = t->page;
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t cookie = cookie_of(sockets[i]);
        drops[i] = drops_of(&old, cookie);
        page->sockets[i].cookie = cookie;
        page->sockets[i].drops = drops[i];
        seen += drops[i];
    }
    page->count = count;
    page->told_before = seen - found->drops_untold;
    page->before = *found;
    page->read_us = found->read_us;
    memcpy(page->boot, boot, sizeof boot);
    memcpy(page->format, FORMAT, sizeof page->format);
    if (rename(fresh, file) == -1) {
        log_errno("tally.open", "file=%s effect=\"what a kill loses is not counted\"", file);
    }
    return t;
}

void tally_free(struct tally **t)
{
    if (*t != NULL) {
        munmap((*t)->page, sizeof *(*t)->page);
        free(*t);
        *t = NULL;
    }
}

void tally_reading(struct tally *t)
{
    if (t != NULL) {
        t->page->reading = 1;
    }
}

void tally_read(struct tally *t, uint64_t datagrams, int64_t now_us)
{
    if (t != NULL) {
        t->page->read_us = now_us;
        t->page->read += datagrams;
        t->page->reading = 0;
    }
}

void tally_dropped(struct tally *t, size_t i, uint64_t more)
{
    if (t != NULL) {
        t->page->sockets[i].drops += more;
    }
}

static void set_told(struct page *page, int which, const struct tally_told *told)
{
    page->told[which].datagrams = told->datagrams;
    page->told[which].drops = told->drops;
    page->told[which].lost = told->lost;
}

void tally_spooling(struct tally *t, uint64_t next, const struct tally_told *told)
{
    if (t != NULL) {
        set_told(t->page, SPOOLING, told);
        t->page->spooling = next;
    }
}

void tally_spooled(struct tally *t, bool committed)
{
    if (t != NULL && committed) {
        const struct tally_told told = {.datagrams = t->page->told[SPOOLING].datagrams,
                                        .drops = t->page->told[SPOOLING].drops,
                                        .lost = t->page->told[SPOOLING].lost};
        set_told(t->page, SPOOLED, &told);
        t->page->unsure = 0;
    }
    if (t != NULL) {
        t->page->spooling = 0;
    }
}

void tally_unsure(struct tally *t)
{
    if (t != NULL) {
        t->page->unsure = 1;
    }
}
