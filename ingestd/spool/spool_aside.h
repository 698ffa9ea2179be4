/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged spools that were moved aside: spool.sqlite.damaged-TIME, with -wal, and .txt that says
 * what is missing. The newest few are kept for somebody to look at.
 */
#ifndef EZREPO_INGESTD_SPOOL_ASIDE_H
#define EZREPO_INGESTD_SPOOL_ASIDE_H

#include <stdint.h>

#define SPOOL_ASIDE_KEPT 3

/* ".damaged-20261121T213000.123456Z": behind the name of a file moved aside now. */
#define SPOOL_ASIDE_BYTES 64
void spool_aside_suffix(char suffix[SPOOL_ASIDE_BYTES]);

struct spool_aside {
    uint64_t kept, removed; /* damaged spools in the folder, and removed from it now */
};

/*
 * Removes all but the newest SPOOL_ASIDE_KEPT of the folder by their times, and never the one of
 * this suffix ("": none); says so in the log. What it cannot remove is logged and stays. Other
 * files are not touched.
 */
struct spool_aside spool_aside_trim(const char *dir, const char *suffix);

#endif
