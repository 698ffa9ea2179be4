/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps the UDP sockets open while there is no ingestd: systemd, which passes them at the start
 * (LISTEN_FDS), or socketd, over its Unix socket; or nobody. Reads nothing from them.
 */
#ifndef EZREPO_INGESTD_KEEPER_H
#define EZREPO_INGESTD_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/sockets.h"

enum keeper_kind { KEEPER_NONE, KEEPER_SYSTEMD, KEEPER_SOCKETD };

struct keeper;

/*
 * Takes what is kept: *count sockets, which the caller owns. Those of systemd if it passed any;
 * else those of the socketd of this set, which may take up to two seconds to answer: when it
 * does not, keeper_is_silent() says so, and what it holds comes out of keeper_care() later. NULL
 * after an error was logged: memory, or what systemd passed are no UDP sockets.
 */
struct keeper *keeper_open(const struct config_common *common, int fds[SOCKETS_MAX], size_t *count);
void keeper_free(struct keeper **k);

/* Whether there is a socketd that has not answered yet: it may hold sockets. */
bool keeper_is_silent(const struct keeper *k);

/* Whose sockets keeper_open() gave; nobody's when there were none. */
enum keeper_kind keeper_gave(const struct keeper *k);

/*
 * From now on these are to be kept, instead of those before; they stay the caller's. Waits for the
 * answer of socketd, up to two seconds. What systemd keeps cannot be changed.
 */
void keeper_keep(struct keeper *k, const int *fds, size_t count);

/*
 * To be called several times a second while nobody keeps them, and once when keeper_fd() hangs up:
 * socketd may have been started anew, and is given the sockets again. Does not wait. What it held
 * until then, of ingestds before, becomes the caller's: *count of them.
 */
void keeper_care(struct keeper *k, int fds[SOCKETS_MAX], size_t *count);

/* The connection to socketd, which hangs up when that ends; -1: there is none. May be another one
 * after each keeper_care(). */
int keeper_fd(const struct keeper *k);

/* Who keeps them at this moment. */
enum keeper_kind keeper_now(struct keeper *k);

#endif
