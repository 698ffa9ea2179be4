/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether all partitions are there that the records need. To make one takes longer than to write
 * thousands of records, so a flush makes none: batches that need one wait (inbox.c) while it is
 * made beside (days.c), and the others are written.
 */
#include <stdlib.h>

#include "common/grow.h"
#include "stored/flush/flush.h"

static bool is_needed(const struct flush *f, const struct flush_need *need)
{
    for (uint32_t i = f->need_count; i > 0 && f->needs[i - 1].batch == need->batch; i--) {
        const struct calendar_part *part = &f->needs[i - 1].part;
        if (part->day == need->part.day && part->class == need->part.class) {
            return true;
        }
    }
    return false;
}

static int add_need(struct flush *f, const struct flush_need *need)
{
    if (is_needed(f, need)) {
        return 0;
    }
    struct flush_need *needs = grow(f->needs, f->need_count, &f->need_size, sizeof *needs);
    if (needs == NULL) {
        return -1;
    }
    f->needs = needs;
    f->needs[f->need_count++] = *need;
    return 0;
}

int flush_days(struct flush *f)
{
    struct calendar_part last = {-1, -1};
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        int32_t day = (int32_t)(item->key.t_us / DAY_US);
        const struct calendar_part part = {
            day, (int32_t)retention_on_day(&f->store->retention, item->series->class, day)};
        if (part.day == last.day && part.class == last.class) {
            continue;
        }
        if (calendar_has(&f->store->calendar, part.day, part.class)) {
            last = part;
            continue;
        }
        const struct flush_need need = {(uint32_t)(item->batch - f->views), part};
        if (add_need(f, &need) == -1) {
            return -1;
        }
    }
    return f->need_count == 0 ? 0 : -1;
}
