/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command import: years of old results, in a format or mPlane's own, to ingestd's door `import`
 * on this machine. What was taken is kept in a journal: the same command again goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/format_given.h"
#include "ctl/format_options.h"
#include "ctl/import_bodies.h"
#include "ctl/import_files.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct {
    const char *run_dir, *format, *journal;
    bool again;
} given;

static const struct ctl_option import_options[] = {
    {"format", "NAME", &given.format, NULL, "the format that they are in; mPlane's unless given",
     NULL},
    {"run-dir", "DIR", &given.run_dir, NULL, "folder of the set's sockets", NULL},
    {"journal", "FILE", &given.journal, NULL, "what was taken, to go on there; none unless given",
     NULL},
    {"again", NULL, NULL, &given.again, "also what was taken before", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

/* ---- a file ---- */

/* -1 after a complaint. */
static int take_bytes(struct importing *i, struct import_cut *cut, struct slice bytes)
{
    bool last = bytes.len == 0;
    struct import_cut_part part;
    for (;;) {
        enum import_cut_event event = import_cut_next(cut, &bytes, last, &part);
        if (event == IMPORT_CUT_MORE || event == IMPORT_CUT_END) {
            return 0;
        }
        if (event == IMPORT_CUT_NO_MEMORY) {
            ctl_failed("out of memory");
            return -1;
        }
        if (event == IMPORT_CUT_FAULT) {
            import_bodies_refuse(i, &part);
        } else if (import_bodies_add(i, &part) == -1) {
            return -1;
        }
    }
}

/* The next bytes; those of a file at fault end there, which is told and costs what is behind. */
static int next_bytes(struct importing *i, int fd, struct slice *bytes)
{
    const char *why = NULL;
    int rc = file_bytes_next(&i->bytes, bytes, &why);
    off_t at = lseek(fd, 0, SEEK_CUR);
    i->report.bytes = i->passed + (at > 0 ? (uint64_t)at : 0);
    if (rc == -1) {
        import_report_refused(&i->report, slice_of("file"), 1, i->file->path, slice_of(why));
        *bytes = (struct slice){"", 0};
    }
    return rc;
}

static int read_parts(struct importing *i, int fd)
{
    struct import_cut *cut = import_cut_new(i->format);
    struct slice bytes;
    int rc = cut == NULL ? -1 : 0;
    if (cut == NULL) {
        ctl_failed("out of memory");
    }
    bool good = true;
    do {
        good = rc == 0 && next_bytes(i, fd, &bytes) == 0 && good;
        rc = rc == 0 ? take_bytes(i, cut, bytes) : rc;
    } while (rc == 0 && bytes.len > 0);
    import_cut_free(&cut);
    i->file->read = good;
    return rc;
}

/* Where documents are meant together all of it goes as one body. */
static int read_whole(struct importing *i, int fd)
{
    struct slice bytes;
    int rc;
    do {
        rc = next_bytes(i, fd, &bytes);
        if (rc == 0 && i->len + bytes.len > LIMIT_BODY_BYTES) {
            import_report_refused(
                &i->report, slice_of("length"), 1, i->file->path,
                slice_of("expected at most ingestd.body_bytes, and never more than 16 "
                         "MiB, where documents are meant together"));
            rc = -1;
        }
        if (rc == 0 && bytes.len > 0 && import_bodies_append(i, bytes) == -1) {
            return -1;
        }
        i->len -= rc == 0 && bytes.len > 0; /* its end of line */
    } while (rc == 0 && bytes.len > 0);
    i->file->read = rc == 0;
    i->len = rc == 0 ? i->len : 0;
    i->parts = 1;
    return 0;
}

/* What is known beside the bytes; CTL_DONE, or an exit code. */
static int fill_context(struct importing *i, int fd)
{
    arena_reset(i->arena);
    i->context.count = 0;
    if (i->format == NULL) {
        return CTL_DONE;
    }
    return format_given_fill(i->arena, fd, i->file->path, &i->context);
}

static int take_file(struct importing *i, int fd)
{
    bool whole = i->format != NULL && format_remembers(i->format);
    if (fill_context(i, fd) != CTL_DONE) {
        return -1;
    }
    i->first_line = 1;
    file_bytes_begin(&i->bytes, fd);
    int rc = whole ? read_whole(i, fd) : read_parts(i, fd);
    file_bytes_end(&i->bytes);
    /* Nothing at all says that a tool failed, where there is a format. */
    bool nothing = i->format != NULL && i->file->read && !i->any && i->len == 0;
    if (rc == 0 && (i->len > 0 || nothing)) {
        rc = import_bodies_send(i);
    }
    return rc;
}

static int import_file(struct importing *i, const char *path)
{
    struct import_file *f = calloc(1, sizeof *f);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f == NULL || fd == -1 || fstat(fd, &f->stat) == -1) {
        import_report_refused(&i->report, slice_of("file"), 1, path, slice_of(strerror(errno)));
        free(f);
        if (fd != -1) {
            close(fd);
        }
        return 0;
    }
    f->path = path;
    if (i->journal != NULL) {
        f->taken = import_journal_find(i->journal, path, &f->stat);
    }
    i->file = f;
    i->parts = i->len = i->in_body = 0;
    i->any = false;
    i->report.files++;
    i->report.files_before += f->taken.over;
    int rc = f->taken.over ? 0 : take_file(i, fd);
    close(fd);
    i->passed += (uint64_t)f->stat.st_size;
    i->report.bytes = i->passed;
    i->file = NULL;
    if (f->under_way == 0) {
        rc = rc == 0 && !f->taken.over ? import_bodies_tell(i, f) : rc;
        free(f);
    }
    return rc;
}

/* ---- the command ---- */

static int import_all(struct importing *i, const struct import_files *files)
{
    i->window = import_bodies_window(i);
    int code = import_window_open(&i->window, given.run_dir);
    if (code != CTL_DONE) {
        return code;
    }
    import_report_begin(&i->report, files->bytes);
    int rc = 0;
    for (uint32_t k = 0; k < files->count && rc == 0; k++) {
        rc = import_file(i, files->path[k]);
    }
    rc = rc == 0 ? import_window_finish(&i->window) : rc;
    import_window_close(&i->window);
    import_report_end(&i->report);
    free(i->body);
    return rc == -1 || i->report.refused > 0 ? CTL_FAILED : CTL_DONE;
}

static int import_files(struct importing *i, const char *const *names, int count)
{
    struct import_files files = {.path = NULL};
    struct arena *a = arena_new(ARENA_BYTES);
    const char *by = a == NULL ? NULL : format_given_text(a, given.format);
    int code = by == NULL ? ctl_failed("out of memory") : CTL_DONE;
    for (int k = 0; k < count && code == CTL_DONE; k++) {
        code = import_files_add(&files, names[k]) == -1 ? CTL_FAILED : CTL_DONE;
    }
    if (code == CTL_DONE && given.journal != NULL) {
        i->journal = import_journal_open(given.journal, by, given.again);
        code = i->journal == NULL ? CTL_FAILED : CTL_DONE;
    }
    if (code == CTL_DONE) {
        code = import_all(i, &files);
    }
    import_journal_close(&i->journal);
    import_files_release(&files);
    arena_free(&a);
    return code;
}

int ctl_import(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {import_options, format_options,
                                                         format_given_options, NULL};
    static struct importing i;
    const char *names[CTL_TEXTS];
    struct format *format = NULL;
    int count, code;
    if (ctl_options(self, groups, argc, argv, names, 1, CTL_TEXTS, &count, &code) == -1) {
        return code;
    }
    if (given.format != NULL) {
        format = format_options_one(given.format);
        if (format == NULL || format_given_check(given.format, format) == -1) {
            format_free(&format);
            return CTL_FAILED;
        }
    }
    i = (struct importing){.format = format,
                           .format_name = given.format == NULL ? "" : given.format,
                           .owner = ctl_user(),
                           .arena = arena_new(ARENA_BYTES)};
    code = i.arena == NULL ? ctl_failed("out of memory") : import_files(&i, names, count);
    arena_free(&i.arena);
    format_free(&format);
    return code;
}
