/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ sockets of the set: where they are, how they are bounded. */
#ifndef EZREPO_BUS_H
#define EZREPO_BUS_H

#include <czmq.h>

#include "common/slice.h"

/* Most frames a message of the set has, most bytes of one frame. */
#define BUS_FRAMES      4
#define BUS_FRAME_BYTES (64 * 1024 * 1024)

/*
 * A socket of the ZeroMQ type on ipc://FOLDER/ENDPOINT (common/owner.h has the folder), with this
 * high-water mark (messages) in both directions, no linger, and frames limited to BUS_FRAME_BYTES.
 * NULL after an error was logged. The caller owns it: zsock_destroy().
 */
zsock_t *bus_bind(int type, const char *endpoint, int high_water);
/* As bus_bind(), with a mark of its own for each direction. */
zsock_t *bus_bind_queues(int type, const char *endpoint, int send_high_water,
                         int receive_high_water);
zsock_t *bus_connect(int type, const char *endpoint, int high_water);
/* As bus_connect(), but nothing is queued while the other end is not there: sending would block. */
zsock_t *bus_connect_present(int type, const char *endpoint, int high_water);

/*
 * Sends frames as one message without waiting: 0; 1 when it would block (nothing was sent); -1 on
 * another error (errno).
 */
int bus_send(zsock_t *socket, const struct slice *frames, int count);

/* A received message; frames stay valid until bus_release. */
struct bus_message {
    zmq_msg_t parts[BUS_FRAMES];
    struct slice frames[BUS_FRAMES];
    int count;
};

/*
 * Receives one message without waiting: 0; 1 when there is none; -1 when it had more than
 * BUS_FRAMES frames (it is dropped) or on an error. After 0 the caller releases it.
 */
int bus_receive(zsock_t *socket, struct bus_message *m);
void bus_release(struct bus_message *m);
/* What `from` has is in `to` then; from is as if it had been released. */
void bus_move(struct bus_message *to, struct bus_message *from);

#endif
