/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum: each step is a bijection of the sum and of the word, so no single word goes
 * unnoticed. Not against forgers: who can write the file can do worse. */
#include "ingestd/spool/spool_row.h"

#include "common/network_order.h"

#define SEED UINT64_C(0x243f6a8885a308d3)

static uint64_t add_word(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static uint64_t add_bytes(uint64_t sum, struct slice s)
{
    sum = add_word(sum, s.at == NULL ? UINT64_MAX : s.len);
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.at + i, 8);
        sum = add_word(sum, word);
    }
    if (i < s.len) {
        uint64_t word = 0;
        memcpy(&word, s.at + i, s.len - i);
        sum = add_word(sum, word);
    }
    return sum;
}

uint64_t spool_checksum(struct slice bytes)
{
    return add_bytes(SEED, bytes);
}

struct slice spool_row_name(const struct spool_row *row, char name[SPOOL_NAME_BYTES])
{
    memcpy(name, row->instance, 16);
    network_order_put(name + 16, row->batch.epoch);
    network_order_put(name + 24, row->batch.epoch_first);
    return (struct slice){name, row->batch.epoch == 0 ? 16 : SPOOL_NAME_BYTES};
}

int spool_row_take_name(struct spool_row *row, struct slice name)
{
    if (name.len != 16 && name.len != SPOOL_NAME_BYTES) {
        return -1;
    }
    memcpy(row->instance, name.at, 16);
    row->batch.epoch = name.len == 16 ? 0 : network_order_get(name.at + 16);
    row->batch.epoch_first = name.len == 16 ? 0 : network_order_get(name.at + 24);
    return (name.len == 16) == (row->batch.epoch == 0) &&
                   row->batch.epoch_first <= row->batch.sequence
               ? 0
               : -1;
}

uint64_t spool_row_checksum(const struct spool_row *row)
{
    const struct window_batch *b = &row->batch;
    char name[SPOOL_NAME_BYTES];
    uint64_t sum = add_word(SEED, b->sequence);
    sum = add_bytes(sum, spool_row_name(row, name));
    sum = add_word(sum, b->kind);
    sum = add_word(sum, b->count);
    sum = add_word(sum, (uint64_t)b->received_us);
    sum = add_word(sum, b->dropped);
    sum = add_bytes(sum, b->accounts);
    return add_bytes(sum, b->frame);
}
