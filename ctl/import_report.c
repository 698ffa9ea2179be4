/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#define TERMINAL_US 500000
#define LOG_US      30000000 /* where nobody sits before it */
#define FIRST_TOLD  10       /* refusals that are told as they come */

void import_report_begin(struct import_report *r, uint64_t all_bytes)
{
    *r = (struct import_report){.all_bytes = all_bytes,
                                .begun_us = clock_steady_us(),
                                .terminal = isatty(STDERR_FILENO) == 1};
    r->told_us = r->begun_us;
}

static struct import_reason *reason_of(struct import_report *r, struct slice name)
{
    if (name.len > IMPORT_REASON_BYTES) {
        name.len = IMPORT_REASON_BYTES;
    }
    for (uint32_t i = 0; i < r->reasons; i++) {
        if (slice_is(name, r->reason[i].name)) {
            return &r->reason[i];
        }
    }
    if (r->reasons == LIMIT_REASONS) {
        return &r->reason[LIMIT_REASONS - 1];
    }
    struct import_reason *one = &r->reason[r->reasons++];
    memcpy(one->name, name.len == 0 ? "" : name.at, name.len);
    return one;
}

static void clear_line(const struct import_report *r)
{
    if (r->terminal) {
        fputs("\r\033[K", stderr);
    }
}

void import_report_refused(struct import_report *r, struct slice reason, uint64_t count,
                           const char *where, struct slice detail)
{
    struct import_reason *one = reason_of(r, reason);
    if (one->count == 0 && detail.len > 0) {
        snprintf(one->first, sizeof one->first, "%s: %.*s", where, (int)detail.len, detail.at);
    }
    if (r->refused < FIRST_TOLD && detail.len > 0) {
        clear_line(r);
        ctl_failed("%s: refused as %s: %.*s", where, one->name, (int)detail.len, detail.at);
    }
    one->count += count;
    r->refused += count;
}

static uint64_t rate(const struct import_report *r, int64_t now_us)
{
    int64_t us = now_us - r->begun_us;
    return us <= 0 ? 0 : (uint64_t)((double)r->records * 1e6 / (double)us);
}

void import_report_progress(struct import_report *r, const char *file)
{
    int64_t now_us = clock_steady_us();
    if (now_us - r->told_us < (r->terminal ? TERMINAL_US : LOG_US)) {
        return;
    }
    double share = r->all_bytes == 0 ? 1 : (double)r->bytes / (double)r->all_bytes;
    r->told_us = now_us;
    clear_line(r);
    fprintf(stderr, "%" PRIu64 " records, %.1f %%, %" PRIu64 "/s, %" PRIu64 " refused, ",
            r->records, 100 * share, rate(r, now_us), r->refused);
    table_safe(stderr, slice_of(file));
    fputs(r->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

void import_report_end(struct import_report *r)
{
    int64_t now_us = clock_steady_us();
    clear_line(r);
    printf("%" PRIu64 " record%s taken, %" PRIu64 " refused\n", r->records,
           r->records == 1 ? "" : "s", r->refused);
    printf("%" PRIu64 " file%s, %" PRIu64 " of them taken before; %.1f s, %" PRIu64 " records/s\n",
           r->files, r->files == 1 ? "" : "s", r->files_before,
           (double)(now_us - r->begun_us) / 1e6, rate(r, now_us));
    for (uint32_t i = 0; i < r->reasons; i++) {
        printf("refused as %s: %" PRIu64 "%s", r->reason[i].name, r->reason[i].count,
               r->reason[i].first[0] == '\0' ? "" : ", first ");
        table_safe(stdout, slice_of(r->reason[i].first));
        putchar('\n');
    }
}
