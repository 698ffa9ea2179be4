/*
 * Exactly once: a file is moved away after all of its results are on disk. A kill before that has
 * it read again, whole; what was taken from it then has the same identities, and stored counts it
 * as duplicates.
 *
 * A file is complete when nothing has changed it for settle_s (by its ctime, which no copying
 * program can set), and nobody who created it since we watch still has it open.
 */
#include "ingestd/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include <zlib.h>

#include "common/log.h"
#include "common/split.h"
#include "common/utf8.h"
#include "ingestd/drop_queue.h"

#define OPEN_MAX_KNOWN 1024 /* files being written that are remembered */
#define STALLED_S      600  /* one of them that nothing was written to for so long is taken */
#define LOOK_MS        5000
#define LOOK_SOON_MS   500 /* something is not complete yet */
#define READ_BYTES     ((size_t)64 * 1024)
#define SAME_NAMES     1000 /* in done/ or failed/ */
#define NAME_BYTES     256

struct drop {
    const char *path;
    int64_t settle_s;
    pthread_t thread;
    int wake; /* eventfd: stop */
    _Atomic bool stopping;
    _Atomic uint64_t done, failed, records, refused;
    _Atomic bool looking;
    /* The thread's own. */
    int folder, done_folder, failed_folder, watch;
    char open[OPEN_MAX_KNOWN][NAME_BYTES];
    size_t open_count;
    struct drop_queue *queue;
    char buffer[READ_BYTES];
};

/* ---- folders ---- */

static void close_fd(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}

static void close_folders(struct drop *d)
{
    close_fd(&d->watch);
    close_fd(&d->folder);
    close_fd(&d->done_folder);
    close_fd(&d->failed_folder);
    d->looking = false;
}

