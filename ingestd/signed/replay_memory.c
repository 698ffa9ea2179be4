/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of a file, found by a hash table beside them; the least recently used is first in a list. A
 * kill may come between any two stores into a slot: see in which order they are.
 */
#include "ingestd/signed/replay_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "common/boot.h"
#include "common/hash_table.h"
#include "common/log.h"

#define FORMAT "ezreplay"

struct replay_name {
    uint8_t key_id[SIGNED_KEY_ID_BYTES];
    uint64_t epoch;
};

struct replay_slot {
    struct replay_name name;
    uint64_t from;               /* sequences below it were never missed */
    _Atomic int64_t time_us;     /* the latest that was signed, of what was taken */
    struct replay_window window; /* whose newest is 0: the slot is free */
};

/* The file. */
struct replay_page {
    char format[8];
    char boot[BOOT_ID_BYTES + 4];
    _Atomic int64_t
        since_us; /* of what is in no slot all that was signed until then may have come */
    struct replay_slot slots[REPLAY_EPOCHS];
};

/* A slot that is used. */
struct replay_entry {
    UT_hash_handle hh;
    struct replay_entry *prev, *next;
    struct replay_slot *slot;
};

struct replay_memory {
    struct replay_page *page;
    struct replay_entry *table, *list;
    struct replay_entry *spare; /* linked by next */
    uint32_t count;
    struct replay_entry entries[REPLAY_EPOCHS];
};

/* ---- the file ---- */

