/* SPDX-License-Identifier: Apache-2.0 */
/* Batches being filled, and the accounts that go with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/batch.h"
#include "ingestd/batches.h"
#include "tests/unit/spool_folder.h"

static struct spool *spool;
static struct outbox *out;

static int open_outbox(void **state)
{
    const struct outbox_limits limits = {1 << 30, 1 << 30, 1000};
    struct spool_found found;
    folder_set_up(state);
    spool = spool_open(folder, &found);
    out = spool == NULL ? NULL : outbox_new(spool, &found, &limits);
    return out == NULL ? -1 : 0;
}

static int close_outbox(void **state)
{
    outbox_free(&out);
    spool_close(&spool);
    return folder_tear_down(state);
}

/* The batch to push now. */
static const struct window_batch *next_batch(void)
{
    assert_int_equal(outbox_commit(out), 0);
    return outbox_next_to_push(out, 0);
}

static const struct batches_limits three = {.records = 3, .age_us = 500, .rejects_per_second = 10};

static void tell(struct batches *b, uint32_t sender, enum datagram_fate fate, uint32_t reason,
                 int64_t now_us)
{
    struct address address = {.family = 4};
    address.bytes[0] = 10;
    address.bytes[1] = (uint8_t)(sender >> 16);
    address.bytes[2] = (uint8_t)(sender >> 8);
    address.bytes[3] = (uint8_t)sender;
    struct sender of = {.door = "udp", .address = address};
    batches_datagram(b, &of, fate, reason, 1000 + now_us, now_us);
}

static int add_record(struct batches *b, const char *value, int64_t now_us)
{
    struct slice name = slice_of("n"), text = slice_of(value);
    struct schema_message schema = {
        .verb = slice_of("measure"), .results = &name, .results_count = 1};
    struct record_message record = {.type = slice_of("t"), .values = &text, .values_count = 1};
    schema.registry = record.content = record.probe = record.source = record.dest = record.path =
        record.label = slice_of("");
    return batches_add(b, &schema, &record, 1000 + now_us, now_us);
}

static int add_reject(struct batches *b, int64_t now_us)
{
    struct reject_message reject = {.reason = slice_of("json"),
                                    .detail = slice_of("no"),
                                    .sender = slice_of("192.0.2.1:5"),
                                    .received_us = 1000 + now_us,
                                    .size_bytes = 2,
                                    .head = slice_of("{}"),
                                    .door = slice_of("udp"),
                                    .format = slice_of("fping-text"),
                                    .context = slice_of("target=a%20b")};
    return batches_reject(b, &reject, now_us);
}

static void test_closed_by_count_and_age(void **state)
{
    (void)state;
    struct batches_limits limits = {.records = 3, .age_us = 500, .rejects_per_second = 10};
    struct batches *b = batches_new(out, &limits);
    assert_int_equal(batches_close_old(b, 0), -1);
    assert_int_equal(add_record(b, "1", 0), 0);
    assert_int_equal(add_record(b, "2", 10), 0);
    assert_int_equal(batches_close_old(b, 100), 400);
    assert_null(next_batch());
    assert_int_equal(add_record(b, "3", 110), 0);
    const struct window_batch *first = next_batch();
    assert_int_equal(first->count, 3);
    assert_int_equal(first->received_us, 1000); /* that of the oldest */
    outbox_pushed(out, 1, 0);
    assert_int_equal(batches_close_old(b, 499), -1);
    assert_int_equal(add_record(b, "4", 600), 0);
    assert_int_equal(add_reject(b, 700), 0);
    assert_int_equal(batches_close_old(b, 1099), 1);
    assert_int_equal(batches_close_old(b, 1100), 100);
    assert_int_equal(next_batch()->kind, BATCH_RECORDS);
    outbox_pushed(out, 2, 0);
    assert_int_equal(batches_close_old(b, 1200), -1);
    assert_int_equal(next_batch()->kind, BATCH_REJECTS);
    assert_int_equal(next_batch()->count, 1);
    assert_int_equal(batches_counts(b).closed, 3);
    batches_close_all(b);
    assert_int_equal(batches_counts(b).closed, 3);
    assert_int_equal(batches_counts(b).lost, 0);
    batches_free(&b);
}

