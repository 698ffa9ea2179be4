/* SPDX-License-Identifier: Apache-2.0 */
/* See spool_folder.h. */
#include "tests/unit/spool_folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

char folder[FOLDER_BYTES];

int folder_set_up(void **state)
{
    (void)state;
    folder_make(folder);
    return 0;
}

int folder_tear_down(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

void folder_make(char dir[FOLDER_BYTES])
{
    snprintf(dir, FOLDER_BYTES, "%s/ezspool-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        abort();
    }
}

void folder_path(char into[FOLDER_PATH_BYTES], const char *dir, const char *name)
{
    snprintf(into, FOLDER_PATH_BYTES, "%s/%s", dir, name);
}

size_t folder_read(const char *dir, const char *name, char *bytes, size_t size)
{
    char file[FOLDER_PATH_BYTES];
    folder_path(file, dir, name);
    FILE *f = fopen(file, "r");
    size_t n = f == NULL ? 0 : fread(bytes, 1, size, f);
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

void folder_write(const char *dir, const char *name, const char *bytes, size_t size)
{
    char file[FOLDER_PATH_BYTES];
    folder_path(file, dir, name);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

void folder_clear(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[FOLDER_PATH_BYTES];
        folder_path(path, dir, e->d_name);
        unlink(path); /* "." and ".." stay */
    }
    if (d != NULL) {
        closedir(d);
    }
}

void folder_remove(const char *dir)
{
    folder_clear(dir);
    rmdir(dir);
}
