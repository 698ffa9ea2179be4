/* Folders for tests of the spool: in memory where that is possible, for syncing costs nothing
 * there. */
#ifndef EZREPO_TESTS_SPOOL_FOLDER_H
#define EZREPO_TESTS_SPOOL_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_BYTES 64

static inline void folder_make(char folder[FOLDER_BYTES])
{
    snprintf(folder, FOLDER_BYTES, "%s/ezspool-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        abort();
    }
}

/* Removes the files in it. */
static inline void folder_clear(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[FOLDER_BYTES + sizeof e->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path); /* "." and ".." stay */
    }
    if (d != NULL) {
        closedir(d);
    }
}

static inline void folder_remove(const char *folder)
{
    folder_clear(folder);
    rmdir(folder);
}

#endif
