/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads, a queue there and one back; an eventfd says that something came back. */
#include "webd/people/hashing.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/access/password.h"
#include "common/log.h"

struct hashing_job {
    struct hashing_job *next;
    char password[PASSWORD_BYTES], hash[PASSWORD_HASH_SIZE];
    size_t password_len, hash_len;
    void (*done)(void *context, int result);
    void *context;
    int result;
};

struct hashing_queue {
    struct hashing_job *first, **end;
};

struct hashing {
    pthread_t thread[HASHING_THREADS];
    int threads;
    struct event *event;
    int fd;
    size_t open; /* jobs that were taken and not told of: of the loop's thread only */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct hashing_queue waiting, over; /* under the lock, as is this: */
    bool stops;
};

static void put(struct hashing_queue *q, struct hashing_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct hashing_job *take(struct hashing_queue *q)
{
    struct hashing_job *job = q->first;
    if (job != NULL) {
        q->first = job->next;
        q->end = q->first == NULL ? &q->first : q->end;
    }
    return job;
}

static void forget(struct hashing_job *job)
{
    OPENSSL_cleanse(job, sizeof *job);
    free(job);
}

static void *work(void *context)
{
    struct hashing *h = context;
    uint64_t one = 1;
    pthread_mutex_lock(&h->lock);
    while (!h->stops) {
        struct hashing_job *job = take(&h->waiting);
        if (job == NULL) {
            pthread_cond_wait(&h->more, &h->lock);
            continue;
        }
        pthread_mutex_unlock(&h->lock);
        job->result = password_matches((struct slice){job->password, job->password_len},
                                       (struct slice){job->hash, job->hash_len});
        pthread_mutex_lock(&h->lock);
        put(&h->over, job);
        (void)!write(h->fd, &one, sizeof one);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void on_over(evutil_socket_t fd, short what, void *context)
{
    struct hashing *h = context;
    struct hashing_job *job;
    uint64_t count;
    (void)what;
    (void)!read(fd, &count, sizeof count);
    do {
        pthread_mutex_lock(&h->lock);
        job = take(&h->over);
        pthread_mutex_unlock(&h->lock);
        if (job != NULL) {
            h->open--;
            job->done(job->context, job->result);
            forget(job);
        }
    } while (job != NULL);
}

/* Signals are the loop's. */
static int start_threads(struct hashing *h)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (rc == 0 && h->threads < HASHING_THREADS) {
        rc = pthread_create(&h->thread[h->threads], NULL, work, h);
        h->threads += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : -1;
}

struct hashing *hashing_new(struct event_base *base)
{
    struct hashing *h = calloc(1, sizeof *h);
    if (h == NULL) {
        log_error("hashing.start", "error=\"out of memory\"");
        return NULL;
    }
    h->waiting.end = &h->waiting.first;
    h->over.end = &h->over.first;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->more, NULL);
    h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->event = h->fd == -1 ? NULL : event_new(base, h->fd, EV_READ | EV_PERSIST, on_over, h);
    if (h->event == NULL || event_add(h->event, NULL) == -1 || start_threads(h) == -1) {
        log_errno("hashing.start", "effect=\"nobody could log in\"");
        hashing_free(&h);
    }
    return h;
}

void hashing_free(struct hashing **hashing)
{
    struct hashing *h = *hashing;
    struct hashing_job *job;
    if (h == NULL) {
        return;
    }
    pthread_mutex_lock(&h->lock);
    h->stops = true;
    pthread_cond_broadcast(&h->more);
    pthread_mutex_unlock(&h->lock);
    for (int i = 0; i < h->threads; i++) {
        pthread_join(h->thread[i], NULL);
    }
    while ((job = take(&h->waiting)) != NULL || (job = take(&h->over)) != NULL) {
        forget(job);
    }
    if (h->event != NULL) {
        event_free(h->event);
    }
    if (h->fd != -1) {
        close(h->fd);
    }
    pthread_cond_destroy(&h->more);
    pthread_mutex_destroy(&h->lock);
    free(h);
    *hashing = NULL;
}

bool hashing_has_room(const struct hashing *h)
{
    return h->open < HASHING_THREADS + HASHING_WAITING;
}

int hashing_begin(struct hashing *h, struct slice password, struct slice hash,
                  void (*done)(void *context, int result), void *context)
{
    struct hashing_job *job =
        hashing_has_room(h) && password.len <= PASSWORD_BYTES && hash.len < PASSWORD_HASH_SIZE
            ? calloc(1, sizeof *job)
            : NULL;
    if (job == NULL) {
        return -1;
    }
    memcpy(job->password, password.len == 0 ? "" : password.at, password.len);
    memcpy(job->hash, hash.len == 0 ? "" : hash.at, hash.len);
    job->password_len = password.len;
    job->hash_len = hash.len;
    job->done = done;
    job->context = context;
    h->open++;
    pthread_mutex_lock(&h->lock);
    put(&h->waiting, job);
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
    return 0;
}
