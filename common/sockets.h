/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP sockets that go from process to process: over a Unix socket of the kind SOCK_SEQPACKET. A
 * message is the version and a number, a byte each, with so many descriptors. socketd tells who
 * connects which sockets it holds; ingestd tells socketd which to hold from now on, instead of
 * those before, and gets an answer with no descriptors in it.
 */
#ifndef EZREPO_SOCKETS_H
#define EZREPO_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/config.h"

#define SOCKETS_VERSION 1
#define SOCKETS_MAX     16

/* The endpoint's name, as those of schemas/messages.h, and that of socketd's Unix socket in the
 * folder for it: 0, or -1 when that is too long for one. */
#define ENDPOINT_SOCKETS "sockets"
int sockets_endpoint(const struct config_common *common, struct sockaddr_un *name);

/* Sends without waiting: 0, or -1 (errno). The descriptors stay the caller's, too. */
int sockets_send(int unix_socket, const int *fds, size_t count);

/*
 * Receives without waiting: 1 and up to SOCKETS_MAX descriptors (close-on-exec), which the caller
 * owns; 0 when nothing is there yet; -1 when the peer is gone or sent anything else (logged).
 */
int sockets_receive(int unix_socket, int fds[SOCKETS_MAX], size_t *count);

/* Whether the descriptor is a UDP socket, IPv4 or IPv6. */
bool sockets_is_udp(int fd);

/*
 * From now on the kernel lets nothing more into the UDP socket's buffer; what stands in it can
 * still be received. 0, or -1 (errno).
 */
int sockets_refuse_new(int fd);

/* Lets nothing new in and takes out what stands in the buffer: how many datagrams that was. */
uint64_t sockets_empty(int fd);

/* The user at the other end of a connection; (uid_t)-1 when the kernel does not tell. */
uid_t sockets_peer(int unix_socket);

#endif
