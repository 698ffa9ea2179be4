/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the page, read once at the start: a request opens no file. */
#ifndef EZREPO_PAGE_FILES_H
#define EZREPO_PAGE_FILES_H

#include <stdbool.h>

#include "common/slice.h"

#define PAGE_FILES_MOST 256
#define PAGE_FILE_BYTES (2 * 1024 * 1024)

struct page_file {
    char *name; /* below the folder: "pages/now.js" */
    const char *type;
    struct slice bytes;
    char tag[40]; /* an ETag, with its quotes: of the content */
};

struct page_files;

/*
 * Those of the folder and the folders in it, whose names end in .html, .js, .css, .svg or .png; and
 * the file `d3` as "d3.js". What cannot be read is left out and told in the log. NULL: memory is
 * out, which was logged. The caller owns it.
 */
struct page_files *page_files_read(const char *folder, const char *d3);
void page_files_free(struct page_files **files);

/* The file of this name; NULL: there is none. */
const struct page_file *page_files_find(const struct page_files *files, const char *name);

#endif
