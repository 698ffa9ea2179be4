/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of what is asked for, and a thread that writes all of it in one transaction, while the
 * next gathers. The thread shares nothing with the loop but what the mutex guards; SQLite's
 * connection is its own once it runs. What could not be committed stays first in the queue, and is
 * tried again with whatever comes, and each second.
 */
#include "ingest-gw/remote/remote_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingest-gw/remote/journal_file.h"

#define PATH_BYTES 4096

enum journal_work { JOURNAL_WORK_PUT, JOURNAL_WORK_MARK, JOURNAL_WORK_REMOVE, JOURNAL_WORK_FORGET };

struct journal_task {
    struct journal_task *next;
    enum journal_work work;
    struct journal_request request; /* PUT; REMOVE: its row. Texts stand behind this struct */
    uint8_t key[ASSEMBLY_KEY_BYTES];
    int64_t time_us; /* MARK, FORGET */
    size_t bytes;    /* behind this struct */
};

struct remote_journal {
    struct journal_file *file; /* the thread's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct journal_task *first, **end; /* asked for */
    uint64_t asked;                    /* tasks, ever */
    struct journal_synced done;
    struct journal_counts counts;
    bool quit;
    int news; /* eventfd */
    uint64_t last_row;
};

/* ---- the thread ---- */

static int write_task(struct journal_file *f, const struct journal_task *t)
{
    switch (t->work) {
    case JOURNAL_WORK_PUT:
        return journal_file_put(f, &t->request);
    case JOURNAL_WORK_MARK:
        return journal_file_mark(f, t->key, t->request.body, t->time_us);
    case JOURNAL_WORK_REMOVE:
        return journal_file_remove(f, t->request.row);
    case JOURNAL_WORK_FORGET:
        break;
    }
    return journal_file_forget(f, t->time_us);
}

static int write_all(struct journal_file *f, const struct journal_task *tasks)
{
    int rc = journal_file_begin(f);
    for (const struct journal_task *t = tasks; t != NULL && rc == 0; t = t->next) {
        rc = write_task(f, t);
    }
    rc = rc == 0 ? journal_file_commit(f) : rc;
    if (rc == -1) {
        journal_file_roll_back(f);
    }
    return rc;
}

static size_t let_go(struct journal_task *tasks)
{
    size_t bytes = 0;
    while (tasks != NULL) {
        struct journal_task *next = tasks->next;
        bytes += sizeof *tasks + tasks->bytes;
        free(tasks);
        tasks = next;
    }
    return bytes;
}

/* Puts what could not be committed before what came meanwhile. */
static void put_back(struct remote_journal *j, struct journal_task *tasks)
{
    struct journal_task **end = &tasks;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = j->first;
    j->end = j->first == NULL ? end : j->end;
    j->first = tasks;
}

/* All tasks up to this number. The mutex is held before and after, not meanwhile. */
static void work(struct remote_journal *j, uint64_t number)
{
    static struct log_limit said;
    static const uint64_t one = 1;
    struct journal_task *tasks = j->first;
    j->first = NULL;
    j->end = &j->first;
    pthread_mutex_unlock(&j->mutex);
    int rc = write_all(j->file, tasks);
    if (rc == -1 && log_allowed(&said, 2)) {
        log_error("remote.journal", "error=\"%s\" effect=\"remote write is answered with 503\"",
                  journal_file_fault(j->file));
    }
    size_t bytes = rc == 0 ? let_go(tasks) : 0;
    pthread_mutex_lock(&j->mutex);
    j->counts.commits += rc == 0 ? 1 : 0;
    j->counts.failures += rc == 0 ? 0 : 1;
    j->counts.failing = rc != 0;
    j->counts.waiting_bytes -= bytes;
    *(rc == 0 ? &j->done.synced : &j->done.failed) = number;
    if (rc == -1) {
        put_back(j, tasks);
    }
    if (write(j->news, &one, sizeof one) == -1) {
        log_errno("remote.journal", "effect=\"who waits for it is told with the next one\"");
    }
}

/* For a new task, or after a failure for a second. */
static void wait_for_work(struct remote_journal *j, uint64_t number)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    int rc = 0;
    while (!j->quit && rc == 0 && (j->first == NULL || (j->counts.failing && j->asked == number))) {
        rc = j->first == NULL ? pthread_cond_wait(&j->wake, &j->mutex)
                              : pthread_cond_timedwait(&j->wake, &j->mutex, &until);
    }
}

