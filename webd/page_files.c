/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/page_files.h"

#include <errno.h>
#include <fts.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/log.h"

struct page_files {
    struct page_file at[PAGE_FILES_MOST];
    size_t count;
};

/* NULL: no file of a page. */
static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".svg", "image/svg+xml"},
                                           {".png", "image/png"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return NULL;
}

static int set_tag(struct page_file *f)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t size = sizeof digest;
    if (EVP_Q_digest(NULL, "SHA256", NULL, f->bytes.at, f->bytes.len, digest, &size) != 1) {
        return -1;
    }
    static const char digits[] = "0123456789abcdef";
    char *to = f->tag;
    *to++ = '"';
    for (int i = 0; i < 16; i++) {
        *to++ = digits[digest[i] >> 4];
        *to++ = digits[digest[i] & 15];
    }
    *to++ = '"';
    *to = '\0';
    return 0;
}

/* 0, also when it was left out; -1: memory is out. */
static int add(struct page_files *files, const char *name, const char *path)
{
    struct page_file *f = &files->at[files->count];
    const char *type = type_of(name);
    size_t size = 0;
    if (type == NULL) {
        return 0;
    }
    if (files->count == PAGE_FILES_MOST) {
        log_warn("page.file", "file=%s effect=\"left out\" files_max=%d", path, PAGE_FILES_MOST);
        return 0;
    }
    char *bytes = file_read(path, PAGE_FILE_BYTES, &size);
    if (bytes == NULL) {
        log_errno("page.file", "file=%s bytes_max=%d effect=\"left out\"", path, PAGE_FILE_BYTES);
        return 0;
    }
    *f = (struct page_file){.name = strdup(name), .type = type, .bytes = {bytes, size}};
    files->count++;
    return f->name == NULL || set_tag(f) == -1 ? -1 : 0;
}

static int add_folder(struct page_files *files, const char *folder)
{
    char *const roots[] = {(char *)folder, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *e;
    size_t head = strlen(folder) + 1;
    int rc = 0;
    if (walk == NULL) {
        return -1;
    }
    while (rc == 0 && (e = fts_read(walk)) != NULL) {
        if (e->fts_info == FTS_F && e->fts_pathlen > head) {
            rc = add(files, e->fts_path + head, e->fts_path);
        } else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
            log_warn("page.file", "file=%s error=\"%s\" effect=\"left out\"", e->fts_path,
                     strerror(e->fts_errno));
        }
    }
    fts_close(walk);
    return rc;
}

struct page_files *page_files_read(const char *folder, const char *d3)
{
    struct page_files *files = calloc(1, sizeof *files);
    if (files == NULL || add_folder(files, folder) == -1 || add(files, "d3.js", d3) == -1) {
        log_error("page.files", "error=\"out of memory\"");
        page_files_free(&files);
    }
    return files;
}

void page_files_free(struct page_files **files)
{
    struct page_files *all = *files;
    for (size_t i = 0; all != NULL && i < all->count; i++) {
        free(all->at[i].name);
        free((char *)all->at[i].bytes.at);
    }
    free(all);
    *files = NULL;
}

const struct page_file *page_files_find(const struct page_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->at[i].name, name) == 0) {
            return &files->at[i];
        }
    }
    return NULL;
}
