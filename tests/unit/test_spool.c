/*
 * The spool: what is in it comes back, whatever is done to its files; what does not come back is
 * reported, to the batch; no sequence is given twice; memory stays bounded.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/outbox.h"
#include "tests/unit/spool_folder.h"

#define RETRY_US 1000000000
#define MOST     100000

static char folder[FOLDER_BYTES], other[FOLDER_BYTES];
static const struct outbox_limits roomy = {1 << 30, 1 << 30, RETRY_US};

struct box {
    struct spool *spool;
    struct spool_found found;
    struct outbox *out;
    int64_t now_us;
};

static int setup(void **state)
{
    (void)state;
    folder_make(folder);
    folder_make(other);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_remove(folder);
    folder_remove(other);
    return 0;
}

static void box_open_with(struct box *b, const char *dir, const struct outbox_limits *limits)
{
    *b = (struct box){0};
    b->spool = spool_open(dir, &b->found);
    assert_non_null(b->spool);
    b->out = outbox_new(b->spool, &b->found, limits);
    assert_non_null(b->out);
    assert_true(outbox_oldest(b->out) > 0);
    if (limits != &roomy) {
        assert_int_equal(outbox_commit(b->out), 0);
    }
}

static void box_open(struct box *b, const char *dir)
{
    box_open_with(b, dir, &roomy);
}

static void box_close(struct box *b)
{
    outbox_commit(b->out);
    outbox_free(&b->out);
    spool_close(&b->spool);
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

static void add(struct box *b, uint64_t sequence, size_t size)
{
    static char bytes[MOST];
    struct window_batch batch = content(sequence, size, bytes);
    batch.sequence = 0; /* the outbox knows */
    assert_int_equal(outbox_add(b->out, &batch), 0);
}

static void add_some(struct box *b, uint64_t first, uint64_t last, size_t size)
{
    for (uint64_t s = first; s <= last; s++) {
        add(b, s, size);
        assert_int_equal(outbox_commit(b->out), 0);
    }
}

static void assert_content(const struct window_batch *b)
{
    static char bytes[MOST];
    struct window_batch e = content(b->sequence, b->frame.len + b->accounts.len, bytes);
    assert_int_equal(b->kind, e.kind);
    assert_int_equal(b->count, e.count);
    assert_int_equal(b->received_us, e.received_us);
    assert_int_equal(b->dropped, e.dropped);
    assert_true(slice_equal(b->frame, e.frame));
    assert_true(slice_equal(b->accounts, e.accounts));
}

/* Pushes the next batch and returns its sequence; 0 when there is none. */
static uint64_t push(struct box *b)
{
    const struct window_batch *batch = outbox_next_to_push(b->out, ++b->now_us);
    if (batch == NULL) {
        return 0;
    }
    uint64_t sequence = batch->sequence;
    assert_content(batch);
    assert_int_equal(outbox_oldest(b->out) <= sequence, 1);
    outbox_pushed(b->out, sequence, b->now_us);
    return sequence;
}

static int acknowledge(struct box *b, uint64_t sequence)
{
    struct window_batch was;
    return outbox_acknowledge(b->out, sequence, &was);
}

/* Pushes and acknowledges all there is; how many, and by has[] which. */
static uint64_t drain(struct box *b, bool *has, uint64_t size)
{
    uint64_t count = 0, last = 0, s;
    outbox_fill(b->out);
    memset(has, 0, size * sizeof *has);
    while ((s = push(b)) != 0) {
        assert_true(s > last && s < size);
        last = s;
        has[s] = true;
        count++;
        assert_int_equal(acknowledge(b, s), 0);
        outbox_fill(b->out);
    }
    assert_int_equal(outbox_state(b->out).batches, 0);
    return count;
}

/* ---- files ---- */

static void path(char *into, const char *dir, const char *name)
{
    snprintf(into, 2 * FOLDER_BYTES, "%s/%s", dir, name);
}

