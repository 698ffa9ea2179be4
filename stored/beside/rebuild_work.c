/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a rebuild have in common. */
#include "stored/beside/rebuild_work.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/daemon.h"
#include "common/utf8.h"

int rebuild_calendar(struct rebuild_job *job)
{
    return calendar_load(&job->store->calendar, &job->store->pg, daemon_clock_us());
}

void rebuild_tell(struct rebuild_found *found, const char *format, ...)
{
    va_list args;
    if (found->text_count == REBUILD_TEXTS) {
        return;
    }
    char *text = found->texts[found->text_count++];
    va_start(args, format);
    vsnprintf(text, sizeof found->texts[0], format, args);
    va_end(args);
    utf8_repair(text, text + strlen(text));
}

uint64_t rebuild_differences(const struct rebuild_found *found)
{
    uint64_t n = 0;
    for (int how = 0; how < 3; how++) {
        n += found->periods[how] + found->events[how] + found->rollups[how];
    }
    return n;
}
