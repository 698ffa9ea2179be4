/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be known of a killed ingestd by the next: how many datagrams it had read and not yet
 * got into the spool, and how many of the drops that the kernel counted per socket it had told. A
 * page of memory in a file, so that nothing is to be written: it is there after a kill, and not
 * believed after the machine was started anew.
 */
#ifndef EZREPO_INGESTD_TALLY_H
#define EZREPO_INGESTD_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally;

/* Of the ingestd before. */
struct tally_found {
    uint64_t lost; /* datagrams read, in no batch in the spool, not told by it or another */
    uint64_t
        maybe_lost; /* up to so many more: it was killed while reading, or see tally_unsure() */
    uint64_t drops_untold; /* seen, in no batch in the spool */
    int64_t read_us;       /* when it read last, since 1970; 0: it never did */
};

/* What batches tell, in all since tally_open(). */
struct tally_told {
    uint64_t datagrams, drops;
    bool lost; /* what was found by tally_open() */
};

/*
 * Reads what the file says, and makes it anew for these sockets. spooled_next is the sequence after
 * the last one in the spool: it tells what became of a transaction under way. drops[i] becomes what
 * was seen of the i-th one's kernel counter: 0 when it is new. NULL after an error was logged,
 * which the other functions take: then nothing is kept. The caller owns the result.
 */
struct tally *tally_open(const char *folder, const int *sockets, size_t count,
                         uint64_t spooled_next, uint64_t *drops, struct tally_found *found);
void tally_free(struct tally **t);

/* Before reading from a socket, and after it: so many came, at now_us. */
void tally_reading(struct tally *t);
void tally_read(struct tally *t, uint64_t datagrams, int64_t now_us);

/* So many more drops were seen on the i-th socket. */
void tally_dropped(struct tally *t, size_t i, uint64_t more);

/* Before a transaction of the spool that has all batches below `next`, and what these tell; and
 * after it: whether it was committed, or need not be any more. */
void tally_spooling(struct tally *t, uint64_t next, const struct tally_told *told);
void tally_spooled(struct tally *t, bool committed);

/* While the spool cannot be written, batches are pushed that are not in it: after a kill nobody
 * knows which. Until the next transaction is committed. */
void tally_unsure(struct tally *t);

#endif
