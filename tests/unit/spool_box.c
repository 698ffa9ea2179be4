/* SPDX-License-Identifier: Apache-2.0 */
/* See spool_box.h. */
#include "tests/unit/spool_box.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

char box_other[FOLDER_BYTES];
static const struct outbox_limits roomy = {1 << 30, 1 << 30, BOX_RETRY_US};

int box_set_up(void **state)
{
    folder_make(box_other);
    return folder_set_up(state);
}

int box_tear_down(void **state)
{
    folder_remove(box_other);
    return folder_tear_down(state);
}

void box_limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

int box_quiet(void **state)
{
    (void)state;
    if (getenv("SPOOL_TEST_LOG") == NULL) {
        log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    }
    return 0;
}

static void open_box(struct box *b, const char *dir, const struct outbox_limits *limits)
{
    *b = (struct box){0};
    b->spool = spool_open(dir, &b->found);
    assert_non_null(b->spool);
    b->out = outbox_new(b->spool, &b->found, limits);
    assert_non_null(b->out);
    assert_true(outbox_oldest(b->out) > 0);
}

void box_open(struct box *b, const char *dir)
{
    open_box(b, dir, &roomy);
}

void box_open_with(struct box *b, const char *dir, const struct outbox_limits *limits)
{
    open_box(b, dir, limits);
    assert_int_equal(box_commit(b), 0);
}

void box_open_filled(struct box *b, uint64_t last, size_t size)
{
    box_open(b, folder);
    box_add_some(b, 1, last, size);
}

void box_close(struct box *b)
{
    box_commit(b);
    outbox_free(&b->out);
    spool_close(&b->spool);
}

struct spool_found box_look(const char *dir)
{
    struct box b;
    box_open(&b, dir);
    box_close(&b);
    return b.found;
}

/* What a batch of that sequence holds in these tests. */
static struct window_batch content(uint64_t sequence, size_t size, char *bytes)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(sequence * 31 + i * 7 + i / 251);
    }
    return (struct window_batch){.sequence = sequence,
                                 .kind = sequence % 5 == 0 ? BATCH_REJECTS : BATCH_RECORDS,
                                 .count = (uint32_t)(sequence % 100),
                                 .received_us = (int64_t)sequence * 1000,
                                 .dropped = sequence % 3,
                                 .frame = {bytes, size - size / 4},
                                 .accounts = {bytes + (size - size / 4), size / 4}};
}

void box_add(struct box *b, uint64_t sequence, size_t size)
{
    static char bytes[BOX_BATCH_BYTES];
    struct window_batch batch = content(sequence, size, bytes);
    batch.sequence = 0; /* the outbox knows */
    assert_int_equal(outbox_add(b->out, &batch), 0);
}

void box_add_small(struct box *b)
{
    struct window_batch batch = {.frame = {"x", 1}, .accounts = {"", 0}};
    assert_int_equal(outbox_add(b->out, &batch), 0);
}

void box_add_some(struct box *b, uint64_t first, uint64_t last, size_t size)
{
    for (uint64_t s = first; s <= last; s++) {
        box_add(b, s, size);
        assert_int_equal(box_commit(b), 0);
    }
}

int box_commit(struct box *b)
{
    int rc;
    while ((rc = outbox_commit(b->out)) == 1) {
        usleep(1000);
    }
    return rc;
}

static void assert_content(const struct window_batch *b)
{
    static char bytes[BOX_BATCH_BYTES];
    struct window_batch e = content(b->sequence, b->frame.len + b->accounts.len, bytes);
    assert_int_equal(b->kind, e.kind);
    assert_int_equal(b->count, e.count);
    assert_int_equal(b->received_us, e.received_us);
    assert_int_equal(b->dropped, e.dropped);
    assert_true(slice_equal(b->frame, e.frame));
    assert_true(slice_equal(b->accounts, e.accounts));
}

uint64_t box_push(struct box *b)
{
    const struct window_batch *batch = outbox_next_to_push(b->out, ++b->now_us);
    if (batch == NULL) {
        return 0;
    }
    uint64_t sequence = batch->sequence;
    assert_content(batch);
    assert_true((batch->epoch == b->found.epoch) == (sequence >= b->found.next));
    assert_int_equal(outbox_oldest(b->out) <= sequence, 1);
    outbox_pushed(b->out, sequence, b->now_us);
    return sequence;
}

void box_push_some(struct box *b, uint64_t first, uint64_t last)
{
    for (uint64_t s = first; s <= last; s++) {
        assert_int_equal(box_push(b), s);
    }
}

int box_acknowledge(struct box *b, uint64_t sequence)
{
    struct window_batch was;
    return outbox_acknowledge(b->out, outbox_epoch_of(b->out, sequence), sequence, &was);
}

void box_acknowledge_some(struct box *b, uint64_t first, uint64_t last)
{
    for (uint64_t s = first; s <= last; s++) {
        assert_int_equal(box_acknowledge(b, s), 0);
    }
}

uint64_t box_drain(struct box *b, bool *has, uint64_t size)
{
    uint64_t count = 0, last = 0, s;
    outbox_fill(b->out);
    memset(has, 0, size * sizeof *has);
    while ((s = box_push(b)) != 0) {
        assert_true(s > last && s < size);
        last = s;
        has[s] = true;
        count++;
        assert_int_equal(box_acknowledge(b, s), 0);
        outbox_fill(b->out);
    }
    assert_int_equal(outbox_state(b->out).batches, 0);
    return count;
}
