/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once: a file is moved away after all of its results are on disk; where it cannot be, that
 * is remembered, and so is how far an ingestd came that was stopped. A kill before that has it read
 * again; what was taken from it then has the same identities, and stored counts it as duplicates.
 *
 * A file is complete when nothing has changed it for settle_s (by its ctime, which no copying
 * program can set), and nobody who created it since we watch still has it open.
 */
#include "ingestd/folder/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file_bytes.h"
#include "common/log.h"
#include "common/split.h"
#include "common/utf8.h"
#include "common/when_time.h"
#include "ingestd/folder/folder_memory.h"
#include "ingestd/folder/folder_move.h"
#include "ingestd/folder/folder_queue.h"

#define OPEN_MAX_KNOWN 1024 /* files being written that are remembered */
#define STALLED_S      600  /* one of them that nothing was written to for so long is taken */
#define LOOK_MS        5000
#define LOOK_SOON_MS   500 /* something is not complete yet */
#define NAME_BYTES     256

#define BODY_TEXT(number)    #number
#define BODY_TEXT_OF(number) BODY_TEXT(number)
#define BODY_BYTES_TEXT      BODY_TEXT_OF(LIMIT_BODY_BYTES)

struct folder {
    struct folder_settings settings;
    pthread_t thread;
    int wake; /* eventfd: stop */
    _Atomic bool stopping, over;
    _Atomic uint64_t done, failed, records, refused, stuck, left;
    _Atomic bool looking;
    pthread_mutex_t telling; /* of what the last look found */
    char told[FOLDER_TOLD_BYTES];
    /* The thread's own. */
    char memory_path[PATH_MAX];
    struct folder_places folders;
    int watch;
    char open[OPEN_MAX_KNOWN][NAME_BYTES];
    size_t open_count;
    struct folder_queue *queue;
    struct folder_memory *memory;
    bool reopen;      /* the folders, after this look */
    size_t left_seen; /* in this look */
    bool left_ours;   /* the one that is told of has a name that is taken */
    char left_name[NAME_BYTES], left_why[128], stuck_name[NAME_BYTES], stuck_why[128];
    struct file_bytes bytes;
};

/* ---- folders ---- */

static void close_fd(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}

static void close_folders(struct folder *d)
{
    close_fd(&d->watch);
    close_fd(&d->folders.folder);
    close_fd(&d->folders.done);
    close_fd(&d->folders.failed);
    d->looking = false;
}