static void *keep(void *context)
{
    struct remote_journal *j = context;
    uint64_t number = 0;
    pthread_mutex_lock(&j->mutex);
    for (;;) {
        wait_for_work(j, number);
        bool quit = j->quit;
        if (j->first != NULL) {
            number = j->asked;
            work(j, number);
        }
        if (quit && (j->first == NULL || j->counts.failing)) {
            break;
        }
    }
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

/* Signals are for the loop; the clock of its waits never steps. */
static int start_thread(struct remote_journal *j)
{
    sigset_t all, before;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&j->thread, NULL, keep, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* ---- opening and closing ---- */

/* A file and its log under another name. -1 after an error was logged. */
static int move_aside(const char *path, const char *fault)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char from[PATH_BYTES + 8], to[PATH_BYTES + 64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s%s", path, ends[i]);
        snprintf(to, sizeof to, "%s.damaged-%" PRId64 "%s", path, daemon_now_us() / 1000000,
                 ends[i]);
        if (rename(from, to) == -1 && (i == 0 || errno != ENOENT)) {
            log_errno("remote.journal", "file=%s", from);
            return -1;
        }
    }
    log_error("remote.journal",
              "file=%s error=\"%s\" effect=\"moved aside: what was answered and not delivered may "
              "be lost\"",
              path, fault);
    return 0;
}

static struct journal_file *open_file(const char *folder)
{
    char path[PATH_BYTES], fault[JOURNAL_FAULT_BYTES];
    bool damaged;
    if (snprintf(path, sizeof path, "%s/remote.sqlite", folder) >= (int)sizeof path) {
        log_error("remote.journal", "error=\"the folder's name is too long\"");
        return NULL;
    }
    struct journal_file *f = journal_file_open(path, &damaged, fault);
    if (f == NULL && damaged && move_aside(path, fault) == 0) {
        f = journal_file_open(path, &damaged, fault);
    }
    if (f == NULL) {
        log_error("remote.journal", "file=%s error=\"%s\"", path, fault);
    }
    return f;
}

static int read_all(struct remote_journal *j, const struct journal_reader *reader)
{
    bool ended;
    if (journal_file_read(j->file, reader, &ended, &j->last_row) == -1) {
        log_error("remote.journal", "error=\"%s\"",
                  ended ? "out of memory" : journal_file_fault(j->file));
        return -1;
    }
    return 0;
}

struct remote_journal *remote_journal_open(const char *folder, const struct journal_reader *reader)
{
    struct remote_journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        log_error("remote.journal", "error=\"out of memory\"");
        return NULL;
    }
    j->end = &j->first;
    j->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    j->file = j->news == -1 ? NULL : open_file(folder);
    if (j->file != NULL && read_all(j, reader) == 0) {
        if ((errno = start_thread(j)) == 0) {
            return j;
        }
        log_errno("remote.journal", "error=\"no thread\"");
    }
    journal_file_close(&j->file);
    if (j->news != -1) {
        close(j->news);
    }
    free(j);
    return NULL;
}

void remote_journal_close(struct remote_journal **j)
{
    if (*j == NULL) {
        return;
    }
    pthread_mutex_lock(&(*j)->mutex);
    (*j)->quit = true;
    pthread_cond_signal(&(*j)->wake);
    pthread_mutex_unlock(&(*j)->mutex);
    pthread_join((*j)->thread, NULL);
    pthread_cond_destroy(&(*j)->wake);
    pthread_mutex_destroy(&(*j)->mutex);
    let_go((*j)->first);
    journal_file_close(&(*j)->file);
    close((*j)->news);
    free(*j);
    *j = NULL;
}

/* ---- what is asked for ---- */

static struct journal_task *make_task(enum journal_work work, size_t bytes)
{
    struct journal_task *t = malloc(sizeof *t + bytes);
    if (t != NULL) {
        *t = (struct journal_task){.work = work, .bytes = bytes};
    }
    return t;
}

static int ask(struct remote_journal *j, struct journal_task *t)
{
    if (t == NULL) {
        return -1;
    }
    pthread_mutex_lock(&j->mutex);
    *j->end = t;
    j->end = &t->next;
    j->asked++;
    j->counts.waiting_bytes += sizeof *t + t->bytes;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->mutex);
    return 0;
}

uint64_t remote_journal_next_row(struct remote_journal *j)
{
    return ++j->last_row;
}

/* A copy behind the task. */
static struct slice copy(char **to, struct slice text)
{
    struct slice kept = {*to, text.len};
    memcpy(*to, text.at, text.len);
    *to += text.len;
    return kept;
}

int remote_journal_put(struct remote_journal *j, const struct journal_request *r)
{
    struct journal_task *t = make_task(JOURNAL_WORK_PUT, r->format.len + r->door.len + r->body.len);
    if (t != NULL) {
        char *room = (char *)(t + 1);
        t->request = *r;
        t->request.format = copy(&room, r->format);
        t->request.door = copy(&room, r->door);
        t->request.body = copy(&room, r->body);
    }
    return ask(j, t);
}

int remote_journal_mark(struct remote_journal *j, const struct assembly_group *g, int64_t done_us)
{
    struct slice marks = {(const char *)g->marks, g->count * sizeof *g->marks};
    struct journal_task *t = make_task(JOURNAL_WORK_MARK, marks.len);
    if (t != NULL) {
        char *room = (char *)(t + 1);
        memcpy(t->key, g->key, sizeof t->key);
        t->time_us = done_us;
        t->request.body = copy(&room, marks);
    }
    return ask(j, t);
}

int remote_journal_remove(struct remote_journal *j, uint64_t row)
{
    struct journal_task *t = make_task(JOURNAL_WORK_REMOVE, 0);
    if (t != NULL) {
        t->request.row = row;
    }
    return ask(j, t);
}

int remote_journal_forget(struct remote_journal *j, int64_t before_us)
{
    struct journal_task *t = make_task(JOURNAL_WORK_FORGET, 0);
    if (t != NULL) {
        t->time_us = before_us;
    }
    return ask(j, t);
}

/* ---- what is done ---- */

uint64_t remote_journal_ticket(const struct remote_journal *j)
{
    return j->asked; /* only this thread changes it */
}

int remote_journal_fd(const struct remote_journal *j)
{
    return j->news;
}

struct journal_synced remote_journal_synced(struct remote_journal *j)
{
    uint64_t news;
    if (read(j->news, &news, sizeof news) == -1) {
        news = 0; /* there is none; what was told before still holds */
    }
    pthread_mutex_lock(&j->mutex);
    struct journal_synced done = j->done;
    pthread_mutex_unlock(&j->mutex);
    return done;
}

struct journal_counts remote_journal_counts(struct remote_journal *j)
{
    pthread_mutex_lock(&j->mutex);
    struct journal_counts counts = j->counts;
    pthread_mutex_unlock(&j->mutex);
    return counts;
}