static size_t file_read(const char *dir, const char *name, char *bytes, size_t size)
{
    char file[2 * FOLDER_BYTES];
    path(file, dir, name);
    FILE *f = fopen(file, "r");
    size_t n = f == NULL ? 0 : fread(bytes, 1, size, f);
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

static void file_write(const char *dir, const char *name, const char *bytes, size_t size)
{
    char file[2 * FOLDER_BYTES];
    path(file, dir, name);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

/* The three files of a spool as a killed process leaves them. */
struct image {
    char file[1 << 20], log[1 << 20], head[512];
    size_t file_size, log_size, head_size;
};
static struct image image, spoilt;
static char durable_head[512];
static size_t durable_head_size;

static void image_take(const char *dir)
{
    image.file_size = file_read(dir, "spool.sqlite", image.file, sizeof image.file);
    image.log_size = file_read(dir, "spool.sqlite-wal", image.log, sizeof image.log);
    image.head_size = file_read(dir, "spool.head", image.head, sizeof image.head);
    assert_true(image.file_size < sizeof image.file && image.log_size < sizeof image.log);
    assert_true(image.head_size > 0);
    spoilt = image;
}

/* Where the checksum stands in a head; NULL when it is not that of what is in front of it. */
static char *checksum_of(struct image *i)
{
    unsigned long long found;
    i->head[i->head_size < sizeof i->head ? i->head_size : sizeof i->head - 1] = '\0';
    char *sum = strstr(i->head, "checksum ");
    struct slice bytes = {i->head, sum == NULL ? 0 : (size_t)(sum - i->head)};
    return sum != NULL && sscanf(sum, "checksum %16llx", &found) == 1 &&
                   found == spool_checksum(bytes)
               ? sum
               : NULL;
}

/* Changes the head of an image; one that is damaged stays as it is. */
static void image_set(struct image *i, const char *name, const char *value)
{
    char *sum = checksum_of(i), *at = strstr(i->head, name);
    if (sum != NULL && at != NULL) {
        memcpy(at + strlen(name), value, strlen(value));
        snprintf(
            sum + 9, 18, "%016llx\n",
            (unsigned long long)spool_checksum((struct slice){i->head, (size_t)(sum - i->head)}));
    }
}

static void image_set_time(struct image *i, int64_t time_us)
{
    char text[24];
    snprintf(text, sizeof text, "%020lld", (long long)time_us);
    image_set(i, "time ", text);
}

/* As it is, which is what a copy does. */
static void image_put_back(const struct image *i)
{
    folder_clear(other);
    file_write(other, "spool.sqlite", i->file, i->file_size);
    if (i->log_size > 0) {
        file_write(other, "spool.sqlite-wal", i->log, i->log_size);
    }
    if (i->head_size > 0) {
        file_write(other, "spool.head", i->head, i->head_size);
    }
}

/* As if these were the files that were written, and now. */
static void image_put(const struct image *i)
{
    static struct image now;
    now = *i;
    image_set_time(&now, daemon_now_us());
    image_put_back(&now);
}

/* In place of the C library's: what a head was synced as is what a power failure leaves of it. */
int fdatasync(int fd)
{
    struct stat here, synced;
    char file[2 * FOLDER_BYTES];
    path(file, folder, "spool.head");
    if (fstat(fd, &here) == 0 && stat(file, &synced) == 0 && here.st_ino == synced.st_ino &&
        here.st_dev == synced.st_dev) {
        durable_head_size = file_read(folder, "spool.head", durable_head, sizeof durable_head);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* The report beside what was moved aside; how many batches it says are missing, each of them once
 * and none that is there. */
static uint64_t read_report(const bool *has, uint64_t size)
{
    uint64_t told = UINT64_MAX, counted = 0;
    DIR *d = opendir(other);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".damaged-") == NULL || strstr(e->d_name, ".txt") == NULL) {
            continue;
        }
        char file[FOLDER_BYTES + sizeof e->d_name + 1], line[300];
        snprintf(file, sizeof file, "%s/%s", other, e->d_name);
        FILE *f = fopen(file, "r");
        while (fgets(line, sizeof line, f) != NULL) {
            unsigned long long first, last;
            if (sscanf(line, "missing sequences %llu to %llu", &first, &last) == 2) {
                for (; first <= last; first++, counted++) {
                    assert_true(first < size && !has[first]);
                }
            }
            if (sscanf(line, "Missing batches: %llu", &first) == 1) {
                told = first;
            }
        }
        fclose(f);
    }
    closedir(d);
    assert_int_equal(told, counted);
    return told;
}

/*
 * Opens what was spoilt. Of the batches [oldest, next) those that do not come back are exactly
 * those reported; the next sequence is one that was never given.
 */
static uint64_t assert_recovers(uint64_t oldest, uint64_t next, bool head_is_whole)
{
    bool has[64];
    struct box b;
    image_put(&spoilt);
    box_open(&b, other);
    uint64_t offered = b.found.content.batches;
    uint64_t count = drain(&b, has, 64);
    assert_int_equal(count, offered);
    uint64_t wanted = 0;
    for (uint64_t s = oldest; s < next; s++) {
        wanted += has[s] ? 1 : 0;
    }
    assert_true(b.found.next >= next);
    if (head_is_whole) {
        assert_int_equal(b.found.next, next);
        assert_int_equal(b.found.missing, next - oldest - wanted);
        assert_int_equal(b.found.damaged, b.found.missing > 0 || b.found.damaged);
    }
    if (b.found.damaged) {
        assert_int_equal(read_report(has, 64), b.found.missing);
    }
    /* It goes on, and the loss is told once. */
    struct window_batch batch = {.frame = {"x", 1}, .accounts = {"", 0}};
    assert_int_equal(outbox_add(b.out, &batch), 0);
    uint64_t given = b.found.next;
    box_close(&b);
    b.spool = spool_open(other, &b.found);
    assert_non_null(b.spool);
    assert_false(b.found.damaged);
    assert_int_equal(b.found.missing, 0);
    assert_int_equal(b.found.content.batches, 1);
    assert_int_equal(b.found.next, given + 1);
    spool_close(&b.spool);
    return count;
}

/* ---- coming back ---- */

static void test_comes_back_after_a_stop(void **state)
{
    (void)state;
    struct box b;
    bool has[64];
    uint8_t instance[16];
    box_open(&b, folder);
    memcpy(instance, b.found.instance, 16);
    assert_int_equal(b.found.next, 1);
    add_some(&b, 1, 10, 1000);
    assert_int_equal(push(&b), 1);
    assert_int_equal(push(&b), 2);
    box_close(&b);
    box_open(&b, folder);
    assert_memory_equal(b.found.instance, instance, 16);
    assert_int_equal(b.found.next, 11);
    assert_int_equal(b.found.content.batches, 10);
    assert_int_equal(b.found.content.rejects, 5 + 10);
    assert_int_equal(b.found.content.records, 55 - 15);
    assert_false(b.found.damaged);
    assert_int_equal(drain(&b, has, 64), 10);
    add_some(&b, 11, 11, 10);
    assert_int_equal(push(&b), 11);
    box_close(&b);
}

static void test_comes_back_after_a_kill(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 10, 3000);
    image_take(folder);
    assert_int_equal(assert_recovers(1, 11, true), 10);
    for (uint64_t s = 1; s <= 4; s++) {
        assert_int_equal(push(&b), s);
    }
    acknowledge(&b, 1);
    acknowledge(&b, 3);
    outbox_commit(b.out);
    image_take(folder);
    image_put(&image);
    struct box c;
    bool has[64];
    box_open(&c, other);
    assert_int_equal(drain(&c, has, 64), 8); /* 2, 4 and those never pushed */
    assert_false(has[1] || has[3]);
    box_close(&c);
    acknowledge(&b, 2);
    acknowledge(&b, 4);
    while (push(&b) != 0) {
    }
    for (uint64_t s = 5; s <= 10; s++) {
        acknowledge(&b, s);
    }
    outbox_commit(b.out);
    assert_int_equal(spool_state(b.spool).rows, 1); /* the mark that tells the next sequence */
    assert_int_equal(spool_state(b.spool).payload_bytes, 0);
    image_take(folder);
    assert_int_equal(assert_recovers(11, 11, true), 0);
    box_close(&b);
}

