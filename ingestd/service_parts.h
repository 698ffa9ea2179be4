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
    struct drop_folders *folders;   /* NULL: no folder is looked into */
    bool reading;                   /* the sockets are in the loop */
    bool copied;                    /* see COPIED */
    bool small_buffers;             /* of a socket: no spacing */
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

/*
 * service_signs.c. At the start, once the spool is open: who was there before. -1 after an error
 * was logged.
 */
int signs_start(struct service *s);
/* The last sign; nothing is received any more. */
void signs_stop(struct service *s);
/* Each second: a sign of life. */
void signs_tick(struct service *s);
/* After something was read, delivered, or acknowledged. */
void signs_go_on(struct service *s);

/* service_tell.c: brings counters and notes up to date. */
void service_tell(struct service *s, const struct outbox_state *held,
                  const struct spool_state *spool);

#endif
