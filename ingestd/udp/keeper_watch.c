/* SPDX-License-Identifier: Apache-2.0 */
/* Of the connection only its end is looked for: what socketd tells is read by keeper_care(). */
#include "ingestd/udp/keeper_watch.h"

#include "common/daemon.h"

#define PAUSE_US   INT64_C(50000) /* when all of the set ends, ingestd does so by then */
#define AWAITED_US INT64_C(10000000)

void keeper_watch_init(struct keeper_watch *w, struct keeper *keeper, struct deadline *care)
{
    *w = (struct keeper_watch){.keeper = keeper, .care = care, .fd = -1};
}

static zmq_pollitem_t item_of(int fd)
{
    return (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLERR};
}

static void unwatch(struct keeper_watch *w)
{
    zmq_pollitem_t item = item_of(w->fd);
    if (w->fd != -1) {
        zloop_poller_end(w->care->loop, &item);
        w->fd = -1;
    }
}

static int on_end(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    struct keeper_watch *w = context;
    unwatch(w);
    deadline_by(w->care, daemon_clock_us() + PAUSE_US);
    return 0;
}

void keeper_watch_follow(struct keeper_watch *w)
{
    int fd = keeper_fd(w->keeper);
    zmq_pollitem_t item = item_of(fd);
    if (fd == w->fd) {
        return;
    }
    unwatch(w);
    if (fd != -1 && zloop_poller(w->care->loop, &item, on_end, w) == 0) {
        w->fd = fd;
        w->unkept_us = 0; /* it has not answered yet */
    }
}

bool keeper_watch_awaits(struct keeper_watch *w, int64_t clock_us)
{
    if (keeper_now(w->keeper) != KEEPER_NONE) {
        w->unkept_us = 0;
        return false;
    }
    w->unkept_us = w->unkept_us == 0 ? clock_us : w->unkept_us;
    return clock_us - w->unkept_us < AWAITED_US;
}
