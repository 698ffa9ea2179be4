/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the ledger are summed up into its rows now and then, on a connection of its own and
 * without waiting, so that flushes go on meanwhile.
 */
#ifndef EZREPO_STORED_LEDGER_FOLD_H
#define EZREPO_STORED_LEDGER_FOLD_H

#include "stored/store.h"

struct ledger_fold;

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct ledger_fold *ledger_fold_new(struct store *store);

/* Called now and then while the database is there; the first connecting may take some seconds. */
void ledger_fold_go_on(struct ledger_fold *fold, int64_t clock_us);

#endif
