/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread shares nothing with the loop but what the mutex guards; SQLite's connection is its
 * own. The log is copied twice: first beside the commits that go on meanwhile (PASSIVE), which is
 * nearly all of the work, then what came since, with commits held off (RESTART): these see
 * SPOOL_BUSY for some milliseconds and try again. After that the log is written from its start.
 */
#include "ingestd/spool/spool_keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/spool/spool_file.h"

#define PATIENCE_MS 2000 /* for a commit that is under way */

struct spool_keeper {
    char *file;
    sqlite3 *db; /* the thread's; NULL: not open yet */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool sync, copy, reopen, quit; /* asked for */
    uint64_t asked;                /* how often */
    struct spool_synced done;
    bool broken; /* the thread's: a sync failed, and the log has not been copied as a whole since */
    int news;    /* eventfd */
    struct spool_keeper_counts counts;
};

static void close_file(struct spool_keeper *k)
{
    if (k->db != NULL) {
        sqlite3_db_config(k->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_close(k->db);
        k->db = NULL;
    }
}

static int open_file(struct spool_keeper *k)
{
    if (k->db != NULL) {
        return SQLITE_OK;
    }
    int rc = sqlite3_open_v2(k->file, &k->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(k->db, PATIENCE_MS);
        /* The first statement that reads opens the log. */
        rc = sqlite3_exec(k->db, "PRAGMA synchronous = NORMAL; SELECT count(*) FROM sqlite_master",
                          NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        sqlite3_close(k->db);
        k->db = NULL;
    }
    return rc;
}

/* Through SQLite's own descriptor: another one, closed, would drop SQLite's locks on the file. */
static int sync_log(struct spool_keeper *k)
{
    sqlite3_file *log = NULL;
    int rc = sqlite3_file_control(k->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc != SQLITE_OK || log == NULL || log->pMethods == NULL) {
        return SQLITE_ERROR;
    }
    return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* SQLITE_BUSY: not as a whole; it will be asked for again. */
static int copy_log(struct spool_keeper *k)
{
    if (!spool_file_has_room_for_log(k->db)) {
        return SQLITE_BUSY;
    }
    int rc = sqlite3_wal_checkpoint_v2(k->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_wal_checkpoint_v2(k->db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    }
    return rc;
}

/*
 * Requests up to this number. After a sync that failed, what follows in the log is as unsafe as
 * what could not be synced, also when the next sync succeeds: until all was copied out of it.
 */
static void work(struct spool_keeper *k, bool copy, uint64_t request)
{
    static struct log_limit said;
    static const uint64_t one = 1;
    int64_t began_us = daemon_clock_us();
    int rc = open_file(k);
    rc = rc == SQLITE_OK ? sync_log(k) : rc;
    int64_t took_us = daemon_clock_us() - began_us;
    k->broken = k->broken || rc != SQLITE_OK;
    bool safe = !k->broken;
    copy = copy || k->broken;
    if (rc == SQLITE_OK && copy) {
        rc = copy_log(k);
        copy = rc == SQLITE_OK;
        k->broken = k->broken && !copy;
        rc = rc == SQLITE_BUSY ? SQLITE_OK : rc;
    }
    if (rc != SQLITE_OK && log_allowed(&said, 2)) {
        log_error("spool.sync",
                  "error=\"%s\" effect=\"a power failure may lose what was received\"",
                  sqlite3_errstr(rc));
    }
    pthread_mutex_lock(&k->mutex);
    k->counts.syncs++;
    k->counts.copies += copy && rc == SQLITE_OK ? 1 : 0;
    k->counts.failing = rc != SQLITE_OK;
    k->counts.failures += rc != SQLITE_OK ? 1 : 0;
    if ((uint64_t)took_us > k->counts.longest_sync_us) {
        k->counts.longest_sync_us = (uint64_t)took_us;
    }
    *(safe ? &k->done.synced : &k->done.failed) = request;
    pthread_mutex_unlock(&k->mutex);
    if (write(k->news, &one, sizeof one) == -1) {
        log_errno("spool.news", "effect=\"those who wait for it are told with the next one\"");
    }
}

static void *keep(void *context)
{
    struct spool_keeper *k = context;
    pthread_mutex_lock(&k->mutex);
    for (;;) {
        while (!k->sync && !k->copy && !k->reopen && !k->quit) {
            pthread_cond_wait(&k->wake, &k->mutex);
        }
        if (!k->sync && !k->copy && !k->reopen) {
            break; /* all that was asked for is done */
        }
        bool sync = k->sync, copy = k->copy, reopen = k->reopen;
        uint64_t request = k->asked;
        k->sync = k->copy = k->reopen = false;
        pthread_mutex_unlock(&k->mutex);
        if (reopen) {
            close_file(k);
            k->broken = false; /* what could not be synced was copied into the new one */
        }
        if (sync || copy) {
            work(k, copy, request);
        }
        pthread_mutex_lock(&k->mutex);
    }
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct spool_keeper *k)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&k->thread, NULL, keep, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct spool_keeper *spool_keeper_new(const char *file)
{
    struct spool_keeper *k = calloc(1, sizeof *k);
    if (k == NULL) {
        log_error("spool.keeper", "error=\"out of memory\"");
        return NULL;
    }
    k->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->file = strdup(file);
    if (k->news != -1 && k->file != NULL) {
        pthread_mutex_init(&k->mutex, NULL);
        pthread_cond_init(&k->wake, NULL);
        if ((errno = start_thread(k)) == 0) {
            return k;
        }
        pthread_cond_destroy(&k->wake);
        pthread_mutex_destroy(&k->mutex);
    }
    log_errno("spool.keeper", "file=%s", file);
    if (k->news != -1) {
        close(k->news);
    }
    free(k->file);
    free(k);
    return NULL;
}

void spool_keeper_free(struct spool_keeper **k)
{
    if (*k == NULL) {
        return;
    }
    pthread_mutex_lock(&(*k)->mutex);
    (*k)->quit = true;
    pthread_cond_signal(&(*k)->wake);
    pthread_mutex_unlock(&(*k)->mutex);
    pthread_join((*k)->thread, NULL);
    pthread_cond_destroy(&(*k)->wake);
    pthread_mutex_destroy(&(*k)->mutex);
    close_file(*k);
    close((*k)->news);
    free((*k)->file);
    free(*k);
    *k = NULL;
}

static uint64_t ask(struct spool_keeper *k, bool copy)
{
    pthread_mutex_lock(&k->mutex);
    k->sync = true;
    k->copy = k->copy || copy;
    uint64_t request = ++k->asked;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->mutex);
    return request;
}

uint64_t spool_keeper_sync(struct spool_keeper *k)
{
    return ask(k, false);
}

uint64_t spool_keeper_copy(struct spool_keeper *k)
{
    return ask(k, true);
}

void spool_keeper_reopen(struct spool_keeper *k)
{
    pthread_mutex_lock(&k->mutex);
    k->reopen = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->mutex);
}

int spool_keeper_fd(const struct spool_keeper *k)
{
    return k->news;
}

struct spool_synced spool_keeper_synced(struct spool_keeper *k)
{
    uint64_t news;
    if (read(k->news, &news, sizeof news) == -1) {
        news = 0; /* there is none; what was told before still holds */
    }
    pthread_mutex_lock(&k->mutex);
    struct spool_synced done = k->done;
    pthread_mutex_unlock(&k->mutex);
    return done;
}

struct spool_keeper_counts spool_keeper_counts(struct spool_keeper *k)
{
    pthread_mutex_lock(&k->mutex);
    struct spool_keeper_counts counts = k->counts;
    pthread_mutex_unlock(&k->mutex);
    return counts;
}
