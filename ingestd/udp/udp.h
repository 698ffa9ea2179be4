/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP sockets: datagrams in bursts into one ring of buffers made at the start. Knows nothing of
 * what stands in a datagram.
 */
#ifndef EZREPO_INGESTD_UDP_H
#define EZREPO_INGESTD_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/slice.h"
#include "ingestd/udp/tally.h"

#define UDP_LISTENERS 16
#define UDP_BURST     64

struct udp;

struct udp_datagram {
    struct slice bytes; /* valid until the ring is filled again */
    struct address sender;
    uint16_t port;
    int64_t received_us; /* since 1970 */
    uint32_t listener;   /* as udp_set_listener() said of its socket */
};

/* "192.0.2.1:9900" or "[2001:db8::1]:9900": 0, or -1 when it is neither. */
int udp_endpoint_parse(struct slice text, struct address *address, uint16_t *port);

/* No sockets yet. NULL when memory is out. The caller owns it; udp_free() closes the sockets. */
struct udp *udp_new(void);
void udp_free(struct udp **u);

/*
 * Binds one more listener and asks for a receive buffer of this size, which the kernel cuts to
 * net.core.rmem_max unless the process is privileged: logged, and told in *effective_bytes. 0; 1
 * when this machine has no such protocol (logged); -1 after an error was logged.
 */
int udp_listen(struct udp *u, const char *endpoint, int64_t buffer_bytes, int64_t *effective_bytes);

/*
 * The same beside a socket that an ingestd before had bound there, and that cannot be had: all that
 * comes from now on comes here. Only for who knows whose that socket is.
 */
int udp_listen_beside(struct udp *u, const char *endpoint, int64_t buffer_bytes,
                      int64_t *effective_bytes);

/* Whether the socket is bound to that endpoint, which udp_endpoint_parse() takes. */
bool udp_is_bound_to(int fd, const char *endpoint);

/*
 * Takes a bound socket in place of a new one; its buffer is enlarged when it is smaller than this,
 * but not made smaller. 0; or -1 after an error was logged: then it is still the caller's.
 */
int udp_adopt(struct udp *u, int fd, const char *endpoint, int64_t buffer_bytes,
              int64_t *effective_bytes);

/* Of the socket opened or adopted last: what its datagrams bear. 0 for who does not say. */
void udp_set_listener(struct udp *u, uint32_t listener);

/* Of the one adopted last: what the kernel dropped before is not told. */
void udp_forget_drops(struct udp *u);

/*
 * What is read and dropped is told to this one, which outlives it, from now on. drops[i] of the
 * kernel's count of the i-th socket are told already; drops_untold are from sockets there were.
 */
void udp_set_tally(struct udp *u, struct tally *tally, const uint64_t *drops,
                   uint64_t drops_untold);

/* How many sockets there are, and the descriptor of the i-th; -1 once it is closed. */
size_t udp_count(const struct udp *u);
int udp_fd(const struct udp *u, size_t i);
/* All of them; returns how many. */
size_t udp_fds(const struct udp *u, int fds[UDP_LISTENERS]);

/*
 * Fills the ring from the i-th socket without waiting: the number of datagrams, 0 when there are
 * none, -1 on an error (logged at a bounded rate). All of the ring must have been taken before.
 */
int udp_receive(struct udp *u, size_t i);

/* The next datagram of the ring; false when it is empty. */
bool udp_next(struct udp *u, struct udp_datagram *d);

/* How many datagrams of the ring were not taken yet. */
int udp_waiting(const struct udp *u);

/* From now on the kernel lets nothing more into the buffers; what stands in them can still be
 * received. */
void udp_refuse_new(struct udp *u);
void udp_close(struct udp *u, size_t i);

/* How many datagrams the kernel has dropped for want of room that no ingestd has told, all sockets
 * together. */
uint64_t udp_drops(struct udp *u);

/*
 * What still stands in the buffers counts as dropped from now on, and the sockets are closed: how
 * many datagrams that was.
 */
uint64_t udp_drop_rest(struct udp *u);

/* Bytes that stand in the buffers of the sockets still open, the kernel's own for each datagram
 * included. */
uint64_t udp_unread_bytes(const struct udp *u);

#endif
