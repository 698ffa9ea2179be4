/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What imports have taken, in a file: an object of JSON a line, of which the last that is about a
 * file stands. So who breaks an import off, whatever is killed, goes on with the same command. A
 * line that is cut is none. A file is known by its path, inode, size and time of change, and by
 * what it was read by.
 */
#ifndef EZREPO_CTL_IMPORT_JOURNAL_H
#define EZREPO_CTL_IMPORT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/stat.h>

/* How far a file was taken. */
struct import_taken {
    uint64_t parts; /* documents, or lines, from the beginning */
    uint64_t records, refused;
    bool over; /* all of it */
};

struct import_journal;

/*
 * Reads the file, which is made where there is none, and keeps others from it. `by` says in what
 * format, with what beside it: what was taken by something else was not. With `again` nothing was.
 * NULL after a complaint. The caller owns it.
 */
struct import_journal *import_journal_open(const char *file, const char *by, bool again);
void import_journal_close(struct import_journal **j);

/* Of a file; all 0 where nothing of it was taken. */
struct import_taken import_journal_find(const struct import_journal *j, const char *path,
                                        const struct stat *s);

/* Tells it; it outlives this process at once, and a power failure within a second or so, which then
 * costs nothing but that something is sent twice. -1 after a complaint. */
int import_journal_tell(struct import_journal *j, const char *path, const struct stat *s,
                        const struct import_taken *taken);

#endif
