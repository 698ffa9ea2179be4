/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An import under way: parts of files together into bodies, bodies into the window, and what became
 * of them into report and journal.
 */
#ifndef EZREPO_CTL_IMPORT_BODIES_H
#define EZREPO_CTL_IMPORT_BODIES_H

#include "common/file_bytes.h"
#include "common/formats/format.h"
#include "ctl/import_cut.h"
#include "ctl/import_journal.h"
#include "ctl/import_report.h"
#include "ctl/import_window.h"

/* A file of which bodies are under way. */
struct import_file {
    const char *path;
    struct stat stat;
    struct import_taken taken;
    uint32_t under_way;
    bool read; /* to its end, without a fault of reading */
};

struct importing {
    struct import_window window;
    struct import_journal *journal; /* NULL: none */
    struct import_report report;
    struct arena *arena;         /* the context of the file at hand */
    const struct format *format; /* NULL: mPlane's */
    const char *format_name;     /* "" */
    struct format_context context;
    const char *owner;
    /* Of the file at hand: the body that is being filled. */
    struct import_file *file;
    struct file_bytes bytes;
    uint64_t passed; /* bytes of files before it */
    char *body;
    size_t len, size;
    uint64_t first_line, parts, in_body;
    bool any; /* there was something but blanks in the file */
};

/* A window that tells report and journal. */
struct import_window import_bodies_window(struct importing *i);

/* The body that is being filled, on its way. 0, or -1 after a complaint. */
int import_bodies_send(struct importing *i);

/* Bytes and an end of line behind it. 0, or -1 after a complaint. */
int import_bodies_append(struct importing *i, struct slice bytes);

/*
 * A part of the file at hand, into the body, which is sent before where it is full. Parts that were
 * taken before are passed over, and blank ones, of which a body by itself would say that nothing
 * was measured. 0, or -1 after a complaint.
 */
int import_bodies_add(struct importing *i, const struct import_cut_part *part);

/* A part that is none. */
void import_bodies_refuse(struct importing *i, const struct import_cut_part *part);

/* How far a file was taken, to the journal. 0, or -1 after a complaint. */
int import_bodies_tell(struct importing *i, struct import_file *f);

#endif