static void test_one_process_for_each(void **state)
{
    (void)state;
    struct box b;
    struct spool_found found;
    box_open(&b, folder);
    assert_null(spool_open(folder, &found));
    box_close(&b);
}

static void test_nobody_else_may_write_there(void **state)
{
    (void)state;
    struct spool_found found;
    for (mode_t others = 02; others <= 020; others *= 8) {
        assert_int_equal(chmod(folder, 0700 | others), 0);
        assert_null(spool_open(folder, &found));
    }
    assert_int_equal(chmod(folder, 0700), 0);
    struct box b;
    box_open(&b, folder);
    box_close(&b);
}

/* More than memory may hold waits in the file, comes in order, and is not held twice. */
static void test_more_than_memory(void **state)
{
    (void)state;
    const struct outbox_limits limits = {64 * 1024, 1 << 30, RETRY_US};
    struct box b;
    box_open_with(&b, folder, &limits);
    srand(20261121);
    uint64_t added = 0, expected = 1;
    for (int round = 0; round < 3000; round++) {
        if (rand() % 5 < (round < 1500 ? 4 : 1)) {
            add(&b, ++added, 1000 + (size_t)rand() % 8000);
        }
        assert_int_equal(outbox_commit(b.out), 0);
        assert_in_range(outbox_state(b.out).memory_bytes, 0, 64 * 1024 + 9000);
        uint64_t s = rand() % 3 == 0 ? push(&b) : 0;
        if (s != 0) {
            assert_int_equal(s, expected++);
            assert_int_equal(acknowledge(&b, s), 0);
        }
        assert_int_equal(outbox_state(b.out).batches, added - expected + 1);
    }
    assert_in_range(added - expected, 100, 3000);
    for (uint64_t s; (s = push(&b)) != 0;) {
        assert_int_equal(s, expected++);
        assert_int_equal(acknowledge(&b, s), 0);
        outbox_fill(b.out);
    }
    assert_int_equal(expected, added + 1);
    assert_int_equal(outbox_commit(b.out), 0);
    assert_int_equal(spool_state(b.spool).payload_bytes, 0);
    box_close(&b);
}