static void test_closed_by_size(void **state)
{
    (void)state;
    struct batches_limits limits = {.records = 8192, .age_us = 500, .rejects_per_second = 10};
    struct batches *b = batches_new(out, &limits);
    char *value = test_calloc(1, 60001);
    memset(value, 'v', 60000);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(add_record(b, value, 0), 0);
    }
    assert_int_equal(next_batch()->count, 18);
    test_free(value);
    batches_free(&b);
}

/* Records of days long ago, and others, do not share a batch; but not at any price. */
static void test_what_is_old_parts(void **state)
{
    (void)state;
    struct batches_limits limits = {.records = 8192, .age_us = 1000000, .rejects_per_second = 10};
    struct batches *b = batches_new(out, &limits);
    batches_of_old(b, true, 1); /* nothing is open yet */
    for (int i = 0; i < 6; i++) {
        batches_of_old(b, i >= 3, 1);
        tell(b, 1, DATAGRAM_ACCEPTED, 0, 1);
        assert_int_equal(add_record(b, "1", 1), 0);
    }
    assert_int_equal(batches_counts(b).closed, 1);
    assert_int_equal(next_batch()->count, 3);
    for (int i = 0; i < 1000; i++) {
        batches_of_old(b, i % 2 == 0, 2);
        tell(b, 1, DATAGRAM_ACCEPTED, 0, 2);
        assert_int_equal(add_record(b, "1", 2), 0);
    }
    assert_in_range(batches_counts(b).closed, 100, 220);
    batches_close_all(b);
    assert_int_equal(batches_counts(b).datagrams, 1006);
    assert_int_equal(batches_counts(b).lost, 0);
    batches_free(&b);
}

/* What is handed to the window is what common/batch.h and the reject message can read again. */
static void test_frames_can_be_read(void **state)
{
    (void)state;
    struct batches_limits limits = {.records = 2, .age_us = 500, .rejects_per_second = 10};
    struct batches *b = batches_new(out, &limits);
    struct arena *a = arena_new(1 << 20);
    struct batch_reader r;
    struct record_message record;
    struct reject_message reject;
    add_record(b, "first", 0);
    add_record(b, "second", 0);
    add_reject(b, 0);
    add_reject(b, 0);
    assert_int_equal(batch_reader_open(&r, next_batch()->frame, a), 0);
    assert_int_equal(r.schema_count, 1);
    assert_int_equal(batch_reader_next(&r, a, &record), 1);
    assert_true(slice_is(record.values[0], "first"));
    assert_int_equal(batch_reader_next(&r, a, &record), 1);
    assert_true(slice_is(record.values[0], "second"));
    assert_int_equal(batch_reader_next(&r, a, &record), 0);
    outbox_pushed(out, 1, 0);
    struct slice frame = next_batch()->frame;
    struct unpack u = unpack_bytes(frame.at, frame.len);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reject_decode(&u, a, &reject), 0);
        assert_true(slice_is(reject.reason, "json"));
    }
    assert_true(unpack_done(&u));
    arena_free(&a);
    batches_free(&b);
}

static void test_rejects_at_a_bounded_rate(void **state)
{
    (void)state;
    struct batches_limits limits = {.records = 100, .age_us = 500, .rejects_per_second = 10};
    struct batches *b = batches_new(out, &limits);
    int kept = 0;
    for (int i = 0; i < 50; i++) {
        kept += add_reject(b, 5000000) == 0;
    }
    assert_int_equal(kept, 10);
    assert_int_equal(add_reject(b, 5099999), 1);
    assert_int_equal(add_reject(b, 5100000), 0);
    assert_int_equal(add_reject(b, 5100001), 1);
    kept = 0;
    for (int i = 0; i < 50; i++) {
        kept += add_reject(b, 99000000) == 0; /* a long silence saves up no more than a second */
    }
    assert_int_equal(kept, 10);
    limits.rejects_per_second = 0;
    batches_set_limits(b, &limits);
    assert_int_equal(add_reject(b, 200000000), 1);
    batches_free(&b);
}

/* ---- accounts ---- */

/* The accounts of the batch to push next, which is pushed. */
static uint32_t take_accounts(struct arena *a, struct account_message *m)
{
    const struct window_batch *b = next_batch();
    assert_non_null(b);
    struct unpack u = unpack_bytes(b->accounts.at, b->accounts.len);
    uint32_t count = 0;
    while (!unpack_done(&u)) {
        assert_true(count < LIMIT_SENDERS);
        assert_int_equal(account_decode(&u, a, &m[count++]), 0);
    }
    outbox_pushed(out, b->sequence, 0);
    return count;
}

