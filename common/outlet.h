/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lines of a log go without anybody waiting for who reads them. A pipe or socket that takes
 * no more has what follows kept in memory, up to a bound; what does not fit there is left out and
 * counted. Files and terminals are written to as ever. Not for several threads at once.
 */
#ifndef EZREPO_OUTLET_H
#define EZREPO_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed but for .fd it is ready, and writes as the descriptor is. */
struct outlet {
    int fd;
    bool is_socket;
    char *waiting; /* `len` bytes from `begin` on, whole lines but for the first one's beginning */
    size_t begin, len;
    uint64_t left_out;
};

/*
 * From here on no write waits. The descriptor's number stays; a pipe is opened anew under it where
 * the system lets us, since O_NONBLOCK would hold for all who share it.
 */
void outlet_start(struct outlet *o);

/* One line with its newline, at most 4096 bytes: 0 when it is written or kept, -1 when left out. */
int outlet_write(struct outlet *o, const char *line, size_t len);

/* Writes what waits, as far as it is taken: true when nothing waits any more. */
bool outlet_flush(struct outlet *o);

/* Whether this descriptor (standard output or error) leads to systemd's journal: JOURNAL_STREAM. */
bool outlet_is_journal(int fd);

#endif
