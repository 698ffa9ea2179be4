/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all that works beside the flushes has in common: a task on a connection of its own. It is
 * the first member of whoever works so, and all of a store's are in a list, to be closed together.
 */
#ifndef EZREPO_STORED_BESIDE_H
#define EZREPO_STORED_BESIDE_H

#include <stddef.h>

#include "common/pg/task.h"
#include "stored/store.h"

struct beside {
    struct store *store;
    struct pg_task task;
    struct beside *next; /* of the store's list */
};

/* One more of so many bytes, all 0 but for the struct beside that they begin with, which owns the
 * task. NULL when memory is out. It lives as long as the store's list. */
void *beside_new(struct store *store, size_t size, const struct pg_task_kind *kind);

/* All that is under way is given up, and the connections are closed. */
void beside_close_all(struct store *store);
void beside_free_all(struct store *store);

static inline bool beside_is_under_way(const struct beside *b)
{
    return pg_task_is_under_way(&b->task);
}
/* Any of them. */
bool beside_any_is_under_way(const struct store *store);

/* The step failed: that is logged under this name, and counted. */
void beside_log(const struct beside *b, const char *event, const char *step);

#endif