static void test_accounts_go_with_their_records(void **state)
{
    (void)state;
    struct batches *b = batches_new(out, &three);
    struct arena *a = arena_new(1 << 20);
    struct account_message m[4];
    struct batch_reader r;
    struct record_message record;
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 0);
    add_record(b, "1", 0);
    tell(b, 2, DATAGRAM_REJECTED, RESULT_PAST, 0);
    tell(b, 2, DATAGRAM_REJECTED, ACCOUNT_SENDER_REFUSED, 0);
    tell(b, 2, DATAGRAM_REJECTED, RESULT_PAST, 0);
    tell(b, 3, DATAGRAM_EXCEPTION, 0, 0);
    add_reject(b, 0);
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 0);
    tell(b, 4, DATAGRAM_ACCEPTED, 0, 0);
    for (int i = 0; i < 4; i++) {
        add_record(b, "x", 0); /* the last two of these stand in the batch after */
    }
    batches_dropped(b, 7, 0, 0);
    batches_close_all(b);

    const struct window_batch *first = next_batch();
    assert_int_equal(first->kind, BATCH_RECORDS);
    assert_int_equal(first->dropped, 0);
    assert_int_equal(batch_reader_open(&r, first->frame, a), 0);
    const uint64_t senders[] = {0, 3, 3};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(batch_reader_next(&r, a, &record), 1);
        assert_int_equal(record.sender, senders[i]);
    }
    assert_int_equal(take_accounts(a, m), 4);
    assert_true(slice_is(m[0].sender, "10.0.0.1"));
    assert_true(slice_is(m[0].door, "udp"));
    assert_int_equal(m[0].datagrams, 2);
    assert_int_equal(m[0].accepted, 2);
    assert_int_equal(m[0].records, 1);
    assert_int_equal(m[0].reasons_count, 0);
    assert_true(slice_is(m[1].sender, "10.0.0.2"));
    assert_int_equal(m[1].datagrams, 3);
    assert_int_equal(m[1].accepted, 0);
    assert_int_equal(m[1].reasons_count, 2);
    assert_true(slice_is(m[1].reasons[0], "time.past"));
    assert_int_equal(m[1].rejected[0], 2);
    assert_true(slice_is(m[1].reasons[1], "sender"));
    assert_int_equal(m[1].rejected[1], 1);
    assert_int_equal(m[2].exceptions, 1);
    assert_int_equal(m[3].records, 2);

    assert_int_equal(next_batch()->dropped, 7);
    assert_int_equal(take_accounts(a, m), 1); /* the rest of the datagram: only records */
    assert_true(slice_is(m[0].sender, "10.0.0.4"));
    assert_int_equal(m[0].datagrams, 0);
    assert_int_equal(m[0].records, 2);
    assert_int_equal(next_batch()->kind, BATCH_REJECTS);
    assert_int_equal(next_batch()->dropped, 0);
    assert_int_equal(take_accounts(a, m), 0);
    arena_free(&a);
    batches_free(&b);
}

/* Records that wait refer to the accounts: a batch of rejects closed meanwhile must not take them.
 */
static void test_rejects_leave_the_accounts_to_records(void **state)
{
    (void)state;
    struct batches *b = batches_new(out, &three);
    struct arena *a = arena_new(1 << 20);
    struct account_message m[4];
    tell(b, 1, DATAGRAM_REJECTED, RESULT_PAST, 0);
    add_reject(b, 0);
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 100);
    add_record(b, "1", 100);
    assert_int_equal(batches_close_old(b, 500), 100);
    assert_int_equal(next_batch()->kind, BATCH_REJECTS);
    assert_int_equal(take_accounts(a, m), 0);
    assert_int_equal(batches_close_old(b, 600), -1);
    assert_int_equal(take_accounts(a, m), 1);
    assert_int_equal(m[0].datagrams, 2);
    arena_free(&a);
    batches_free(&b);
}

