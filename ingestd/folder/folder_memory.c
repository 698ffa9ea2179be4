/* SPDX-License-Identifier: Apache-2.0 */
/* A list in memory, written as a whole after each change, which are rare. */
#include "ingestd/folder/folder_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "common/file.h"
#include "common/kept_file.h"
#include "common/log.h"

#define FILE_BYTES ((size_t)16 * 1024 * 1024)
#define READ_BYTES ((size_t)64 * 1024) /* for the numbers of one entry */

struct entry {
    struct entry *next, *previous; /* utlist */
    struct taken_message id;       /* inode, size and time of change of the file */
    bool seen;
    struct folder_remembered what;
};

struct folder_memory {
    const char *path;
    struct entry *entries;
    size_t count;
};

static struct taken_message id_of(const struct stat *st)
{
    return (struct taken_message){.inode = st->st_ino,
                                  .size = (uint64_t)st->st_size,
                                  .changed_s = st->st_mtim.tv_sec,
                                  .changed_ns = (uint64_t)st->st_mtim.tv_nsec};
}

static bool is_same(const struct taken_message *a, const struct taken_message *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed_s == b->changed_s &&
           a->changed_ns == b->changed_ns;
}

static struct entry *find(const struct folder_memory *m, const struct taken_message *id)
{
    struct entry *e;
    DL_FOREACH2(m->entries, e, next)
    {
        if (is_same(&e->id, id)) {
            break;
        }
    }
    return e;
}

static struct entry *add(struct folder_memory *m, const struct taken_message *id)
{
    struct entry *e = m->count < FOLDER_MEMORY_FILES ? calloc(1, sizeof *e) : NULL;
    if (e != NULL) {
        e->id = (struct taken_message){.inode = id->inode,
                                       .size = id->size,
                                       .changed_s = id->changed_s,
                                       .changed_ns = id->changed_ns};
        DL_APPEND2(m->entries, e, previous, next);
        m->count++;
    }
    return e;
}

static void forget(struct folder_memory *m, struct entry *e)
{
    DL_DELETE2(m->entries, e, previous, next);
    m->count--;
    free(e);
}

/* ---- the file ---- */

static void take_entry(struct folder_memory *m, const struct taken_message *t)
{
    struct entry *e = add(m, t);
    if (e == NULL) {
        return;
    }
    struct folder_progress *p = &e->what.progress;
    e->what.finished = t->finished == 1;
    p->open = t->open;
    p->faults = t->faults;
    p->beyond_count = t->beyond_count;
    memcpy(p->beyond, t->beyond, t->beyond_count * sizeof *t->beyond);
    p->tally.kept = t->kept;
    p->tally.records = t->records;
    p->tally.refused = t->refused;
    p->tally.passed = t->passed;
    memcpy(p->tally.reasons, t->reasons.at, t->reasons.len);
}

/* 0, or -1 when the bytes are not what was written. */
static int read_entries(struct folder_memory *m, struct slice bytes)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    struct arena *a = arena_new(READ_BYTES);
    int rc = a == NULL ? -1 : 0;
    while (rc == 0 && !unpack_done(&u)) {
        struct taken_message t;
        arena_reset(a);
        rc = taken_decode(&u, a, &t) == -1 || t.reasons.len >= FOLDER_REASON_BYTES ? -1 : 0;
        if (rc == 0) {
            take_entry(m, &t);
        }
    }
    arena_free(&a);
    return rc;
}

struct folder_memory *folder_memory_open(const char *path)
{
    struct folder_memory *m = calloc(1, sizeof *m);
    size_t size = 0;
    if (m == NULL) {
        return NULL;
    }
    m->path = path;
    char *bytes = file_read(path, FILE_BYTES, &size);
    if (bytes == NULL && errno != ENOENT) {
        log_errno("drop.memory", "file=\"%s\"", path);
    } else if (bytes != NULL && read_entries(m, (struct slice){bytes, size}) == -1) {
        log_warn("drop.memory",
                 "file=\"%s\" found=\"something else than was written\" "
                 "effect=\"what was taken from files in drop_dir before is taken again, and counts "
                 "as duplicates\"",
                 path);
    }
    free(bytes);
    return m;
}

