/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, the head, the thread that syncs. */
#include "ingestd/spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

/* The log is copied when it has become so long. */
#define LOG_BYTES ((uint64_t)32 * 1024 * 1024)

/* What it has open, by what the names in the folder must lead to. */
static const char *const names[] = {SPOOL_FILE_NAME, SPOOL_FILE_NAME "-wal", SPOOL_HEAD_NAME};
#define NAMES (sizeof names / sizeof *names)

struct spool {
    char *dir;
    struct {
        dev_t dev;
        ino_t ino;
    } there[NAMES];
    bool gone; /* the names lead to others, or to nothing */
    uint64_t renewed;
    struct spool_file *file; /* NULL only while it waits for room */
    struct spool_keeper *keeper;
    struct spool_head head;
    int head_fd;
    uint64_t rows, payload_bytes;
    uint64_t rows_added, rows_removed, payload_added; /* in the transaction under way */
    bool unsynced;                                    /* something was committed since */
    uint64_t sync;                                    /* the last that was asked for */
    uint64_t commits, write_errors;
    bool waits_for_room; /* it could not be opened for writing */
    bool failing, read_failing;
    char fault[240];
};

static void fail(struct spool *s)
{
    static struct log_limit said;
    s->write_errors++;
    s->failing = true;
    if (log_allowed(&said, 1)) {
        log_error("spool.write", "error=\"%s\" effect=\"batches are held in memory only\"",
                  s->fault);
    }
}

/* ---- whether its files are still there ---- */

static bool find(const struct spool *s, size_t i, struct stat *st)
{
    char path[SPOOL_PATH_BYTES];
    return spool_path(path, s->dir, names[i]) && stat(path, st) == 0;
}

static void remember_files(struct spool *s)
{
    struct stat st;
    for (size_t i = 0; i < NAMES; i++) {
        if (find(s, i, &st)) {
            s->there[i].dev = st.st_dev;
            s->there[i].ino = st.st_ino;
        }
    }
}

static bool is_there(const struct spool *s, size_t i)
{
    struct stat st;
    return find(s, i, &st) && st.st_dev == s->there[i].dev && st.st_ino == s->there[i].ino;
}

bool spool_is_there(const struct spool *s)
{
    bool there = !s->gone;
    for (size_t i = 0; i < NAMES && there && !s->waits_for_room; i++) {
        there = is_there(s, i);
    }
    return there;
}

static int renew_head(struct spool *s)
{
    int fd = spool_start_head(s->dir);
    if (fd == -1) {
        snprintf(s->fault, sizeof s->fault,
                 SPOOL_HEAD_NAME " was removed or replaced, and no new "
                                 "one can be made");
        return -1;
    }
    close(s->head_fd);
    s->head_fd = fd;
    if (spool_head_write(fd, &s->head) == -1 || spool_head_sync(fd) == -1) {
        log_errno("spool.head", "dir=%s", s->dir);
    }
    return 0;
}

/* The file system was read-only at the start and is not any more. */
static int melt_head(struct spool *s)
{
    char path[SPOOL_PATH_BYTES];
    int fd = spool_path(path, s->dir, SPOOL_HEAD_NAME) ? spool_head_melt(path, s->head_fd) : -1;
    if (fd == -1) {
        snprintf(s->fault, sizeof s->fault, SPOOL_HEAD_NAME " can be read only");
        return -1;
    }
    close(s->head_fd);
    s->head_fd = fd;
    return 0;
}

static int renew(struct spool *s)
{
    if (!is_there(s, 0) || !is_there(s, 1)) {
        if (spool_start_anew(s->dir, &s->file, s->fault) == -1) {
            return -1;
        }
        spool_keeper_reopen(s->keeper);
    }
    if (!is_there(s, 2) && renew_head(s) == -1) {
        return -1;
    }
    remember_files(s);
    return 0;
}

int spool_look(struct spool *s)
{
    static struct log_limit said;
    if (spool_is_there(s)) {
        return 0;
    }
    if (!s->gone) {
        log_error("spool.gone", "dir=%s reason=\"files were removed or replaced while in use\"",
                  s->dir);
    }
    s->gone = true;
    if (renew(s) == -1) {
        s->failing = true;
        s->write_errors++;
        if (log_allowed(&said, 1)) {
            log_error("spool.renew", "error=\"%s\" effect=\"batches are held in memory only\"",
                      s->fault);
        }
        return -1;
    }
    s->gone = s->failing = false;
    s->renewed++;
    log_warn("spool.renewed", "dir=%s rows=%" PRIu64 " effect=\"all that is held is in new files\"",
             s->dir, s->rows);
    return 0;
}

