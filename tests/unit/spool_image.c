/* SPDX-License-Identifier: Apache-2.0 */
/* See spool_image.h. */
#include "tests/unit/spool_image.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

struct image image, spoilt;

void image_take(void)
{
    image.file_size = folder_read(folder, "spool.sqlite", image.file, sizeof image.file);
    image.log_size = folder_read(folder, "spool.sqlite-wal", image.log, sizeof image.log);
    image.head_size = folder_read(folder, "spool.head", image.head, sizeof image.head);
    assert_true(image.file_size < sizeof image.file && image.log_size < sizeof image.log);
    assert_true(image.head_size > 0);
    spoilt = image;
}

struct spool_found image_take_killed(uint64_t last, size_t size)
{
    struct box b;
    box_open_filled(&b, last, size);
    image_take();
    box_close(&b);
    return b.found;
}

struct spool_found image_take_stopped(uint64_t last, size_t size)
{
    struct box b;
    box_open_filled(&b, last, size);
    box_close(&b);
    image_take();
    return b.found;
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

void image_set(struct image *i, const char *name, const char *value)
{
    char *sum = checksum_of(i), *at = strstr(i->head, name);
    if (sum != NULL && at != NULL) {
        memcpy(at + strlen(name), value, strlen(value));
        snprintf(
            sum + 9, 18, "%016llx\n",
            (unsigned long long)spool_checksum((struct slice){i->head, (size_t)(sum - i->head)}));
    }
}

void image_put(const struct image *i)
{
    folder_clear(box_other);
    folder_write(box_other, "spool.sqlite", i->file, i->file_size);
    if (i->log_size > 0) {
        folder_write(box_other, "spool.sqlite-wal", i->log, i->log_size);
    }
    if (i->head_size > 0) {
        folder_write(box_other, "spool.head", i->head, i->head_size);
    }
}

/* The report beside what was moved aside; how many batches it says are missing, each of them once
 * and none that is there. */
static uint64_t read_report(const bool *has, uint64_t size)
{
    uint64_t told = UINT64_MAX, counted = 0;
    DIR *d = opendir(box_other);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".damaged-") == NULL || strstr(e->d_name, ".txt") == NULL) {
            continue;
        }
        char file[FOLDER_PATH_BYTES], line[300];
        folder_path(file, box_other, e->d_name);
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

uint64_t image_recovers(uint64_t oldest, uint64_t next, bool head_is_whole)
{
    bool has[64];
    struct box b;
    image_put(&spoilt);
    box_open(&b, box_other);
    uint64_t offered = b.found.content.batches;
    uint64_t count = box_drain(&b, has, 64);
    assert_int_equal(count, offered);
    uint64_t wanted = 0;
    for (uint64_t s = oldest; s < next; s++) {
        wanted += has[s] ? 1 : 0;
    }
    if (head_is_whole) {
        assert_int_equal(b.found.next, next);
        assert_int_equal(b.found.missing, next - oldest - wanted);
        assert_true(b.found.damaged || b.found.missing == 0);
    }
    if (b.found.damaged) {
        assert_int_equal(read_report(has, 64), b.found.missing);
    }
    /* It goes on, and the loss is told once. */
    box_add_small(&b);
    uint64_t given = b.found.next;
    box_close(&b);
    b.spool = spool_open(box_other, &b.found);
    assert_non_null(b.spool);
    assert_false(b.found.damaged);
    assert_int_equal(b.found.missing, 0);
    assert_int_equal(b.found.content.batches, 1);
    assert_int_equal(b.found.next, given + 1);
    spool_close(&b.spool);
    return count;
}
