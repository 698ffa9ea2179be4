/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the rows of a spool whose file SQLite can no longer read: looks at every page for itself,
 * in the file and in its write-ahead log, and believes a row when its checksum is right. Needs
 * neither header nor schema nor inner pages to be whole. Writes nothing.
 */
#ifndef EZREPO_INGESTD_SPOOL_SALVAGE_H
#define EZREPO_INGESTD_SPOOL_SALVAGE_H

#include "ingestd/spool/spool_row.h"

/* Pages of the spool's file, which spool_file.c makes; salvage knows no others. */
#define SPOOL_PAGE_BYTES 4096

/* The longest row that can be: larger claims are not followed. */
#define SPOOL_ROW_BYTES ((uint64_t)64 * 1024 * 1024)

/* Gets each row found, valid during the call; one may come twice, also an older state of it. */
typedef int spool_row_fn(void *context, const struct spool_row *row);

/*
 * Reads both files; wal_fd may be -1. Rows come in no order. 0; -1 when a file cannot be read at
 * all or memory is out (errno), or what the function returned when it was not 0.
 */
int spool_salvage(int db_fd, int wal_fd, spool_row_fn *each, void *context);

#endif