/* What an ingestd before lost is told once, at once, in a batch of its own, at the time it was. */
static void test_what_was_lost(void **state)
{
    (void)state;
    struct batches *b = batches_new(out, &three);
    struct arena *a = arena_new(1 << 20);
    struct account_message m[4];
    const struct lost_message lost = {.datagrams = 30, .maybe_more = 64};
    struct lost_message told;
    assert_false(batches_counts(b).lost_told);
    batches_lost(b, &lost, 77, 1000);
    assert_true(batches_counts(b).lost_told);
    const struct window_batch *first = next_batch();
    assert_int_equal(first->kind, BATCH_REJECTS);
    assert_int_equal(first->count, 0);
    assert_int_equal(first->received_us, 77);
    assert_int_equal(lost_decode_all(first->accounts, a, &told), 0);
    assert_int_equal(told.datagrams, 30);
    assert_int_equal(told.maybe_more, 64);
    outbox_pushed(out, first->sequence, 0);
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 2000);
    add_record(b, "1", 2000);
    batches_close_all(b);
    assert_int_equal(take_accounts(a, m), 1);
    assert_null(next_batch());
    arena_free(&a);
    batches_free(&b);
}

/* What is closed holds each datagram whole or not at all, when the rest is closed before a commit.
 */
static void test_the_rest_of_a_datagram(void **state)
{
    (void)state;
    struct batches *b = batches_new(out, &three);
    struct arena *a = arena_new(1 << 20);
    struct account_message m[4];
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 0);
    add_record(b, "1", 0);
    batches_close_rest(b); /* of none that is closed */
    assert_null(next_batch());
    assert_int_equal(batches_counts(b).datagrams, 0);
    tell(b, 2, DATAGRAM_ACCEPTED, 0, 0);
    for (int i = 0; i < 3; i++) {
        add_record(b, "2", 0);
    }
    assert_int_equal(batches_counts(b).datagrams, 2);
    assert_int_equal(next_batch()->count, 3);
    assert_int_equal(take_accounts(a, m), 2);
    assert_null(next_batch());
    batches_close_rest(b);
    assert_int_equal(next_batch()->count, 1);
    assert_int_equal(take_accounts(a, m), 1);
    assert_int_equal(m[0].datagrams, 0);
    tell(b, 1, DATAGRAM_ACCEPTED, 0, 0);
    add_record(b, "1", 0);
    batches_close_rest(b);
    assert_null(next_batch());
    assert_int_equal(batches_counts(b).datagrams, 2);
    batches_close_all(b);
    assert_int_equal(take_accounts(a, m), 1);
    assert_int_equal(batches_counts(b).datagrams, 3);
    arena_free(&a);
    batches_free(&b);
}

static void test_accounts_alone_go_after_a_second(void **state)
{
    (void)state;
    struct batches *b = batches_new(out, &three);
    struct arena *a = arena_new(1 << 20);
    struct account_message m[4];
    tell(b, 1, DATAGRAM_EXCEPTION, 0, 50);
    assert_int_equal(batches_close_old(b, 50 + BATCH_ACCOUNTS_US - 1), 1);
    assert_null(next_batch());
    assert_int_equal(batches_close_old(b, 50 + BATCH_ACCOUNTS_US), -1);
    const struct window_batch *alone = next_batch();
    assert_int_equal(alone->kind, BATCH_REJECTS);
    assert_int_equal(alone->count, 0);
    assert_int_equal(alone->frame.len, 0);
    assert_int_equal(alone->received_us, 1050);
    assert_int_equal(take_accounts(a, m), 1);
    assert_int_equal(m[0].exceptions, 1);
    batches_close_old(b, 99 * (int64_t)BATCH_ACCOUNTS_US);
    assert_null(next_batch());

    batches_dropped(b, 5, 2000, 100 * (int64_t)BATCH_ACCOUNTS_US);
    batches_close_old(b, 101 * (int64_t)BATCH_ACCOUNTS_US);
    assert_int_equal(next_batch()->dropped, 5);
    assert_int_equal(take_accounts(a, m), 0);
    batches_dropped(b, 5, 2000, 102 * (int64_t)BATCH_ACCOUNTS_US);
    batches_close_all(b);
    assert_null(next_batch());
    arena_free(&a);
    batches_free(&b);
}

/* Addresses are easily forged: as many as there may be never take more than LIMIT_SENDERS accounts,
 * and what all accounts say adds up to what was told. */