static void test_full(void **state)
{
    (void)state;
    const struct outbox_limits limits = {64 * 1024, 1 << 20, RETRY_US};
    struct box b;
    uint64_t added = 0;
    box_open_with(&b, folder, &limits);
    while (outbox_room(b.out) == OUTBOX_OPEN) {
        add(&b, ++added, 8000);
        assert_int_equal(outbox_commit(b.out), 0);
        assert_true(added < 200);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_SPOOL_FULL);
    assert_in_range(added, 120, 131);
    assert_false(outbox_has_room(b.out));
    for (int i = 0; i < 10; i++) {
        acknowledge(&b, push(&b));
        outbox_commit(b.out);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_OPEN);
    assert_true(outbox_has_room(b.out));
    box_close(&b);
}

/* ---- what breaks ---- */

/* Whether this offset is worth a try: every byte near the end and where frames or pages begin, some
 * in between. */
static bool is_tried(size_t at, size_t size, size_t first, size_t each)
{
    size_t in_page = at < first ? 0 : (at - first) % each;
    return size - at < 256 || in_page < 16 || each - in_page < 4 || at % 509 == 0;
}

static void test_log_cut_at_every_byte(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 2, 3000);
    for (uint64_t s = 1; s <= 2; s++) {
        push(&b);
        acknowledge(&b, s);
    }
    add_some(&b, 3, 8, 2500);
    image_take(folder);
    box_close(&b);
    uint64_t before = 6;
    for (size_t size = image.log_size; size > 0; size--) {
        if (is_tried(size, image.log_size, 32, 4096 + 24)) {
            spoilt = image;
            spoilt.log_size = size;
            uint64_t found = assert_recovers(3, 9, true);
            assert_true(found <= before);
            before = found;
        }
    }
    assert_int_equal(before, 0);
}

static void test_file_cut_at_every_byte(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 3, 6000);
    add_some(&b, 4, 9, 900);
    box_close(&b);
    image_take(folder);
    assert_int_equal(image.log_size, 0);
    for (size_t size = image.file_size; size > 0; size--) {
        if (is_tried(size, image.file_size, 0, 4096)) {
            spoilt = image;
            spoilt.file_size = size;
            assert_recovers(1, 10, true);
        }
    }
    spoilt.file_size = 0;
    assert_int_equal(assert_recovers(1, 10, true), 0);
}

