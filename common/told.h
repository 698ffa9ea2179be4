/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told while something is done that was asked for from outside, so that who asked can be
 * told as well: the caller of a reload reads it in the status file. Of each thread its own.
 */
#ifndef EZREPO_TOLD_H
#define EZREPO_TOLD_H

#include <stddef.h>

#define TOLD_LINES 16
#define TOLD_BYTES 400 /* of a line; longer ones are cut */

struct told {
    size_t count; /* also those for which there was no room */
    char line[TOLD_LINES][TOLD_BYTES];
};

/* From now on what is told is kept here, which is emptied first; NULL: no longer. */
void told_keep(struct told *t);

/* A line of the log that is a warning or an error, or anything else that who asked should know. */
void told_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A fault of the configuration: a line of its own on standard error, "WHERE: expected ..., found
 * ...", and kept.
 */
void told_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
