/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to one address at a steady pace, for the commands that send. */
#ifndef EZREPO_CTL_UDP_SENDER_H
#define EZREPO_CTL_UDP_SENDER_H

#include "common/slice.h"
#include "ctl/ctl.h"

#define UDP_SENDER_BYTES 65507

struct udp_sender {
    int fd;
    int64_t rate;       /* datagrams a second */
    int64_t started_us; /* of the clock that never steps */
    uint64_t sent;
};

/*
 * Connects to HOST:PORT or [ADDRESS]:PORT, which an option of this name gave. CTL_DONE, or the exit
 * code after a complaint. To be closed.
 */
int udp_sender_open(struct udp_sender *s, const char *option, const char *target, const char *rate);
void udp_sender_close(struct udp_sender *s);

/*
 * Sends when it is due. NULL, or what is wrong in words: that nobody listens is told of an earlier
 * datagram, and this one was sent all the same.
 */
const char *udp_sender_send(struct udp_sender *s, struct slice datagram);

/* After the last one: what became known since; NULL: nothing. */
const char *udp_sender_last_word(struct udp_sender *s);

#endif
