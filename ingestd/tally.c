/* The page is read by nobody else while it is written; a kill can come between any two stores. */
#include "ingestd/tally.h"

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
#include "ingestd/udp.h"

#define FORMAT "eztally1"

/* drops of a socket: as the kernel counts, from the first on, without its wrap. */
struct page {
    char format[8];
    char boot[BOOT_ID_BYTES + 4];
    uint64_t count;
    struct {
        uint64_t cookie; /* the kernel's name for it, never used twice */
        _Atomic uint64_t drops;
    } sockets[SOCKETS_MAX];
    uint64_t told_before; /* such that the sum of drops less this and `told` is what is untold */
    _Atomic uint64_t told, read, spooled, reading;
};

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

static void understand(const struct page *old, struct tally_found *found)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < old->count; i++) {
        seen += old->sockets[i].drops;
    }
    found->drops_untold = seen - old->told_before - old->told;
    found->lost = old->read - old->spooled;
    found->maybe_lost = old->reading != 0 ? UDP_BURST : 0;
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

struct tally *tally_open(const char *run_dir, const int *sockets, size_t count, uint64_t *drops,
                         struct tally_found *found)
{
    char file[4096], fresh[4096 + 8];
    struct page old = {0};
    struct tally *t = calloc(1, sizeof *t);
    *found = (struct tally_found){0};
    memset(drops, 0, count * sizeof *drops);
    snprintf(file, sizeof file, "%s/ingestd.tally", run_dir);
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
        understand(&old, found);
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

void tally_read(struct tally *t, uint64_t datagrams)
{
    if (t != NULL) {
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

void tally_spooled(struct tally *t, uint64_t datagrams, uint64_t drops)
{
    if (t != NULL) {
        t->page->spooled = datagrams;
        t->page->told = drops;
    }
}