void folder_memory_free(struct folder_memory **m)
{
    if (*m != NULL) {
        while ((*m)->entries != NULL) {
            forget(*m, (*m)->entries);
        }
        free(*m);
        *m = NULL;
    }
}

static void pack_entry(struct pack *p, const struct entry *e)
{
    const struct folder_progress *q = &e->what.progress;
    struct taken_message t = e->id;
    t.finished = e->what.finished;
    t.open = q->open;
    t.beyond = (uint64_t *)(uintptr_t)q->beyond;
    t.beyond_count = q->beyond_count;
    t.faults = q->faults;
    t.kept = q->tally.kept;
    t.records = q->tally.records;
    t.refused = q->tally.refused;
    t.passed = q->tally.passed;
    t.reasons = slice_of(q->tally.reasons);
    taken_encode(p, &t);
}

static int write_entries(const struct folder_memory *m)
{
    struct pack p;
    const struct entry *e;
    if (m->entries == NULL) {
        return unlink(m->path) == -1 && errno != ENOENT ? -1 : 0;
    }
    pack_init(&p);
    DL_FOREACH2(m->entries, e, next)
    {
        pack_entry(&p, e);
    }
    struct slice bytes = pack_bytes(&p);
    FILE *f = pack_ok(&p) ? kept_file_begin(m->path) : NULL;
    int rc =
        f == NULL ? -1 : kept_file_end(f, m->path, fwrite(bytes.at, 1, bytes.len, f) == bytes.len);
    pack_release(&p);
    return rc;
}

static void save(const struct folder_memory *m)
{
    static struct log_limit said;
    if (write_entries(m) == -1 && log_allowed(&said, 1)) {
        log_errno("drop.memory",
                  "file=\"%s\" effect=\"after a restart, what was taken is taken again, and counts "
                  "as duplicates\"",
                  m->path);
    }
}

/* ---- what is known ---- */

const struct folder_remembered *folder_memory_find(struct folder_memory *m, const struct stat *st)
{
    struct taken_message id = id_of(st);
    struct entry *e = find(m, &id);
    if (e == NULL) {
        return NULL;
    }
    e->seen = true;
    return &e->what;
}

int folder_memory_keep(struct folder_memory *m, const struct stat *st, bool finished,
                       const struct folder_progress *progress)
{
    struct taken_message id = id_of(st);
    struct entry *e = find(m, &id);
    e = e == NULL ? add(m, &id) : e;
    if (e == NULL) {
        return -1;
    }
    e->seen = true;
    e->what.finished = finished;
    if (progress != &e->what.progress) {
        e->what.progress = *progress;
    }
    save(m);
    return 0;
}

void folder_memory_forget(struct folder_memory *m, const struct stat *st)
{
    struct taken_message id = id_of(st);
    struct entry *e = find(m, &id);
    if (e != NULL) {
        forget(m, e);
        save(m);
    }
}

void folder_memory_forget_unseen(struct folder_memory *m)
{
    struct entry *e, *after;
    size_t before = m->count;
    DL_FOREACH_SAFE2(m->entries, e, after, next)
    {
        if (!e->seen) {
            forget(m, e);
            continue;
        }
        e->seen = false;
    }
    if (m->count < before) {
        save(m);
    }
}

bool folder_memory_is_full(const struct folder_memory *m)
{
    return m->count >= FOLDER_MEMORY_FILES;
}

size_t folder_memory_finished(const struct folder_memory *m)
{
    const struct entry *e;
    size_t n = 0;
    DL_FOREACH2(m->entries, e, next)
    {
        n += e->what.finished;
    }
    return n;
}