static void flip(char *bytes, size_t size)
{
    size_t at = (size_t)rand() % size;
    bytes[at] = (char)(bytes[at] ^ (1 << rand() % 8));
}

static void test_flipped_bits(void **state)
{
    (void)state;
    struct box b;
    uint64_t whole = 0, damaged = 0;
    srand(20261122);
    box_open(&b, folder);
    add_some(&b, 1, 6, 5000);
    image_take(folder); /* in the log */
    box_close(&b);
    for (int i = 0; i < 250; i++) {
        spoilt = image;
        flip(spoilt.log, spoilt.log_size);
        uint64_t found = assert_recovers(1, 7, true);
        assert_in_range(found, 4, 6);
        *(found == 6 ? &whole : &damaged) += 1;
    }
    image_take(folder); /* in the file */
    for (int i = 0; i < 350; i++) {
        spoilt = image;
        /* The first bytes of pages are few, and matter most. */
        size_t page = 4096 * ((size_t)rand() % (spoilt.file_size / 4096));
        flip(spoilt.file + (i % 2 == 0 ? page : 0), i % 2 == 0 ? 120 : spoilt.file_size);
        uint64_t found = assert_recovers(1, 7, true);
        *(found == 6 ? &whole : &damaged) += 1;
    }
    assert_true(whole > 50 && damaged > 200);
}

static void test_header_destroyed(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 6, 20000);
    box_close(&b);
    image_take(folder);
    memset(spoilt.file, 0, 4096);
    assert_int_equal(assert_recovers(1, 7, true), 6);
    memset(spoilt.file, 0xff, 100);
    assert_int_equal(assert_recovers(1, 7, true), 6);
    memset(spoilt.file, 0, spoilt.file_size);
    assert_int_equal(assert_recovers(1, 7, true), 0);
}

/* Without the head nothing is known of what was given last: numbers are skipped, none given twice.
 */
static void test_head_lost(void **state)
{
    (void)state;
    struct box b;
    uint8_t instance[16];
    box_open(&b, folder);
    memcpy(instance, b.found.instance, 16);
    add_some(&b, 1, 6, 2000);
    image_take(folder);
    box_close(&b);
    for (size_t size = 0; size < image.head_size; size++) {
        spoilt = image;
        spoilt.head_size = size;
        assert_int_equal(assert_recovers(1, 7, false), 6);
    }
    srand(20261123);
    for (int i = 0; i < 100; i++) {
        spoilt = image;
        flip(spoilt.head, spoilt.head_size);
        assert_int_equal(assert_recovers(1, 7, false), 6);
    }
    /* Together with the end of the file. */
    spoilt = image;
    spoilt.head_size = 0;
    spoilt.log_size -= 5000;
    image_put(&spoilt);
    box_open(&b, other);
    assert_memory_equal(b.found.instance, instance, 16);
    assert_true(b.found.next > SEQUENCE_LEAP);
    box_close(&b);
}

/* A power failure: the head is of another boot and may be as old as the rest. */
static void test_power_failure(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 6, 2000);
    image_take(folder);
    box_close(&b);
    image_put(&image);
    char file[2 * FOLDER_BYTES];
    path(file, other, "spool.head");
    int fd = spool_head_open(file);
    struct spool_head head;
    assert_int_equal(spool_head_read(fd, &head), 0);
    assert_int_equal(head.next, 7);
    assert_int_equal(head.oldest, 1);
    assert_false(head.closed);
    assert_true(spool_head_is_of_this_boot(&head));
    close(fd);
    image_set(&image, "boot ", "bbbbbbbb");
    image_put(&image);
    box_open(&b, other);
    assert_int_equal(b.found.content.batches, 6);
    assert_int_equal(b.found.next, 7 + SEQUENCE_LEAP);
    assert_false(b.found.damaged);
    outbox_fill(b.out);
    /* What is numbered behind the leap is pushed when all in front of it is acknowledged. */
    struct window_batch batch = {.frame = {"x", 1}, .accounts = {"", 0}};
    assert_int_equal(outbox_add(b.out, &batch), 0);
    assert_int_equal(outbox_commit(b.out), 0);
    for (uint64_t s = 1; s <= 6; s++) {
        assert_int_equal(push(&b), s);
    }
    assert_int_equal(push(&b), 0);
    for (uint64_t s = 1; s <= 6; s++) {
        acknowledge(&b, s);
    }
    assert_int_equal(outbox_commit(b.out), 0);
    assert_int_equal(outbox_next_to_push(b.out, 1)->sequence, 7 + SEQUENCE_LEAP);
    assert_int_equal(outbox_oldest(b.out), 7 + SEQUENCE_LEAP);
    box_close(&b);
}

