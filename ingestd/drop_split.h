/*
 * A file's bytes into results, one at a time, whatever the size of the file: one on each line, or
 * the elements of a JSON array, or whole JSON values one behind the other. It only looks for where
 * each begins and ends; whether it is JSON is seen when it is read. Pure.
 */
#ifndef EZREPO_INGESTD_DROP_SPLIT_H
#define EZREPO_INGESTD_DROP_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct drop_split;

/* Of lines, or else by what the first byte says. Items beyond max_bytes are faults. NULL when
 * memory is out. The caller owns it. */
struct drop_split *drop_split_new(bool lines, size_t max_bytes);
void drop_split_free(struct drop_split **s);

enum drop_split_result {
    DROP_SPLIT_MORE,  /* all bytes were taken: give the next */
    DROP_SPLIT_ITEM,  /* an item is complete; call again with what is left of the bytes */
    DROP_SPLIT_FAULT, /* what follows cannot be told apart; drop_split_fault() says why */
    DROP_SPLIT_END
};

/*
 * Takes from the front of *bytes, which becomes what is left of it; with `last`, nothing follows
 * it. After DROP_SPLIT_ITEM the item is in *item until the next call, and began in line *line.
 */
enum drop_split_result drop_split_next(struct drop_split *s, struct slice *bytes, bool last,
                                       struct slice *item, uint64_t *line);

/* What was expected, and in which line. */
const char *drop_split_fault(const struct drop_split *s, uint64_t *line);

#endif
