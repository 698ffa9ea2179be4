/* SPDX-License-Identifier: Apache-2.0 */
/* How far an import is, on a terminal; what became of it, at its end. */
#ifndef EZREPO_CTL_IMPORT_REPORT_H
#define EZREPO_CTL_IMPORT_REPORT_H

#include "common/message.h"

#define IMPORT_REASON_BYTES 64

struct import_reason {
    char name[IMPORT_REASON_BYTES + 1];
    uint64_t count;
    char first[1024]; /* where, and why */
};

struct import_report {
    uint64_t records, refused, files, files_before;
    uint64_t bytes, all_bytes; /* read of files, and of all, as they lie there */
    int64_t begun_us, told_us;
    bool terminal;
    struct import_reason reason[LIMIT_REASONS];
    uint32_t reasons;
};

void import_report_begin(struct import_report *r, uint64_t all_bytes);

/* Something was refused: so many, for a reason; where is told of the first. */
void import_report_refused(struct import_report *r, struct slice reason, uint64_t count,
                           const char *where, struct slice detail);

/* Now and then: records, share, rate, refused. */
void import_report_progress(struct import_report *r, const char *file);

/* At the end, on standard output. */
void import_report_end(struct import_report *r);

#endif
