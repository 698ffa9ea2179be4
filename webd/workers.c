/* SPDX-License-Identifier: Apache-2.0 */
/* A queue there and one back; an eventfd says that something came back. */
#include "webd/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"

struct work_queue {
    struct work *first, **end;
};

struct workers {
    pthread_t thread[WORKERS_MOST];
    int threads;
    struct event *event;
    int fd;
    size_t open, most; /* works that were taken and not told: of the loop's thread only */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct work_queue waiting, over; /* under the lock, as is this: */
    bool stops;
};

static void put(struct work_queue *q, struct work *work)
{
    work->next = NULL;
    *q->end = work;
    q->end = &work->next;
}

static struct work *take(struct work_queue *q)
{
    struct work *work = q->first;
    if (work != NULL) {
        q->first = work->next;
        q->end = q->first == NULL ? &q->first : q->end;
    }
    return work;
}

static void *work_on(void *context)
{
    struct workers *w = context;
    uint64_t one = 1;
    pthread_mutex_lock(&w->lock);
    while (!w->stops) {
        struct work *work = take(&w->waiting);
        if (work == NULL) {
            pthread_cond_wait(&w->more, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        work->run(work);
        pthread_mutex_lock(&w->lock);
        put(&w->over, work);
        (void)!write(w->fd, &one, sizeof one);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void on_over(evutil_socket_t fd, short what, void *context)
{
    struct workers *w = context;
    struct work *work;
    uint64_t count;
    (void)what;
    (void)!read(fd, &count, sizeof count);
    do {
        pthread_mutex_lock(&w->lock);
        work = take(&w->over);
        pthread_mutex_unlock(&w->lock);
        if (work != NULL) {
            w->open--;
            work->done(work);
        }
    } while (work != NULL);
}

/* Signals are the loop's. */
static int start_threads(struct workers *w, int threads)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (rc == 0 && w->threads < threads) {
        rc = pthread_create(&w->thread[w->threads], NULL, work_on, w);
        w->threads += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : -1;
}

struct workers *workers_new(struct event_base *base, const char *name, int threads, size_t waiting)
{
    struct workers *w = calloc(1, sizeof *w);
    if (w == NULL) {
        log_error("workers.start", "of=%s error=\"out of memory\"", name);
        return NULL;
    }
    threads = threads < WORKERS_MOST ? threads : WORKERS_MOST;
    w->most = (size_t)threads + waiting;
    w->waiting.end = &w->waiting.first;
    w->over.end = &w->over.first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->event = w->fd == -1 ? NULL : event_new(base, w->fd, EV_READ | EV_PERSIST, on_over, w);
    if (w->event == NULL || event_add(w->event, NULL) == -1 || start_threads(w, threads) == -1) {
        log_errno("workers.start", "of=%s", name);
        workers_free(&w);
    }
    return w;
}

void workers_free(struct workers **workers)
{
    struct workers *w = *workers;
    struct work *work;
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stops = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->threads; i++) {
        pthread_join(w->thread[i], NULL);
    }
    while ((work = take(&w->waiting)) != NULL || (work = take(&w->over)) != NULL) {
        work->drop(work);
    }
    if (w->event != NULL) {
        event_free(w->event);
    }
    if (w->fd != -1) {
        close(w->fd);
    }
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *workers = NULL;
}

bool workers_have_room(const struct workers *w)
{
    return w->open < w->most;
}

size_t workers_open(const struct workers *w)
{
    return w->open;
}

int workers_begin(struct workers *w, struct work *work)
{
    if (!workers_have_room(w)) {
        return -1;
    }
    w->open++;
    pthread_mutex_lock(&w->lock);
    put(&w->waiting, work);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    return 0;
}
