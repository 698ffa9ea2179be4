/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much one sender may have: records a second, different series and different days in a day of
 * the calendar, so that no single one takes all. ingestd does not know which series and days are
 * new to the store, so it counts what a sender names in a day; series by a bitmap, so that up to a
 * quarter of those that are too much is taken.
 * A sender that is not heard for long is forgotten when others need its place, and begins anew.
 * Pure memory, bounded whoever sends under whatever address. Times are given by the caller.
 */
#ifndef EZREPO_INGESTD_BUDGETS_H
#define EZREPO_INGESTD_BUDGETS_H

#include "common/message.h"
#include "ingestd/sender_rules.h"

struct budgets;

/* NULL when memory is out. The caller owns it. */
struct budgets *budgets_new(void);
void budgets_free(struct budgets **b);

enum budget_verdict { BUDGET_WITHIN, BUDGET_RECORDS, BUDGET_SERIES, BUDGET_DAYS };

/*
 * Whether the records of one result may be taken. They count if so; its series count also if not. A
 * result that is larger than what is left of the burst is taken as a whole, and so is a document of
 * which a result was taken (`begun`): else one that is sent again would spend what there is on its
 * first results each time. What is too much is missing from the next.
 * name: of the sender, its door included. When memory is out everything may be taken.
 * received_us: time of day; now_us: of a clock that never steps.
 */
enum budget_verdict budgets_take(struct budgets *b, enum sender_door door, struct slice name,
                                 const struct sender_budget *budget,
                                 const struct record_message *records, uint32_t count, bool begun,
                                 int64_t received_us, int64_t now_us);

#endif
