/* SPDX-License-Identifier: Apache-2.0 */
/* One timer of the loop at a time, made anew when it has to come earlier. */
#include "common/deadline.h"

#include "common/daemon.h"
#include "common/log.h"

static int on_timer(zloop_t *loop, int timer, void *context)
{
    (void)loop;
    struct deadline *d = context;
    if (timer == d->timer) { /* not one that was ended in this turn of the loop */
        d->timer = -1;
        d->call(d->context);
    }
    return 0;
}

void deadline_init(struct deadline *d, zloop_t *loop, void (*call)(void *context), void *context)
{
    *d = (struct deadline){.loop = loop, .call = call, .context = context, .timer = -1};
}

/* The loop counts whole milliseconds of the same clock, rounded down. */
static size_t loop_delay_ms(int64_t at_us)
{
    int64_t now_ms = daemon_clock_us() / 1000, at_ms = at_us / 1000 + (at_us % 1000 > 0);
    return at_ms > now_ms ? (size_t)(at_ms - now_ms) : 0;
}

void deadline_by(struct deadline *d, int64_t at_us)
{
    static struct log_limit said;
    if (d->timer != -1 && d->at_us <= at_us) {
        return;
    }
    int timer = zloop_timer(d->loop, loop_delay_ms(at_us), 1, on_timer, d);
    if (timer == -1) {
        if (log_allowed(&said, 1)) {
            log_error("deadline.timer", "error=\"out of memory\"");
        }
        return;
    }
    deadline_end(d);
    d->timer = timer;
    d->at_us = at_us;
}

void deadline_end(struct deadline *d)
{
    if (d->timer != -1) {
        zloop_timer_end(d->loop, d->timer);
        d->timer = -1;
    }
}
