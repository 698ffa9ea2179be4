/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of bits. */
#include "ingestd/signed/replay_window.h"

static uint32_t word_of(uint64_t sequence)
{
    return (uint32_t)(sequence / 64 % REPLAY_WORDS);
}

/* The words that come into the ring are emptied. The newest first: until the word is empty what it
 * had is taken for what has come. */
static void advance(struct replay_window *w, uint64_t sequence)
{
    uint64_t before = w->newest / 64, now = sequence / 64;
    uint64_t words = now - before < REPLAY_WORDS ? now - before : REPLAY_WORDS;
    w->newest = sequence;
    for (uint64_t i = 0; i < words; i++) {
        w->bits[(now - i) % REPLAY_WORDS] = 0;
    }
}

enum replay_verdict replay_window_take(struct replay_window *w, uint64_t sequence)
{
    uint64_t bit = UINT64_C(1) << sequence % 64;
    enum replay_verdict verdict = sequence > w->newest ? REPLAY_NEWEST : REPLAY_LATE;
    if (verdict == REPLAY_NEWEST) {
        advance(w, sequence);
    } else if (w->newest - sequence >= REPLAY_BEHIND) {
        return REPLAY_OLD;
    } else if ((w->bits[word_of(sequence)] & bit) != 0) {
        return REPLAY_SEEN;
    }
    w->bits[word_of(sequence)] |= bit;
    return verdict;
}
