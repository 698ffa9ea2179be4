/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much the store has, for who watches it: looked up once a minute, on a connection of its own
 * and without waiting, and told as gauges. With it whether the clocks of stored and PostgreSQL are
 * apart: what is silent is judged by the one, what is so now by the other.
 */
#ifndef EZREPO_STORED_FIGURES_H
#define EZREPO_STORED_FIGURES_H

#include "stored/store.h"

struct figures;

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct figures *figures_new(struct store *store);

/* Called now and then while the database is there; the first connecting may take some seconds.
 * now_us: time of day; clock_us: a steady clock. */
void figures_go_on(struct figures *f, int64_t now_us, int64_t clock_us);

#endif
