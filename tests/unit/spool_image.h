/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three files of a spool as a killed process leaves them: taken, spoilt, put into another
 * folder, and what must hold of a spool that is opened there.
 */
#ifndef EZREPO_TESTS_SPOOL_IMAGE_H
#define EZREPO_TESTS_SPOOL_IMAGE_H

#include "tests/unit/spool_box.h"

struct image {
    char file[1 << 20], log[1 << 20], head[512];
    size_t file_size, log_size, head_size;
};

/* What was taken last, and a copy of it to be spoilt. */
extern struct image image, spoilt;

/* Of the files in `folder`. */
void image_take(void);

/* Takes them of a spool with the batches 1 to `last`, of so many bytes each: as a kill leaves them,
 * and as a stop does. What was found when that spool was opened. */
struct spool_found image_take_killed(uint64_t last, size_t size);
struct spool_found image_take_stopped(uint64_t last, size_t size);

/* Changes the value behind a name in the head; a head that is damaged stays as it is. */
void image_set(struct image *i, const char *name, const char *value);

/* Into box_other, instead of what is there. */
void image_put(const struct image *i);

/*
 * Opens what was spoilt. Of the batches [oldest, next) those that do not come back are exactly
 * those reported; what is added has an epoch of its own. How many came back.
 */
uint64_t image_recovers(uint64_t oldest, uint64_t next, bool head_is_whole);

#endif
