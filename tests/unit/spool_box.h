/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool with its outbox, for tests: batches whose content follows from their sequence, so that
 * what comes back can be judged. All of it asserts; nothing is returned that failed.
 */
#ifndef EZREPO_TESTS_SPOOL_BOX_H
#define EZREPO_TESTS_SPOOL_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "ingestd/outbox.h"
#include "tests/unit/spool_folder.h"

#define BOX_RETRY_US    1000000000
#define BOX_BATCH_BYTES 100000 /* the longest batch */

/* Beside `folder`, where a test's spool is: a place for copies of it. */
extern char box_other[FOLDER_BYTES];

struct box {
    struct spool *spool;
    struct spool_found found; /* at its opening; stays when it is closed */
    struct outbox *out;
    int64_t now_us;
};

/* Both folders are fresh for each test. */
int box_set_up(void **state);
int box_tear_down(void **state);
#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, box_set_up, box_tear_down)

/* Setup of all tests: bad spools have much to say, which is logged with SPOOL_TEST_LOG only. */
int box_quiet(void **state);

/* With room for all that these tests do. */
void box_open(struct box *b, const char *dir);

/* With these limits, and once committed. */
void box_open_with(struct box *b, const char *dir, const struct outbox_limits *limits);

/* In `folder`, with the batches 1 to `last` of so many bytes, each committed. */
void box_open_filled(struct box *b, uint64_t last, size_t size);

void box_close(struct box *b);

/* Opens and closes one; what was found. */
struct spool_found box_look(const char *dir);

void box_add(struct box *b, uint64_t sequence, size_t size);

/* As outbox_commit, tried again while whoever keeps the file in the background is in the way. */
int box_commit(struct box *b);

/* A batch that is not judged by its content, with whatever sequence is the next. */
void box_add_small(struct box *b);

/* Files can be no longer than that, as on a disk that is full; RLIM_INFINITY: as long as they like.
 */
void box_limit_files(rlim_t bytes);

/* Commits after each. */
void box_add_some(struct box *b, uint64_t first, uint64_t last, size_t size);

/* Pushes the next batch and returns its sequence; 0 when there is none. */
uint64_t box_push(struct box *b);

/* The next ones to be pushed are these. */
void box_push_some(struct box *b, uint64_t first, uint64_t last);

/* As outbox_acknowledge. */
int box_acknowledge(struct box *b, uint64_t sequence);
void box_acknowledge_some(struct box *b, uint64_t first, uint64_t last);

/* Pushes and acknowledges all there is; how many, and by has[] which. */
uint64_t box_drain(struct box *b, bool *has, uint64_t size);

#endif
