/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the ledger are summed up into its rows now and then, on a connection of its own and
 * without waiting, so that flushes go on meanwhile.
 */
#ifndef EZREPO_STORED_LEDGER_FOLD_H
#define EZREPO_STORED_LEDGER_FOLD_H

#include "stored/store.h"

struct ledger_fold;

/* The caller owns it. NULL when memory is out. */
struct ledger_fold *ledger_fold_new(struct store *store);
void ledger_fold_free(struct ledger_fold **fold);

/* Called now and then while the database is there; the first connecting may take some seconds. */
void ledger_fold_go_on(struct ledger_fold *fold, int64_t clock_us);

/* Whether entries are being summed up. */
bool ledger_fold_is_under_way(const struct ledger_fold *fold);

/* Gives up and closes the connection. */
void ledger_fold_close(struct ledger_fold *fold);

#endif
