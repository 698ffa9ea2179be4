/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At the start: the sockets that `listen` and `listeners` name, taken over where somebody kept
 * them, else bound. What is received on them is others' matter.
 */
#ifndef EZREPO_INGESTD_LISTENERS_H
#define EZREPO_INGESTD_LISTENERS_H

#include "ingestd/udp/keeper.h"
#include "ingestd/udp/listener_list.h"

/*
 * Opens them all in `udp`, which has none yet; their datagrams bear their places in the list; and
 * gives them to who keeps them, the caller's from now on. *smallest_buffer: bytes of the smallest
 * receive buffer among them. NULL after an error was logged.
 */
struct keeper *listeners_open(const struct listener_list *list, struct udp *udp,
                              int64_t *smallest_buffer);

/*
 * To be called several times a second. What stands in sockets that a socketd held which did not
 * answer at the start is still to be read: how many were added to udp now.
 */
size_t listeners_care(const struct listener_list *list, struct udp *udp, struct keeper *keeper);

#endif