/* ---- opening and closing ---- */

struct spool *spool_open(const char *dir, struct spool_found *found)
{
    char path[SPOOL_PATH_BYTES];
    struct spool *s = calloc(1, sizeof *s);
    char *own_dir = strdup(dir);
    if (s == NULL || own_dir == NULL) {
        log_error("spool.memory", "error=\"out of memory\"");
        goto failed;
    }
    s->head_fd = -1;
    s->dir = own_dir;
    if (spool_start(dir, &s->file, &s->head_fd, found) == -1) {
        goto failed;
    }
    s->keeper = spool_path(path, dir, SPOOL_FILE_NAME) ? spool_keeper_new(path) : NULL;
    if (s->keeper == NULL) {
        spool_file_close(&s->file, true);
        close(s->head_fd);
        goto failed;
    }
    s->rows = found->content.rows;
    s->payload_bytes = found->content.payload_bytes;
    memcpy(s->head.instance, found->instance, sizeof s->head.instance);
    s->head.next = found->next;
    s->head.written = found->written;
    s->head.oldest = found->content.batches > 0 ? found->content.oldest : found->next;
    if (spool_head_write(s->head_fd, &s->head) == -1 || spool_head_sync(s->head_fd) == -1) {
        log_errno("spool.head", "dir=%s", dir);
    }
    s->waits_for_room = found->fault[0] != '\0';
    remember_files(s);
    s->unsynced = !s->waits_for_room;
    if (s->waits_for_room) {
        snprintf(s->fault, sizeof s->fault, "%s", found->fault);
        fail(s);
    }
    spool_sync(s);
    return s;
failed:
    free(own_dir);
    free(s);
    return NULL;
}

void spool_close(struct spool **s)
{
    if (*s == NULL) {
        return;
    }
    if (!(*s)->waits_for_room) {
        spool_keeper_sync((*s)->keeper);
    }
    spool_keeper_free(&(*s)->keeper);
    spool_file_close(&(*s)->file, (*s)->waits_for_room); /* else copies the log, synced */
    (*s)->head.closed = true;
    if (spool_head_write((*s)->head_fd, &(*s)->head) == -1) {
        log_errno("spool.head", "effect=\"sequences are skipped if the machine restarts\"");
    }
    close((*s)->head_fd);
    free((*s)->dir);
    free(*s);
    *s = NULL;
}

/* ---- transactions ---- */

static int end(struct spool *s, enum spool_result result)
{
    if (result == SPOOL_OK) {
        return 0;
    }
    s->rows_added = s->rows_removed = s->payload_added = 0;
    if (result == SPOOL_BUSY) {
        return 1;
    }
    snprintf(s->fault, sizeof s->fault, "%s%s", spool_file_fault(s->file),
             result == SPOOL_DAMAGED ? "; a restart recovers what can be read" : "");
    fail(s);
    /* A disk that is full may have room for the log once more when it begins anew. */
    spool_keeper_copy(s->keeper);
    return -1;
}

int spool_begin(struct spool *s)
{
    if (s->waits_for_room && spool_gain_room(s->dir, &s->file, s->fault) == -1) {
        fail(s);
        return -1;
    }
    if (s->waits_for_room) {
        s->waits_for_room = false;
        if (spool_head_is_frozen(s->head_fd) && melt_head(s) == -1) {
            s->waits_for_room = true;
            fail(s);
            return -1;
        }
        remember_files(s);
    }
    return s->gone ? -1 : end(s, spool_file_begin(s->file));
}

int spool_put(struct spool *s, const struct window_batch *batch)
{
    struct spool_row row = {.batch = *batch};
    memcpy(row.instance, s->head.instance, sizeof row.instance);
    s->rows_added++;
    s->payload_added += batch->frame.len + batch->accounts.len;
    return end(s, spool_file_put(s->file, &row));
}

int spool_mark(struct spool *s, uint64_t sequence, bool is_new)
{
    struct spool_row row = {.batch = {.sequence = sequence, .kind = BATCH_REJECTS}};
    memcpy(row.instance, s->head.instance, sizeof row.instance);
    s->rows_added += is_new ? 1 : 0;
    return end(s, spool_file_put(s->file, &row));
}

int spool_remove_below(struct spool *s, uint64_t sequence)
{
    return end(s, spool_file_remove_below(s->file, sequence, &s->rows_removed));
}

