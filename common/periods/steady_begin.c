/* SPDX-License-Identifier: Apache-2.0 */
/* Where a walk begins of which nothing but periods is known. */
#include "common/periods/steady.h"

void steady_of_periods(struct steady *s, const struct period *newest, uint32_t count,
                       int64_t latest_us)
{
    uint32_t last = 0;
    while (last + 1 < count && newest[last + 1].ended != PERIOD_GAP && last + 1 < STEADY_ROWS) {
        last++;
    }
    bool follows = last + 1 < count && newest[last + 1].ended != PERIOD_GAP;
    *s = (struct steady){.grade = newest[0].grade};
    for (uint32_t i = last + 1; i > 0; i--) {
        bool change = i - 1 < last || follows;
        s->rows[s->row_count++] = (struct steady_row){
            .period = newest[i - 1], .from = change ? newest[i].grade : 0, .change = change};
    }
    struct period *open = &s->rows[s->row_count - 1].period;
    open->ended = PERIOD_OPEN;
    s->reaches_us = open->sum.t_end_us;
    s->latest_us = latest_us > s->reaches_us ? latest_us : s->reaches_us;
}
