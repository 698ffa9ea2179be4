/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of results share: texts are read, and looked at. Single quotes stand for double
 * ones in the JSON that they are given.
 */
#ifndef EZREPO_TESTS_RESULT_BOX_H
#define EZREPO_TESTS_RESULT_BOX_H

#include "ingestd/result/result.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

#define WHEN "'when':'2026-11-21 19:00:00 ... 2026-11-21 19:00:02.5',"
#define PING "'result':'measure','label':'l-1','results':['delay.twoway.icmp.us'],"
#define ROW  "'resultvalues':[['7']]"

/* Of all tests of a program, and before each. */
int result_box_open(void **state);
int result_box_close(void **state);
int result_box_preset(void **state);

/* By which texts are read, and what came of the last one. */
extern struct result_means means;
extern struct arena *arena;
extern struct result_set set;
extern int64_t now_us; /* 2026-11-21 20:00:00 */
extern struct result_limits limits;

void read_bytes(struct slice bytes);
void read_text(const char *text);

/* The record of a message that holds just one. */
const struct record_message *one(const char *text);

/* The text is refused for this reason, in words that hold `why`. */
void refused(enum result_reason reason, const char *why, const char *text);

void is(struct slice found, const char *expected);

/* The records of the only result by their rows, which is not how they are handed on. */
const struct record_message *records_by_row(void);

/* Microseconds since 1970. */
int64_t at(const char *text);

#endif
