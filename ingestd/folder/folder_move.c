/* SPDX-License-Identifier: Apache-2.0 */
/* Renaming without ever replacing anything. */
#include "ingestd/folder/folder_move.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define NUMBERED 99
#define REASON   ".reason"
#define TO_BYTES (NAME_MAX + 1)

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The name with this behind it; a name that is too long for that is cut. */
static void put_behind(const char *name, const char *behind, size_t room, char to[TO_BYTES])
{
    size_t most = room - strlen(behind);
    int kept = (int)(strlen(name) < most ? strlen(name) : most);
    snprintf(to, TO_BYTES, "%.*s%s", kept, name, behind);
}

/* Some file systems cannot rename without replacing; nobody else writes into these folders. */
static int rename_new(int from_folder, const char *from, int folder, const char *to)
{
    struct stat st;
    if (renameat2(from_folder, from, folder, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL) {
        return -1;
    }
    if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(from_folder, from, folder, to) : -1;
}

/* The name it got in `to`. */
static int rename_to(const struct folder_places *f, int folder, const char *name, size_t room,
                     char to[TO_BYTES])
{
    char behind[32] = "";
    for (int i = 1; i <= NUMBERED + 1; i++) {
        if (i > NUMBERED) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            snprintf(behind, sizeof behind, ".%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
        } else if (i > 1) {
            snprintf(behind, sizeof behind, ".%d", i);
        }
        put_behind(name, behind, room, to);
        if (rename_new(f->folder, name, folder, to) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

static void write_reason(const struct folder_places *f, const char *name,
                         const struct folder_tally *t)
{
    char file[TO_BYTES];
    put_behind(name, REASON, NAME_MAX, file);
    int fd = openat(f->failed, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd == -1 || dprintf(fd,
                            "%" PRIu64 " kept (%" PRIu64 " records), %" PRIu64 " refused, %" PRIu64
                            " bytes passed over\n%s",
                            t->kept, t->records, t->refused, t->passed, t->reasons) < 0) {
        log_errno("drop.reason", "file=\"failed/%s\"", file);
    }
    if (fd != -1) {
        close(fd);
    }
}

enum moved folder_move(const struct folder_places *f, int fd, const char *name,
                       const struct stat *was, const struct folder_tally *t)
{
    char to[TO_BYTES];
    struct stat st;
    bool good = t->refused == 0;
    int folder = good ? f->done : f->failed;
    if (fstat(fd, &st) == -1 || !is_same(&st, was)) {
        return MOVE_CHANGED;
    }
    if (rename_to(f, folder, name, good ? NAME_MAX : NAME_MAX - strlen(REASON), to) == -1) {
        return MOVE_IMPOSSIBLE;
    }
    if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0 && !is_same(&st, was)) {
        /* Another one came under this name just now. */
        return rename_new(folder, to, f->folder, name) == 0 ? MOVE_CHANGED : MOVE_IMPOSSIBLE;
    }
    if (!good) {
        write_reason(f, to, t);
    }
    return MOVED;
}
