/*
 * Files of results in a folder, as scp, sftp or rsync fill it: a thread takes in those that are
 * complete, by ingestd's own door, and moves them to done/ or failed/. It shares no data with the
 * loop.
 */
#ifndef EZREPO_INGESTD_DROP_H
#define EZREPO_INGESTD_DROP_H

#include <stdbool.h>
#include <stdint.h>

struct drop;

/* Since the start. */
struct drop_counts {
    uint64_t done, failed;     /* files */
    uint64_t records, refused; /* see drop_queue.h */
    bool looking;              /* the folder can be read */
};

/* Starts the thread. NULL after an error was logged. */
struct drop *drop_start(const char *folder, int64_t settle_s);

/* What is under way is left where it is: the next ingestd takes it. Does not wait. */
void drop_stop(struct drop *d);
/* Waits for the thread, and frees. */
void drop_free(struct drop **d);

struct drop_counts drop_counts(const struct drop *d);

#endif