static struct replay_page *map(int fd)
{
    void *at = mmap(NULL, sizeof(struct replay_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* That of the ingestd before; NULL when there is none that can be believed. */
static struct replay_page *find_page(const char *file, const char boot[BOOT_ID_BYTES])
{
    struct stat st;
    int fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1) {
        return NULL;
    }
    struct replay_page *page = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                                       st.st_size == (off_t)sizeof(struct replay_page)
                                   ? map(fd)
                                   : NULL;
    close(fd);
    if (page != NULL && (memcmp(page->format, FORMAT, sizeof page->format) != 0 ||
                         memcmp(page->boot, boot, BOOT_ID_BYTES) != 0)) {
        munmap(page, sizeof *page);
        page = NULL;
    }
    return page;
}

/* With its room on the disk: a page that cannot be written would end the process. */
static struct replay_page *make_page(const char *file)
{
    char fresh[4096 + 8];
    struct replay_page *page = NULL;
    snprintf(fresh, sizeof fresh, "%s.new", file);
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd != -1 && posix_fallocate(fd, 0, sizeof(struct replay_page)) == 0 &&
        rename(fresh, file) == 0) {
        page = map(fd);
    }
    if (fd != -1) {
        close(fd);
    }
    if (page == NULL) {
        log_errno("replay.memory",
                  "file=%s effect=\"after a restart nothing is taken that was signed before it\"",
                  file);
        unlink(file); /* or the next one would take it for this one's */
        unlink(fresh);
        page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    return page == MAP_FAILED ? NULL : page;
}

static struct replay_page *open_page(const char *folder, int64_t now_us)
{
    char file[4096], boot[BOOT_ID_BYTES];
    snprintf(file, sizeof file, "%s/ingestd.replay", folder);
    bool known = boot_id(boot) == 0;
    struct replay_page *page = known ? find_page(file, boot) : NULL;
    if (page == NULL && (page = make_page(file)) != NULL) {
        page->since_us = now_us;
        memcpy(page->boot, boot, sizeof boot);
        memcpy(page->format, FORMAT, sizeof page->format);
    }
    return page;
}

/* ---- slots ---- */

/* -1 when memory is out. */
static int use(struct replay_memory *m, struct replay_entry *e)
{
    HASH_ADD_KEYPTR(hh, m->table, &e->slot->name, sizeof e->slot->name, e);
    if (e->hh.tbl == NULL) {
        return -1;
    }
    DL_APPEND(m->list, e);
    m->count++;
    return 0;
}

struct replay_memory *replay_memory_open(const char *folder, int64_t now_us)
{
    struct replay_memory *m = calloc(1, sizeof *m);
    if (m == NULL || (m->page = open_page(folder, now_us)) == NULL) {
        replay_memory_free(&m);
        return NULL;
    }
    for (uint32_t i = REPLAY_EPOCHS; i-- > 0;) {
        struct replay_entry *e = &m->entries[i];
        e->slot = &m->page->slots[i];
        if (e->slot->window.newest == 0) {
            e->next = m->spare;
            m->spare = e;
        } else if (use(m, e) == -1) {
            replay_memory_free(&m);
            return NULL;
        }
    }
    return m;
}

void replay_memory_free(struct replay_memory **m)
{
    if (*m != NULL) {
        HASH_CLEAR(hh, (*m)->table);
        if ((*m)->page != NULL) {
            munmap((*m)->page, sizeof *(*m)->page);
        }
        free(*m);
        *m = NULL;
    }
}

uint32_t replay_memory_epochs(const struct replay_memory *m)
{
    return m->count;
}

int64_t replay_memory_since(const struct replay_memory *m)
{
    return m->page->since_us;
}

/* What it knew is refused by its time from now on, which is raised first. */
static void give_up(struct replay_memory *m, struct replay_entry *e)
{
    struct replay_slot *slot = e->slot;
    if (slot->time_us > m->page->since_us) {
        m->page->since_us = slot->time_us;
    }
    HASH_DEL(m->table, e);
    DL_DELETE(m->list, e);
    m->count--;
    slot->window.newest = 0;
    for (int i = 0; i < REPLAY_WORDS; i++) {
        slot->window.bits[i] = 0;
    }
    slot->time_us = 0;
    e->next = m->spare;
    m->spare = e;
}

/* The least recently used of the key, if it has as many as one may have; else of all, if there is
 * no room. NULL: another one may be made. */
static struct replay_entry *in_the_way(struct replay_memory *m, const uint8_t *key_id)
{
    struct replay_entry *e, *oldest = NULL;
    uint32_t count = 0;
    DL_FOREACH(m->list, e)
    {
        if (memcmp(e->slot->name.key_id, key_id, SIGNED_KEY_ID_BYTES) == 0) {
            oldest = oldest == NULL ? e : oldest;
            count++;
        }
    }
    return count >= REPLAY_EPOCHS_OF_KEY ? oldest : m->spare == NULL ? m->list : NULL;
}

/* A slot for an epoch that is not known; NULL: there is none, or no memory. */
static struct replay_entry *make(struct replay_memory *m, const struct replay_name *name,
                                 int64_t long_ago_us)
{
    struct replay_entry *other = in_the_way(m, name->key_id);
    if (other != NULL) {
        if (other->slot->time_us >= long_ago_us) {
            return NULL;
        }
        give_up(m, other);
    }
    struct replay_entry *e = m->spare, *next = e->next;
    e->slot->name = *name;
    if (use(m, e) == -1) {
        return NULL;
    }
    m->spare = next;
    return e;
}

/* ---- what comes ---- */

static int64_t count_missing(const struct replay_slot *slot, enum replay_verdict verdict,
                             uint64_t newest, uint64_t sequence)
{
    if (verdict == REPLAY_LATE) {
        return sequence < slot->from ? 0 : -1;
    }
    uint64_t expected = newest == 0 ? slot->from : newest + 1;
    uint64_t missing = verdict == REPLAY_NEWEST ? sequence - expected : 0;
    return missing < (uint64_t)REPLAY_LEAP ? (int64_t)missing : REPLAY_LEAP;
}

static enum replay_verdict take(struct replay_memory *m, struct replay_entry *e,
                                const struct signed_head *head, int64_t *missing)
{
    struct replay_slot *slot = e->slot;
    uint64_t newest = slot->window.newest;
    if (head->time_us > slot->time_us) {
        slot->time_us = head->time_us;
    }
    enum replay_verdict verdict = replay_window_take(&slot->window, head->sequence);
    *missing = count_missing(slot, verdict, newest, head->sequence);
    DL_DELETE(m->list, e);
    DL_APPEND(m->list, e);
    return verdict;
}

enum replay_verdict replay_memory_take(struct replay_memory *m, const struct signed_head *head,
                                       int64_t now_us, int64_t window_us, int64_t *missing)
{
    struct replay_name name = {.epoch = head->epoch};
    struct replay_entry *e;
    *missing = 0;
    memcpy(name.key_id, head->key_id, sizeof name.key_id);
    HASH_FIND(hh, m->table, &name, sizeof name, e);
    if (e == NULL) {
        int64_t since_us = m->page->since_us;
        if (head->time_us <= since_us) {
            return REPLAY_BEFORE;
        }
        e = make(m, &name, now_us - window_us);
        if (e == NULL) {
            return REPLAY_CROWDED;
        }
        /* Of one that began before the memory did it is not known what came. */
        e->slot->from = since_us < 0 || head->epoch > (uint64_t)since_us ? 1 : head->sequence;
    }
    return take(m, e, head, missing);
}