static int open_within(struct drop *d, const char *name)
{
    if (mkdirat(d->folder, name, 0750) == -1 && errno != EEXIST) {
        return -1;
    }
    return openat(d->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Watching begins before the first look, so that nothing falls between. */
static int open_folders(struct drop *d)
{
    static struct log_limit said;
    if (d->folder != -1) {
        return 0;
    }
    d->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    d->folder = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->watch != -1 && d->folder != -1 &&
        inotify_add_watch(d->watch, d->path,
                          IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                              IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) != -1 &&
        (d->done_folder = open_within(d, "done")) != -1 &&
        (d->failed_folder = open_within(d, "failed")) != -1) {
        d->looking = true;
        return 0;
    }
    if (log_allowed(&said, 1)) {
        log_errno("drop.folder", "ingestd.drop_dir=%s effect=\"no files are taken\"", d->path);
    }
    close_folders(d);
    return -1;
}

/* ---- who is still being written ---- */

static size_t find_open(const struct drop *d, const char *name)
{
    size_t i = 0;
    while (i < d->open_count && strcmp(d->open[i], name) != 0) {
        i++;
    }
    return i;
}

static void note_event(struct drop *d, const struct inotify_event *e)
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

static void read_events(struct drop *d)
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
    const struct drop *d = context;
    return d->stopping;
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

/* rsync's temporary names begin with a dot. */
static bool is_ours(const char *name)
{
    return name[0] != '.' && (has_ending(name, ".json") || has_lines(name));
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

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The next bytes of the file: 0; -1 when they cannot be had, which is noted. */
static int read_bytes(struct drop *d, gzFile file, struct slice *bytes)
{
    int n = gzread(file, d->buffer, READ_BYTES), error = Z_OK;
    const char *why = gzerror(file, &error);
    if (n < 0 || (n == 0 && error != Z_OK && error != Z_STREAM_END)) {
        drop_queue_refuse_rest(d->queue, error == Z_BUF_ERROR ? "the gzip ends too early" : why);
        return -1;
    }
    *bytes = (struct slice){d->buffer, (size_t)n};
    return 0;
}

/* Sends all that is in it. 0, also when it is at fault, which is noted; -1: stopping. */
static int read_all(struct drop *d, gzFile file, bool lines)
{
    struct split *split = split_new(lines, LIMIT_BODY_BYTES);
    enum split_event event = SPLIT_MORE;
    struct split_item item;
    struct slice bytes;
    bool readable = true;
    int rc = split == NULL ? -1 : 0;
    while (rc == 0 && event == SPLIT_MORE) {
        readable = readable && read_bytes(d, file, &bytes) == 0;
        bytes.len = readable ? bytes.len : 0;
        bool last = bytes.len == 0;
        while (rc == 0 && ((event = split_next(split, &bytes, last, &item)) == SPLIT_ITEM ||
                           event == SPLIT_FAULT)) {
            if (event == SPLIT_ITEM) {
                rc = drop_queue_add(d->queue, &item);
            } else {
                drop_queue_refuse_passed(d->queue, &item);
            }
        }
    }
    split_free(&split);
    return event == SPLIT_NO_MEMORY ? -1 : rc;
}

/* ---- moving it away ---- */

/* To this folder under its name, or with a number behind it. The name it got in `to`. */
static int move_to(struct drop *d, int folder, const char *name, const struct stat *was,
                   char to[NAME_BYTES + 16])
{
    struct stat st;
    for (int i = 1; i <= SAME_NAMES; i++) {
        snprintf(to, NAME_BYTES + 16, i == 1 ? "%s" : "%s.%d", name, i);
        if (renameat2(d->folder, name, folder, to, RENAME_NOREPLACE) == 0) {
            if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0 && !is_same(&st, was)) {
                /* Another one came under this name just now. */
                return renameat2(folder, to, d->folder, name, RENAME_NOREPLACE) == 0 ? 1 : -1;
            }
            return 0;
        }
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

static void write_reason(struct drop *d, const char *name, const struct drop_tally *t)
{
    char file[NAME_BYTES + 32];
    snprintf(file, sizeof file, "%s.reason", name);
    int fd =
        openat(d->failed_folder, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd == -1 || dprintf(fd,
                            "%" PRIu64 " kept (%" PRIu64 " records), %" PRIu64 " refused, %" PRIu64
                            " bytes passed over\n%s",
                            t->kept, t->records, t->refused, t->passed, t->reasons) < 0) {
        log_errno("drop.reason", "file=\"failed/%s\"", file);
    }
    close_fd(&fd);
}

/* 0; 1 when it changed meanwhile and stays; -1 when it cannot be moved. */
static int move_away(struct drop *d, int fd, const char *name, const struct stat *was,
                     const struct drop_tally *t)
{
    char shown[NAME_BYTES], to[NAME_BYTES + 16];
    struct stat st;
    bool good = t->refused == 0;
    show_name(name, shown);
    if (fstat(fd, &st) == -1 || !is_same(&st, was)) {
        return 1;
    }
    int rc = move_to(d, good ? d->done_folder : d->failed_folder, name, was, to);
    if (rc != 0) {
        return rc;
    }
    if (!good) {
        write_reason(d, to, t);
    }
    *(good ? &d->done : &d->failed) += 1;
    log_info(good ? "drop.done" : "drop.failed",
             "file=\"%s\" results=%" PRIu64 " records=%" PRIu64 " refused=%" PRIu64, shown, t->kept,
             t->records, t->refused);
    return 0;
}

/* 0; -1: stopping, or it cannot be moved, which would have it read for ever. */
static int take_open_file(struct drop *d, int fd, const char *name, const struct stat *was)
{
    static struct log_limit said;
    char shown[NAME_BYTES], owner[240];
    struct drop_tally tally;
    int copy = dup(fd);
    gzFile file = copy == -1 ? NULL : gzdopen(copy, "rb");
    if (file == NULL) {
        close_fd(&copy);
        return -1;
    }
    gzbuffer(file, READ_BYTES);
    show_name(name, shown);
    name_owner(was->st_uid, owner, sizeof owner);
    drop_queue_begin(d->queue, owner, shown);
    int rc = read_all(d, file, has_lines(name));
    gzclose_r(file);
    if (rc == -1 || drop_queue_end(d->queue, &tally) == -1) {
        return -1;
    }
    d->records += tally.records;
    d->refused += tally.refused;
    rc = move_away(d, fd, name, was, &tally);
    if (rc == -1 && log_allowed(&said, 1)) {
        log_errno("drop.move", "file=\"%s\" effect=\"it is read again, which does no harm\"",
                  shown);
    }
    return rc == -1 ? -1 : 0;
}

/* Whether it is complete: 1; 0 not yet; -1 it is none of ours. */
static int is_complete(struct drop *d, const char *name, const struct stat *st)
{
    static struct log_limit said;
    struct timespec now;
    if (!S_ISREG(st->st_mode)) {
        char shown[NAME_BYTES];
        show_name(name, shown);
        if (log_allowed(&said, 1)) {
            log_warn("drop.refused", "file=\"%s\" expected=\"a regular file\"", shown);
        }
        return -1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t quiet_s = now.tv_sec - st->st_ctim.tv_sec;
    int64_t least_s = find_open(d, name) < d->open_count ? STALLED_S : d->settle_s;
    return quiet_s > least_s || (quiet_s == least_s && now.tv_nsec >= st->st_ctim.tv_nsec);
}

/* 1 when it is to be looked at again soon; -1: stopping, or in trouble. */
static int take_file(struct drop *d, const char *name)
{
    static struct log_limit said;
    struct stat st;
    int fd = -1, rc = 0;
    if (fstatat(d->folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        return 0; /* gone */
    }
    int complete = is_complete(d, name, &st);
    if (complete != 1) {
        return complete == 0 ? 1 : 0;
    }
    /* Not to wait should it have become a fifo just now. */
    fd = openat(d->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        if (log_allowed(&said, 1)) {
            char shown[NAME_BYTES];
            show_name(name, shown);
            log_errno("drop.open", "file=\"%s\"", shown);
        }
    } else {
        rc = take_open_file(d, fd, name, &st);
    }
    close_fd(&fd);
    return rc;
}

/* ---- the thread ---- */

/* Goes through the folder once: when to look again, in milliseconds. */
static int look(struct drop *d)
{
    int copy = openat(d->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy == -1 ? NULL : fdopendir(copy);
    int wait_ms = LOOK_MS;
    if (dir == NULL) {
        close_fd(&copy);
        return wait_ms;
    }
    const struct dirent *e;
    while (!d->stopping && (e = readdir(dir)) != NULL) {
        int rc = is_ours(e->d_name) ? take_file(d, e->d_name) : 0;
        if (rc == -1) {
            wait_ms = LOOK_MS;
            break;
        }
        wait_ms = rc == 1 ? LOOK_SOON_MS : wait_ms;
    }
    closedir(dir);
    return wait_ms;
}

static void *run(void *context)
{
    struct drop *d = context;
    d->queue = drop_queue_new(is_stopping, d);
    while (d->queue != NULL && !d->stopping) {
        int wait_ms = LOOK_MS;
        if (open_folders(d) == 0) {
            read_events(d);
            wait_ms = d->folder == -1 ? 0 : look(d);
        }
        struct pollfd fds[] = {{.fd = d->wake, .events = POLLIN},
                               {.fd = d->watch, .events = POLLIN}};
        poll(fds, 2, wait_ms);
    }
    drop_queue_free(&d->queue);
    close_folders(d);
    return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct drop *d)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct drop *drop_start(const char *folder, int64_t settle_s)
{
    struct drop *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->path = folder;
        d->settle_s = settle_s;
        d->folder = d->done_folder = d->failed_folder = d->watch = -1;
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

void drop_stop(struct drop *d)
{
    static const uint64_t one = 1;
    if (d != NULL) {
        d->stopping = true;
        if (write(d->wake, &one, sizeof one) == -1) {
            log_errno("drop.stop", "effect=\"the thread sees it some seconds later\"");
        }
    }
}

void drop_free(struct drop **d)
{
    if (*d != NULL) {
        drop_stop(*d);
        pthread_join((*d)->thread, NULL);
        close_fd(&(*d)->wake);
        free(*d);
        *d = NULL;
    }
}

struct drop_counts drop_counts(const struct drop *d)
{
    return (struct drop_counts){.done = d->done,
                                .failed = d->failed,
                                .records = d->records,
                                .refused = d->refused,
                                .looking = d->looking};
}
