/* SPDX-License-Identifier: Apache-2.0 */
/* All that ingestd owns while it runs; for the files of the loop, nobody else includes this. */
#ifndef EZREPO_INGESTD_SERVICE_PARTS_H
#define EZREPO_INGESTD_SERVICE_PARTS_H

#include "common/deadline.h"
#include "common/life.h"
#include "common/presence.h"
#include "ingestd/batches.h"
#include "ingestd/delivery.h"
#include "ingestd/folder/folders.h"
#include "ingestd/intake.h"
#include "ingestd/push.h"
#include "ingestd/service.h"
#include "ingestd/signed/known_keys.h"
#include "ingestd/signs/presence_file.h"
#include "ingestd/signs/settled.h"
#include "ingestd/udp/keeper_watch.h"
#include "ingestd/udp/tally.h"

/* What is said and answered when another ingestd works with the same spool, see schemas/messages.h:
 * nothing more is taken then, and what is held goes on being pushed. */
#define COPIED "another ingestd works with a copy of this spool"

/* How often retries, and what else is due, is looked after; while there is nothing to be done, once
 * a second. */
#define CARE_US INT64_C(100000)

/* A spool that cannot be written is tried again after so long. */
#define COMMIT_RETRY_US 1000000

/* What the loop knows of a socket that it reads. */
struct socket_reader {
    struct service *service;
    size_t i; /* its number */
};

struct service {
    zloop_t *loop;
    struct listener_list listeners;
    struct udp *udp;
    struct keeper *keeper;
    struct tally *tally;
    struct spool *spool;
    struct spool_found found; /* in it, at the start */
    struct outbox *outbox;
    struct batches *batches;
    struct intake *intake;
    struct known_keys *keys; /* NULL: no listener takes signed datagrams */
    struct push *push;
    struct delivery *delivery;
    struct drop_folders *folders; /* NULL: no folder is looked into */
    bool reading;                 /* the sockets are in the loop */
    bool copied;                  /* see COPIED */
    bool small_buffers;           /* of a socket: no spacing */
    struct socket_reader readers[UDP_LISTENERS];
    int64_t read_us[UDP_LISTENERS]; /* when each of them was last read */
    bool blocked;                   /* a batch waits for a classifyd to take it */
    struct deadline age, commit, care, sync;
    struct deadline more; /* there are bodies to be read, or datagrams in the ring */
    struct keeper_watch keeper_watch;
    int64_t committed_us;   /* when the last transaction was tried */
    int64_t look_failed_us; /* when looking after the spool failed; 0: it went well */
    bool spool_failed;      /* by the last one */
    int64_t drained_by_us;  /* while draining */
    bool kept;              /* while draining: others keep the sockets */
    struct life life;       /* of this process */
    struct presence presence;
    struct presence_file *signs_file; /* NULL: it cannot be had */
    zsock_t *signs;                   /* to stored */
    struct pack sign;
    struct settled settled;
    uint64_t acknowledged; /* batches that stored has, when that last changed */
    int64_t acknowledged_us;
    bool settling; /* what was read is to be in batches that are closed: so many datagrams */
    uint64_t settling_told;
};

/* ---- service_read.c ---- */

/* The sockets are in the loop; or are left alone, for the reason that the note `intake` says. */
void service_start_reading(struct service *s);
void service_stop_reading(struct service *s, const char *why);
/* Takes what stands in the ring, until this time has come. False: the outbox became full; the rest
 * of the ring waits. */
bool service_take_ring(struct service *s, int64_t until_us);
/* With what is left in the ring, and of bodies, after others had their turn. */
void service_go_on_soon(struct service *s);
/* What waited for room in the outbox goes on, if there is some. */
void service_read_on(struct service *s);
int service_on_deliveries(zloop_t *loop, zsock_t *socket, void *context);
void service_on_more(void *context);

/* ---- service_commit.c ---- */

/* Whether there is more to look after each CARE_US than what may happen to files and sockets. */
bool service_has_work(const struct service *s);
/* To whoever takes them. */
void service_push(struct service *s);
/* Into the spool, now; within a moment; or at once after a silence, else together with what else is
 * closed within COMMIT_SPACING_US. */
void service_commit(struct service *s);
void service_commit_soon(struct service *s);
void service_commit_due(struct service *s);
/* Has what fills the memory written now, if it can be; what is still in the way of more. */
enum outbox_room service_make_room(struct service *s);
/* What the kernel dropped goes with a batch, too. */
void service_tell_drops(struct service *s);
/* Batches that are old enough are closed; then all that is closed goes its way. */
void service_close_old(struct service *s);
void service_on_age(void *context);

/* ---- service_drain.c ---- */

void service_begin_draining(struct service *s);
void service_go_on_draining(struct service *s);

/* ---- service_signs.c ---- */

/* At the start, once the spool is open: who was there before. -1 after an error was logged. */
int signs_start(struct service *s);
/* The last sign; nothing is received any more. */
void signs_stop(struct service *s);
/* Each second: a sign of life. */
void signs_tick(struct service *s);
/* After something was read, delivered, or acknowledged. */
void signs_go_on(struct service *s);

/* ---- service_tell.c ---- */

/* Brings counters and notes up to date. */
void service_tell(struct service *s, const struct outbox_state *held,
                  const struct spool_state *spool);

#endif