static void test_more_senders_than_fit(void **state)
{
    (void)state;
    enum { SENDERS = 5 * LIMIT_SENDERS };
    const struct batches_limits limits = {.records = 8192, .age_us = 500, .rejects_per_second = 10};
    static struct account_message m[LIMIT_SENDERS];
    struct batches *b = batches_new(out, &limits);
    struct arena *a = arena_new(1 << 24);
    for (uint32_t i = 0; i < 2 * SENDERS; i++) {
        tell(b, i % SENDERS, i % 3 == 0 ? DATAGRAM_ACCEPTED : DATAGRAM_REJECTED,
             i % ACCOUNT_REASONS, 0);
        if (i % 3 == 0 && i < SENDERS) {
            add_record(b, "x", 0);
            add_record(b, "y", 0);
        }
    }
    batches_close_all(b);
    uint64_t datagrams = 0, accepted = 0, rejected = 0, records = 0, batches = 0;
    for (; next_batch() != NULL; batches++) {
        arena_reset(a);
        uint32_t count = take_accounts(a, m);
        assert_in_range(count, 1, LIMIT_SENDERS);
        for (uint32_t i = 0; i < count; i++) {
            datagrams += m[i].datagrams;
            accepted += m[i].accepted;
            records += m[i].records;
            assert_int_equal(m[i].reasons_count, m[i].rejected_count);
            for (uint32_t k = 0; k < m[i].rejected_count; k++) {
                assert_true(m[i].rejected[k] > 0);
                rejected += m[i].rejected[k];
            }
        }
    }
    assert_in_range(batches, 10, 11);
    assert_int_equal(datagrams, 2 * SENDERS);
    assert_int_equal(accepted + rejected, 2 * SENDERS);
    assert_int_equal(accepted, (2 * SENDERS + 2) / 3);
    assert_int_equal(records, 2 * ((SENDERS + 2) / 3));
    arena_free(&a);
    batches_free(&b);
}

static void test_accounts_of_all_kinds_of_senders(void **state)
{
    (void)state;
    struct accounts *accounts = accounts_new();
    struct sender four = {.door = "udp", .address = {.family = 4, .bytes = {192, 0, 2, 1}}};
    struct sender six = {.address = {.family = 6, .bytes = {192, 0, 2, 1}}};
    struct sender named = {.door = "https", .name = slice_of("https:org.example.p1")};
    struct sender other = {.name = slice_of("https:org.example.p2")};
    uint32_t index;
    assert_int_equal(accounts_find(accounts, &four, &index), 0);
    assert_int_equal(index, 0);
    assert_int_equal(accounts_find(accounts, &six, &index), 0);
    assert_int_equal(index, 1);
    assert_int_equal(accounts_find(accounts, &named, &index), 0);
    assert_int_equal(index, 2);
    assert_int_equal(accounts_find(accounts, &other, &index), 0);
    assert_int_equal(index, 3);
    assert_int_equal(accounts_find(accounts, &four, &index), 0);
    assert_int_equal(index, 0);
    assert_int_equal(accounts_find(accounts, &named, &index), 0);
    assert_int_equal(index, 2);
    assert_string_equal(accounts_at(accounts, 0)->door, "udp");
    assert_string_equal(accounts_at(accounts, 2)->door, "https");
    accounts_clear(accounts);
    assert_int_equal(accounts_count(accounts), 0);
    assert_int_equal(accounts_find(accounts, &six, &index), 0);
    assert_int_equal(index, 0);
    accounts_free(&accounts);
    assert_null(accounts);
}

#define with_outbox(test) cmocka_unit_test_setup_teardown(test, open_outbox, close_outbox)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_outbox(test_closed_by_count_and_age),
        with_outbox(test_closed_by_size),
        with_outbox(test_what_is_old_parts),
        with_outbox(test_frames_can_be_read),
        with_outbox(test_rejects_at_a_bounded_rate),
        with_outbox(test_accounts_go_with_their_records),
        with_outbox(test_rejects_leave_the_accounts_to_records),
        with_outbox(test_what_was_lost),
        with_outbox(test_the_rest_of_a_datagram),
        with_outbox(test_accounts_alone_go_after_a_second),
        with_outbox(test_more_senders_than_fit),
        cmocka_unit_test(test_accounts_of_all_kinds_of_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