/* A head that says "closed" must not outlive the next start: what is given then and not synced yet
 * when the power fails would be given again. */
static void test_power_failure_after_a_stop(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 6, 2000);
    box_close(&b);
    durable_head_size = file_read(folder, "spool.head", durable_head, sizeof durable_head);
    box_open(&b, folder);
    image_take(folder);
    add_some(&b, 7, 9, 2000);
    for (uint64_t s = 1; s <= 9; s++) {
        assert_int_equal(push(&b), s);
    }
    box_close(&b);
    memcpy(image.head, durable_head, durable_head_size);
    image_set(&image, "boot ", "bbbbbbbb");
    image_put(&image);
    box_open(&b, other);
    assert_true(b.found.next > 9);
    box_close(&b);
}

/* What a stopped ingestd left, put back after it went on: what it gave since is not given again. */
static void test_put_back(void **state)
{
    (void)state;
    struct box b;
    box_open(&b, folder);
    add_some(&b, 1, 6, 2000);
    box_close(&b);
    image_take(folder);
    image_put(&image);
    box_open(&b, other);
    assert_int_equal(b.found.next, 7);
    box_close(&b);
    for (int64_t s = -10; s <= 10; s += 20) {
        image_set_time(&image, daemon_now_us() + s * 1000000);
        image_put_back(&image);
        box_open(&b, other);
        assert_int_equal(b.found.content.batches, 6);
        assert_int_equal(b.found.next, 7 + SEQUENCE_LEAP);
        assert_false(b.found.damaged);
        box_close(&b);
        box_open(&b, other); /* once */
        assert_int_equal(b.found.next, 7 + SEQUENCE_LEAP);
        box_close(&b);
    }
}

static void test_spool_deleted(void **state)
{
    (void)state;
    struct box b;
    uint8_t instance[16];
    box_open(&b, folder);
    memcpy(instance, b.found.instance, 16);
    add_some(&b, 1, 6, 2000);
    box_close(&b);
    char file[2 * FOLDER_BYTES];
    path(file, folder, "spool.sqlite");
    assert_int_equal(unlink(file), 0);
    box_open(&b, folder);
    assert_memory_equal(b.found.instance, instance, 16);
    assert_int_equal(b.found.next, 7);
    assert_int_equal(b.found.missing, 6);
    box_close(&b);
    folder_clear(folder);
    box_open(&b, folder); /* all of it: as new */
    assert_memory_not_equal(b.found.instance, instance, 16);
    assert_int_equal(b.found.next, 1);
    box_close(&b);
}

/* A recovery that was interrupted is begun again, or finished. */
static void test_recovery_interrupted(void **state)
{
    (void)state;
    struct box b;
    bool has[64];
    box_open(&b, folder);
    add_some(&b, 1, 6, 2000);
    box_close(&b);
    image_take(folder);
    file_write(folder, "spool.sqlite.new", "rubbish", 7);
    box_open(&b, folder);
    assert_int_equal(b.found.content.batches, 6);
    box_close(&b);
    file_write(folder, "spool.sqlite.recovered", image.file, image.file_size);
    file_write(folder, "spool.sqlite", "rubbish", 7);
    file_write(folder, "spool.sqlite-wal", "rubbish", 7);
    box_open(&b, folder);
    assert_int_equal(drain(&b, has, 64), 6);
    box_close(&b);
}