int spool_commit(struct spool *s, uint64_t oldest, uint64_t next)
{
    int rc = end(s, spool_file_commit(s->file));
    if (rc != 0) {
        return rc;
    }
    if (s->failing) {
        log_info("spool.written", "effect=\"batches are spooled again\"");
    }
    s->failing = false;
    s->head.written = next;
    s->commits++;
    s->rows += s->rows_added;
    s->rows -= s->rows_removed < s->rows ? s->rows_removed : s->rows;
    s->payload_bytes += s->payload_added;
    s->rows_added = s->rows_removed = s->payload_added = 0;
    s->unsynced = true;
    (void)spool_tell(s, oldest, next); /* the rows tell it, too */
    return 0;
}

int spool_tell(struct spool *s, uint64_t oldest, uint64_t next)
{
    static struct log_limit said;
    s->head.oldest = oldest;
    s->head.next = next;
    int rc = spool_head_write(s->head_fd, &s->head);
    if (rc == -1 && log_allowed(&said, 1)) {
        log_errno("spool.head", "next=%" PRIu64, next);
    }
    return rc;
}

int spool_begin_anew(struct spool *s, uint64_t oldest, uint64_t next)
{
    /* The head first: that nothing is in the files any more is no loss. */
    if (s->gone || spool_head_is_frozen(s->head_fd) || spool_tell(s, oldest, next) == -1) {
        return -1;
    }
    int rc = spool_start_empty(s->dir, &s->file, s->fault);
    if (rc == 1) {
        return -1;
    }
    log_warn("spool.emptied",
             "rows=%" PRIu64 " reason=\"it could not be written, and all in it is stored\"",
             s->rows);
    spool_keeper_reopen(s->keeper);
    s->rows = s->payload_bytes = 0;
    s->waits_for_room = rc == -1;
    remember_files(s);
    return rc;
}

void spool_release(struct spool *s, uint64_t bytes)
{
    s->payload_bytes -= bytes < s->payload_bytes ? bytes : s->payload_bytes;
}

/* ---- the rest ---- */

enum spool_result spool_read(struct spool *s, uint64_t sequence, struct window_batch *batch)
{
    static struct log_limit said;
    struct spool_row row;
    *batch = (struct window_batch){0};
    if (s->file == NULL) {
        return SPOOL_FAILED; /* the fault of writing stands */
    }
    enum spool_result result = spool_file_read(s->file, sequence, &row);
    *batch = row.batch;
    s->read_failing = result == SPOOL_DAMAGED || result == SPOOL_FAILED;
    if (s->read_failing) {
        snprintf(s->fault, sizeof s->fault, "%s", spool_file_fault(s->file));
        if (log_allowed(&said, 5)) {
            log_error("spool.read", "sequence=%" PRIu64 " error=\"%s\"", row.batch.sequence,
                      s->fault);
        }
    }
    return result;
}

void spool_read_end(struct spool *s)
{
    if (s->file != NULL) {
        spool_file_read_end(s->file);
    }
}

uint64_t spool_sync(struct spool *s)
{
    if (s->unsynced) {
        s->unsynced = false;
        s->sync = spool_file_log_bytes(s->file) >= LOG_BYTES ? spool_keeper_copy(s->keeper)
                                                             : spool_keeper_sync(s->keeper);
    }
    return s->sync;
}

bool spool_has_unsynced(const struct spool *s)
{
    return s->unsynced;
}

int spool_synced_fd(const struct spool *s)
{
    return spool_keeper_fd(s->keeper);
}

struct spool_synced spool_synced(struct spool *s)
{
    return spool_keeper_synced(s->keeper);
}

void spool_shrink(struct spool *s)
{
    spool_file_shrink(s->file);
}

uint64_t spool_bytes(const struct spool *s)
{
    return s->payload_bytes + s->rows * SPOOL_ROW_OVERHEAD;
}

struct spool_state spool_state(struct spool *s)
{
    struct spool_keeper_counts kept = spool_keeper_counts(s->keeper);
    return (struct spool_state){.rows = s->rows,
                                .payload_bytes = s->payload_bytes,
                                .commits = s->commits,
                                .syncs = kept.syncs,
                                .log_copies = kept.copies,
                                .write_errors = s->write_errors,
                                .sync_errors = kept.failures,
                                .longest_sync_us = kept.longest_sync_us,
                                .renewed = s->renewed,
                                .failing = s->failing,
                                .sync_failing = kept.failing,
                                .read_failing = s->read_failing,
                                .fault = s->fault};
}
