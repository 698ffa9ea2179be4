/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sequences of which senders have come: a replay_window for each epoch of each key, in a file
 * that is memory, so that it is there after a kill and not believed after the machine was started
 * anew. What is not known of an epoch was signed after the memory begins, or is refused: so nothing
 * is taken twice.
 */
#ifndef EZREPO_INGESTD_REPLAY_MEMORY_H
#define EZREPO_INGESTD_REPLAY_MEMORY_H

#include "common/signed_envelope.h"
#include "ingestd/signed/replay_window.h"

#define REPLAY_EPOCHS        4096 /* in all */
#define REPLAY_EPOCHS_OF_KEY 256

/* What a datagram counts at most as missing before it. */
#define REPLAY_LEAP (INT64_C(1) << 32)

struct replay_memory;

/*
 * What the ingestd before left in the folder; where there is nothing, or the machine was started
 * since, one that begins at now_us (since 1970). Without a file, which is logged, it ends with the
 * process. NULL when memory is out. The caller owns it.
 */
struct replay_memory *replay_memory_open(const char *folder, int64_t now_us);
void replay_memory_free(struct replay_memory **m);

/*
 * Whether an envelope that is true may be taken; from now on it has come. window_us: what was
 * signed so long ago is refused before it comes here. *missing: how many more sequences of its
 * epoch are missing from now on; -1 where it was itself one of them.
 */
enum replay_verdict replay_memory_take(struct replay_memory *m, const struct signed_head *head,
                                       int64_t now_us, int64_t window_us, int64_t *missing);

/* How many epochs are known; and what was signed up to when is refused of others, since 1970. */
uint32_t replay_memory_epochs(const struct replay_memory *m);
int64_t replay_memory_since(const struct replay_memory *m);

#endif