/* ---- a spool that cannot be written ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_cannot_be_written(void **state)
{
    (void)state;
    const struct outbox_limits limits = {256 * 1024, 1 << 30, RETRY_US};
    struct box b;
    bool has[MOST / 100];
    signal(SIGXFSZ, SIG_IGN);
    box_open_with(&b, folder, &limits);
    add_some(&b, 1, 5, 1000);
    while (push(&b) != 0) {
    }
    limit_files(60000);
    uint64_t added = 5;
    while (outbox_room(b.out) == OUTBOX_OPEN) {
        add(&b, ++added, 8000);
        outbox_commit(b.out);
        assert_true(added < 100);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_MEMORY_FULL);
    assert_true(spool_state(b.spool).failing);
    assert_true(spool_state(b.spool).fault[0] != '\0');
    assert_true(spool_state(b.spool).write_errors > 0);
    assert_in_range(outbox_state(b.out).memory_bytes, 200 * 1024, 300 * 1024);
    assert_in_range(outbox_state(b.out).unspooled, 10, 40);
    /* From memory it goes on: pushed, acknowledged, room for more. */
    uint64_t last = 5, s;
    while (last < added - 3 && (s = push(&b)) != 0) {
        assert_int_equal(s, ++last);
        if (s % 2 == 0) {
            assert_int_equal(acknowledge(&b, s), 0);
        }
        assert_int_equal(outbox_commit(b.out), -1);
    }
    /* Killed now, its sequences are known as given, and as missing. */
    image_take(folder);
    limit_files(RLIM_INFINITY);
    assert_int_equal(outbox_commit(b.out), 0);
    assert_false(spool_state(b.spool).failing);
    assert_int_equal(outbox_state(b.out).unspooled, 0);
    uint64_t held = outbox_state(b.out).batches;
    box_close(&b);
    box_open(&b, folder);
    assert_false(b.found.damaged);
    assert_int_equal(b.found.next, added + 1);
    assert_int_equal(drain(&b, has, MOST / 100), held);
    for (s = 6; s <= last; s++) {
        assert_int_equal(has[s], s % 2 != 0);
    }
    box_close(&b);
    image_put(&image);
    box_open(&b, other);
    assert_true(b.found.next > last);
    assert_true(b.found.missing > 0);
    box_close(&b);
}

/* What neither the file nor the head can tell is not pushed: a killed ingestd would give its
 * sequences again. */
static void test_not_even_the_head_can_be_written(void **state)
{
    (void)state;
    struct box b;
    signal(SIGXFSZ, SIG_IGN);
    box_open(&b, folder);
    add_some(&b, 1, 5, 1000);
    for (uint64_t s = 1; s <= 5; s++) {
        assert_int_equal(push(&b), s);
    }
    limit_files(0);
    add(&b, 6, 1000);
    add(&b, 7, 1000);
    assert_int_equal(outbox_commit(b.out), -1);
    assert_int_equal(push(&b), 0);
    image_take(folder);
    limit_files(RLIM_INFINITY);
    image_put(&image);
    struct box c;
    box_open(&c, other);
    assert_int_equal(c.found.next, 6);
    box_close(&c);
    assert_int_equal(outbox_commit(b.out), 0);
    assert_int_equal(push(&b), 6);
    assert_int_equal(push(&b), 7);
    box_close(&b);
}

int main(void)
{
    if (getenv("SPOOL_TEST_LOG") == NULL) {
        /* Hundreds of damaged spools have much to say. */
        log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_comes_back_after_a_stop),
        TEST(test_comes_back_after_a_kill),
        TEST(test_one_process_for_each),
        TEST(test_nobody_else_may_write_there),
        TEST(test_more_than_memory),
        TEST(test_full),
        TEST(test_log_cut_at_every_byte),
        TEST(test_file_cut_at_every_byte),
        TEST(test_flipped_bits),
        TEST(test_header_destroyed),
        TEST(test_head_lost),
        TEST(test_power_failure),
        TEST(test_power_failure_after_a_stop),
        TEST(test_put_back),
        TEST(test_spool_deleted),
        TEST(test_recovery_interrupted),
        TEST(test_cannot_be_written),
        TEST(test_not_even_the_head_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
