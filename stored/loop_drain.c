/* SPDX-License-Identifier: Apache-2.0 */
/* From the first SIGTERM on: what is buffered and what still arrives is written; then the open
 * periods. */
#include "common/daemon.h"
#include "common/log.h"
#include "stored/beside/beside.h"
#include "stored/beside/days.h"
#include "stored/beside/rebuild.h"
#include "stored/loop_parts.h"

#define DRAIN_QUIET_US INT64_C(250000) /* nothing arrived for as long: nothing is on its way */

void loop_go_on_draining(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    bool late = clock_us >= self->drain_until_us;
    bool quiet = clock_us - self->received_at_us >= DRAIN_QUIET_US;
    loop_receive(self);
    if (quiet || late) {
        inbox_sort(&self->inbox, clock_us, true);
    }
    loop_look_after_days(self, clock_us);
    loop_work(self);
    uint32_t unwritten =
        self->inbox.ready_count + self->inbox.aside_count + order_waiting(self->inbox.order);
    if (late || (quiet && unwritten == 0)) {
        if (unwritten > 0) {
            log_warn("drain.unfinished", "batches=%u effect=\"not acknowledged, so pushed again\"",
                     unwritten);
        }
        beside_close_all(&self->store);
        if (pg_is_open(&self->store.pg) && flush_checkpoint(&self->store) == -1) {
            log_warn("drain.checkpoint", "error=\"%s\"", self->store.pg.message);
        }
        daemon_finished(0);
    }
}

void loop_begin_draining(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    rebuild_end(self->store.rebuild, "stored is stopping");
    self->drain_until_us = clock_us + self->store.settings->drain_ms * 1000;
    self->received_at_us = clock_us;
    loop_look_now(self);
}
