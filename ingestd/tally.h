/*
 * What must be known of a killed ingestd by the next: how many datagrams it had read and not yet
 * got into the spool, and how many of the drops that the kernel counted per socket it had told. A
 * page of memory in a file, so that nothing is to be written: it is there after a kill, and not
 * believed after the machine was started anew.
 */
#ifndef EZREPO_INGESTD_TALLY_H
#define EZREPO_INGESTD_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally;

/* Of the ingestd before. */
struct tally_found {
    uint64_t lost;         /* datagrams read, not in the spool */
    uint64_t maybe_lost;   /* it was killed while reading: up to so many more */
    uint64_t drops_untold; /* seen, in no batch in the spool */
};

/*
 * Reads what the file says, and makes it anew for these sockets. drops[i] becomes what was seen of
 * the i-th one's kernel counter: 0 when it is new. NULL after an error was logged, which the other
 * functions take: then nothing is kept. The caller owns the result.
 */
struct tally *tally_open(const char *run_dir, const int *sockets, size_t count, uint64_t *drops,
                         struct tally_found *found);
void tally_free(struct tally **t);

/* Before reading from a socket, and after it: so many came. */
void tally_reading(struct tally *t);
void tally_read(struct tally *t, uint64_t datagrams);

/* So many more drops were seen on the i-th socket. */
void tally_dropped(struct tally *t, size_t i, uint64_t more);

/* In the spool are, since tally_open(), so many datagrams, and batches that tell so many drops. */
void tally_spooled(struct tally *t, uint64_t datagrams, uint64_t drops);

#endif