static int open_within(struct folder *d, const char *name)
{
    if (mkdirat(d->folders.folder, name, 0750) == -1 && errno != EEXIST) {
        return -1;
    }
    return openat(d->folders.folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Until the next look is done, if there is one. */
static void tell(struct folder *d, const char *before, const char *text)
{
    pthread_mutex_lock(&d->telling);
    snprintf(d->told, sizeof d->told, "%s%s", before, text);
    pthread_mutex_unlock(&d->telling);
}

/* Watching begins before the first look, so that nothing falls between. */
static int open_folders(struct folder *d)
{
    static struct log_limit said;
    if (d->folders.folder != -1) {
        return 0;
    }
    d->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    d->folders.folder = open(d->settings.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool watched =
        d->watch != -1 && d->folders.folder != -1 &&
        inotify_add_watch(d->watch, d->settings.path,
                          IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                              IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) != -1;
    if (watched && (d->folders.done = open_within(d, "done")) != -1 &&
        (d->folders.failed = open_within(d, "failed")) != -1) {
        tell(d, "", "");
        d->looking = true;
        return 0;
    }
    int error = errno;
    tell(d, watched ? ": done/ and failed/ in it: " : ": ", strerror(error));
    errno = error;
    if (log_allowed(&said, 1)) {
        log_errno("drop.folder", "ingestd.drop_dir=%s effect=\"no files are taken\"",
                  d->settings.path);
    }
    close_folders(d);
    return -1;
}

/* ---- who is still being written ---- */

static size_t find_open(const struct folder *d, const char *name)
{
    size_t i = 0;
    while (i < d->open_count && strcmp(d->open[i], name) != 0) {
        i++;
    }
    return i;
}

static void note_event(struct folder *d, const struct inotify_event *e)
{
    size_t at = e->len > 0 ? find_open(d, e->name) : d->open_count;
    if ((e->mask & IN_CREATE) != 0 && at == d->open_count && at < OPEN_MAX_KNOWN && e->len > 0) {
        snprintf(d->open[d->open_count++], NAME_BYTES, "%s", e->name);
    } else if ((e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0 &&
               at < d->open_count) {
        memcpy(d->open[at], d->open[--d->open_count], NAME_BYTES);
    }
    if ((e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
        d->looking = false; /* the folder is another one now */
    }
    if ((e->mask & IN_Q_OVERFLOW) != 0) {
        d->open_count = 0;
    }
}

static void read_events(struct folder *d)
{
    _Alignas(struct inotify_event) char events[8192];
    ssize_t n;
    while ((n = read(d->watch, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *)(events + at);
            note_event(d, e);
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    if (!d->looking) {
        close_folders(d);
    }
}

/* ---- one file ---- */

static bool is_stopping(void *context)
{
    const struct folder *d = context;
    return d->stopping;
}

/* Whether the loop has ended: no more answers are given. */
static bool is_over(void *context)
{
    const struct folder *d = context;
    return d->over;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcasecmp(name + n - m, end) == 0;
}

static bool has_ending(const char *name, const char *ending)
{
    char zipped[16];
    snprintf(zipped, sizeof zipped, "%s.gz", ending);
    return ends_with(name, ending) || ends_with(name, zipped);
}

static bool has_lines(const char *name)
{
    return has_ending(name, ".jsonl") || has_ending(name, ".ndjson");
}

/* Files of a format may have any name. */
static bool is_ours(const struct folder *d, const char *name)
{
    return d->settings.format[0] != '\0' || has_ending(name, ".json") || has_lines(name);
}

/* rsync's temporary names begin with a dot. */
static bool is_looked_at(const struct folder *d, const char *name)
{
    for (size_t i = 0; i < d->settings.formats->count; i++) {
        if (strcmp(name, d->settings.formats->item[i]) == 0) {
            return false;
        }
    }
    return name[0] != '.' && strcmp(name, "done") != 0 && strcmp(name, "failed") != 0;
}

/* Names are bytes: what is no text becomes '?'. */
static void show_name(const char *name, char shown[NAME_BYTES])
{
    const char *end = name + strlen(name);
    size_t used = 0;
    while (name < end && used + 4 < NAME_BYTES) {
        size_t length = utf8_character(name, end);
        if (length == 0 || (unsigned char)*name < 0x20 || *name == 0x7f || *name == '"') {
            shown[used++] = '?';
            name++;
        } else {
            memcpy(shown + used, name, length);
            used += length;
            name += length;
        }
    }
    shown[used] = '\0';
}

static void name_owner(uid_t uid, char *text, size_t size)
{
    char room[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found != NULL) {
        snprintf(text, size, "%.200s", found->pw_name);
    } else {
        snprintf(text, size, "%u", (unsigned)uid);
    }
}

/* The next bytes of the file; none: it is over, or the rest cannot be had, which is noted. */
static struct slice read_bytes(struct folder *d)
{
    struct slice bytes = {NULL, 0};
    const char *why;
    if (file_bytes_next(&d->bytes, &bytes, &why) == -1) {
        folder_queue_refuse_rest(d->queue, why);
        bytes.len = 0;
    }
    return bytes;
}

/* What was found in the file. 0; -1: stopping. */
static int take_item(struct folder *d, enum split_event event, const struct split_item *item)
{
    if (event == SPLIT_ITEM) {
        return folder_queue_add(d->queue, item);
    }
    folder_queue_refuse_passed(d->queue, item);
    return 0;
}

/* Sends all that is in it. 0, also when it is at fault, which is noted; -1: stopping. */
static int read_all(struct folder *d, bool lines)
{
    struct split *split = split_new(lines, LIMIT_BODY_BYTES);
    enum split_event event = SPLIT_MORE;
    struct split_item item;
    bool found = false, nuls = false, last = false;
    int rc = split == NULL ? -1 : 0;
    while (rc == 0 && event == SPLIT_MORE && !last) {
        struct slice bytes = read_bytes(d);
        last = bytes.len == 0;
        nuls = nuls || (!last && memchr(bytes.at, '\0', bytes.len) != NULL);
        while (rc == 0 && ((event = split_next(split, &bytes, last, &item)) == SPLIT_ITEM ||
                           event == SPLIT_FAULT)) {
            found = true;
            rc = take_item(d, event, &item);
        }
    }
    split_free(&split);
    if (rc == 0 && nuls && !found) { /* as a crash leaves a file */
        folder_queue_refuse_rest(d->queue, "expected results, found nothing but U+0000");
    }
    return event == SPLIT_NO_MEMORY ? -1 : rc;
}

/*
 * The same of a file in a format: what stands in it may be meant only together with what stood
 * before, so that it is one document here.
 */
static int read_whole(struct folder *d)
{
    size_t size = LIMIT_BODY_BYTES + 1, len = 0;
    char *at = malloc(size);
    int rc = at == NULL ? -1 : 0;
    struct slice bytes = {NULL, 0};
    while (rc == 0 && len < size && (bytes = read_bytes(d)).len > 0) {
        size_t n = bytes.len < size - len ? bytes.len : size - len;
        memcpy(at + len, bytes.at, n);
        len += n;
    }
    if (rc == 0 && len == size) {
        folder_queue_refuse_rest(
            d->queue,
            "expected a file of at most ingestd.body_bytes, and never more than " BODY_BYTES_TEXT
            " bytes");
    } else if (rc == 0) {
        const struct split_item item = {.bytes = {at, len}, .line = 1, .number = 1};
        rc = folder_queue_add(d->queue, &item);
    }
    free(at);
    return rc;
}

/* ---- what is told of those that stay ---- */

/* Told of is the first one; rather one that would be taken by its name. */
static void note_left(struct folder *d, const char *name, const char *why)
{
    bool ours = is_ours(d, name);
    if (d->left_seen++ == 0 || (ours && !d->left_ours)) {
        d->left_ours = ours;
        show_name(name, d->left_name);
        snprintf(d->left_why, sizeof d->left_why, "%s", why);
    }
}

/* Once for each time it is so: the next look tells it again only when others were first. */
static void tell_left(struct folder *d)
{
    char text[sizeof d->told];
    size_t stuck = folder_memory_finished(d->memory);
    int n = 0;
    text[0] = '\0';
    if (stuck > 0) {
        n = snprintf(text, sizeof text, "; %zu taken but not moved away, such as \"%s\": %s", stuck,
                     d->stuck_name, d->stuck_why);
    }
    if (d->left_seen > 0 && n >= 0 && (size_t)n < sizeof text) {
        snprintf(text + n, sizeof text - (size_t)n, "; %zu left alone, such as \"%s\": %s",
                 d->left_seen, d->left_name, d->left_why);
    }
    pthread_mutex_lock(&d->telling);
    bool new = strcmp(text, d->told) != 0;
    memcpy(d->told, text, sizeof text);
    pthread_mutex_unlock(&d->telling);
    d->stuck = stuck;
    d->left = d->left_seen;
    if (new &&text[0] != '\0') {
        log_warn("drop.stays", "ingestd.drop_dir=%s found='%s'", d->settings.path, text + 2);
    }
}

/* ---- one file, taken ---- */

/* All of it is on disk. It is moved away, or remembered; what was remembered until now, which p may
 * be, is gone then. */
static void finish_file(struct folder *d, int fd, const char *name, const struct stat *was,
                        const struct folder_progress *p)
{
    bool good = p->tally.refused == 0;
    enum moved moved = folder_move(&d->folders, fd, name, was, &p->tally);
    if (moved == MOVE_CHANGED) {
        folder_memory_forget(d->memory, was); /* it is another one now */
    } else if (moved == MOVED) {
        char shown[NAME_BYTES];
        show_name(name, shown);
        *(good ? &d->done : &d->failed) += 1;
        log_info(good ? "drop.done" : "drop.failed",
                 "file=\"%s\" kept=%" PRIu64 " records=%" PRIu64 " refused=%" PRIu64, shown,
                 p->tally.kept, p->tally.records, p->tally.refused);
        folder_memory_forget(d->memory, was);
    } else {
        d->reopen = errno == ENOENT; /* done/ or failed/ was removed */
        show_name(name, d->stuck_name);
        snprintf(d->stuck_why, sizeof d->stuck_why, "%s", strerror(errno));
        folder_memory_keep(d->memory, was, true, p);
    }
}

/* What came of it since it was last begun. */
static void count_file(struct folder *d, const struct folder_tally *before,
                       const struct folder_tally *t)
{
    d->records += t->records - (before == NULL ? 0 : before->records);
    d->refused += t->refused - (before == NULL ? 0 : before->refused);
}

/* Reads it and has it taken. 0; -1: stopping, and how far it is is remembered. */
static int take_documents(struct folder *d, const char *name, const struct stat *was,
                          const struct folder_remembered *known)
{
    char shown[NAME_BYTES], owner[240], changed[WHEN_TEXT];
    const struct folder_tally before =
        known == NULL ? (struct folder_tally){0} : known->progress.tally;
    show_name(name, shown);
    name_owner(was->st_uid, owner, sizeof owner);
    when_time_text((int64_t)was->st_mtim.tv_sec * 1000000 + was->st_mtim.tv_nsec / 1000, changed);
    const struct folder_file file = {owner, shown, d->settings.format, changed};
    folder_queue_begin(d->queue, &file, known == NULL ? NULL : &known->progress);
    int rc = d->settings.format[0] == '\0' ? read_all(d, has_lines(name)) : read_whole(d);
    if (rc == 0) {
        rc = folder_queue_end(d->queue);
    }
    if (rc == -1) {
        folder_queue_settle(d->queue, is_over);
    }
    const struct folder_progress *p = folder_queue_progress(d->queue);
    count_file(d, &before, &p->tally);
    if (rc == -1 && (p->open > 1 || p->beyond_count > 0 || p->faults > 0)) {
        folder_memory_keep(d->memory, was, false, p);
    }
    return rc;
}

/* 0; -1: stopping, or in trouble. */
static int take_open_file(struct folder *d, int fd, const char *name, const struct stat *was)
{
    const struct folder_remembered *known = folder_memory_find(d->memory, was);
    if (known != NULL && known->finished) {
        finish_file(d, fd, name, was, &known->progress);
        return 0;
    }
    if (known == NULL && folder_memory_is_full(d->memory)) {
        note_left(d, name, "too many that are taken cannot be moved away");
        return 0;
    }
    file_bytes_begin(&d->bytes, fd);
    int rc = take_documents(d, name, was, known);
    file_bytes_end(&d->bytes);
    if (rc == 0) {
        finish_file(d, fd, name, was, folder_queue_progress(d->queue));
    }
    return rc;
}

/* Whether nothing has changed it for as long as that must be. */
static bool is_complete(const struct folder *d, const char *name, const struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t quiet_s = now.tv_sec - st->st_ctim.tv_sec;
    int64_t least_s = find_open(d, name) < d->open_count ? STALLED_S : d->settings.settle_s;
    return quiet_s > least_s || (quiet_s == least_s && now.tv_nsec >= st->st_ctim.tv_nsec);
}

/* Why an entry of the folder is no file to be taken; NULL: it is. */
static const char *why_not(const struct folder *d, const char *name, const struct stat *st)
{
    return !S_ISREG(st->st_mode) ? "expected a regular file"
           : !is_ours(d, name) ? "expected a name that ends in .json, .jsonl or .ndjson, or these "
                                 "and .gz"
                               : NULL;
}

/* 1 when it is to be looked at again soon; -1: stopping, or in trouble. */
static int take_file(struct folder *d, const char *name)
{
    struct stat st;
    int rc = 0;
    if (fstatat(d->folders.folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return 0; /* gone */
    }
    const char *why = why_not(d, name, &st);
    if (S_ISREG(st.st_mode) && !is_complete(d, name, &st)) {
        folder_memory_find(d->memory, &st); /* it is there still */
        return why == NULL ? 1 : 0;
    }
    if (why != NULL) {
        note_left(d, name, why);
        return 0;
    }
    /* Not to wait should it have become a fifo just now. */
    int fd = openat(d->folders.folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1) {
        note_left(d, name, strerror(errno));
    } else if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        rc = take_open_file(d, fd, name, &st);
    }
    close_fd(&fd);
    return rc;
}

/* ---- the thread ---- */

/* Goes through the folder once: when to look again, in milliseconds. */
static int look(struct folder *d)
{
    int copy = openat(d->folders.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy == -1 ? NULL : fdopendir(copy);
    int wait_ms = LOOK_MS;
    if (dir == NULL) {
        close_fd(&copy);
        return wait_ms;
    }
    const struct dirent *e;
    int rc = 0;
    d->left_seen = 0;
    d->left_ours = false;
    while (rc != -1 && !d->stopping && (e = readdir(dir)) != NULL) {
        rc = is_looked_at(d, e->d_name) ? take_file(d, e->d_name) : 0;
        wait_ms = rc == 1 ? LOOK_SOON_MS : wait_ms;
    }
    closedir(dir);
    if (rc == -1 || d->stopping) {
        return LOOK_MS;
    }
    folder_memory_forget_unseen(d->memory);
    tell_left(d);
    if (d->reopen) {
        d->reopen = false;
        close_folders(d);
    }
    return wait_ms;
}

static void *run(void *context)
{
    struct folder *d = context;
    d->queue = folder_queue_new(is_stopping, d);
    d->memory = folder_memory_open(d->memory_path);
    while (d->queue != NULL && d->memory != NULL && !d->stopping) {
        int wait_ms = LOOK_MS;
        if (open_folders(d) == 0) {
            read_events(d);
            wait_ms = d->folders.folder == -1 ? 0 : look(d);
        }
        struct pollfd fds[] = {{.fd = d->wake, .events = POLLIN},
                               {.fd = d->watch, .events = POLLIN}};
        poll(fds, 2, wait_ms);
    }
    folder_queue_free(&d->queue);
    folder_memory_free(&d->memory);
    close_folders(d);
    return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct folder *d)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct folder *folder_start(const struct folder_settings *s)
{
    struct folder *d = calloc(1, sizeof *d);
    if (d != NULL) {
        snprintf(d->memory_path, sizeof d->memory_path, "%s/drop.%s%staken", s->memory_dir,
                 s->format, s->format[0] == '\0' ? "" : ".");
        pthread_mutex_init(&d->telling, NULL);
        d->settings = *s;
        d->folders = (struct folder_places){-1, -1, -1};
        d->watch = -1;
        d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (d->wake != -1 && start_thread(d) == 0) {
            return d;
        }
        close_fd(&d->wake);
    }
    free(d);
    log_error("drop.start", "error=\"out of memory\"");
    return NULL;
}

void folder_stop(struct folder *d)
{
    static const uint64_t one = 1;
    if (d != NULL) {
        d->stopping = true;
        if (write(d->wake, &one, sizeof one) == -1) {
            log_errno("drop.stop", "effect=\"the thread sees it some seconds later\"");
        }
    }
}

void folder_free(struct folder **d)
{
    if (*d != NULL) {
        (*d)->over = true;
        folder_stop(*d);
        pthread_join((*d)->thread, NULL);
        pthread_mutex_destroy(&(*d)->telling);
        close_fd(&(*d)->wake);
        free(*d);
        *d = NULL;
    }
}

struct folder_counts folder_counts(struct folder *d, char told[FOLDER_TOLD_BYTES])
{
    pthread_mutex_lock(&d->telling);
    memcpy(told, d->told, FOLDER_TOLD_BYTES);
    pthread_mutex_unlock(&d->telling);
    return (struct folder_counts){.done = d->done,
                                  .failed = d->failed,
                                  .records = d->records,
                                  .refused = d->refused,
                                  .stuck = d->stuck,
                                  .left = d->left,
                                  .looking = d->looking};
}
