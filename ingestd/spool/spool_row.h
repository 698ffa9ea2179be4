/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the spool: a batch with all it takes to push it again, and a checksum by which flipped
 * bits are found. Pure.
 */
#ifndef EZREPO_INGESTD_SPOOL_ROW_H
#define EZREPO_INGESTD_SPOOL_ROW_H

#include "ingestd/window.h"

struct spool_row {
    struct window_batch batch; /* frames are no value once it is acknowledged */
    uint8_t instance[16];
};

static inline bool spool_row_is_acknowledged(const struct spool_row *row)
{
    return row->batch.frame.at == NULL;
}

/*
 * What the column `instance` holds: the instance; behind it, where the batch has an epoch, epoch
 * and epoch_first as big-endian numbers. So a row tells all of its batch's name, whatever becomes
 * of other pages, and one that the release before wrote is read as it is.
 */
#define SPOOL_NAME_BYTES 32
struct slice spool_row_name(const struct spool_row *row, char name[SPOOL_NAME_BYTES]);
/* The reverse; the sequence is there already. 0, or -1 when it is none. */
int spool_row_take_name(struct spool_row *row, struct slice name);

/*
 * Over all of the row. A fault within any eight bytes in a row always changes it, any other one
 * with a probability of 1 - 2^-64.
 */
uint64_t spool_row_checksum(const struct spool_row *row);

/* The same over any bytes. */
uint64_t spool_checksum(struct slice bytes);

#endif
