/* SPDX-License-Identifier: Apache-2.0 */
/* Written beside the file, synced, renamed. */
#include "common/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

static int path_new(const char *path, char fresh[PATH_BYTES])
{
    int n = snprintf(fresh, PATH_BYTES, "%s.new", path);
    if (n < 0 || n >= PATH_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

FILE *kept_file_begin(const char *path)
{
    char fresh[PATH_BYTES];
    if (path_new(path, fresh) == -1 || (unlink(fresh) == -1 && errno != ENOENT)) {
        return NULL;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd == -1 ? NULL : fdopen(fd, "w");
    if (fd != -1 && f == NULL) {
        close(fd);
    }
    return f;
}

/* A rename lasts once the folder is synced. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd == -1 ? -1 : fsync(fd);
    if (fd != -1) {
        close(fd);
    }
    return rc;
}

int kept_file_end(FILE *f, const char *path, bool all_written)
{
    char fresh[PATH_BYTES];
    bool written = all_written && fflush(f) == 0 && fsync(fileno(f)) == 0;
    written = fclose(f) == 0 && written;
    return written && path_new(path, fresh) == 0 && rename(fresh, path) == 0 ? sync_folder(path)
                                                                             : -1;
}
