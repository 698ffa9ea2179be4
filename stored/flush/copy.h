/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of `measurement` in PostgreSQL's binary COPY format. Pure. */
#ifndef EZREPO_STORED_COPY_H
#define EZREPO_STORED_COPY_H

#include "common/message.h"
#include "common/pg/bytes.h"
#include "stored/cache/said.h"

/* The grades of one record: grades[i] (or GRADE_NONE) under the number ids[i]. */
struct copy_grades {
    const uint8_t *grades;
    const char *steady; /* two bytes each, as in a grades message; NULL: of none anything */
    const uint16_t *ids;
    uint32_t count;
};

/* What the record does not say of itself; of `said`, those values are left out that `mask` says. */
struct copy_about {
    uint32_t grading_version;
    int16_t origin;
    const struct said *said;
    uint32_t mask;
    struct copy_grades grades;
};

/*
 * Appends the record's row, with room for the rest; -1 when memory is out. values must have been
 * read with the record.
 */
int copy_row(struct bytes *rows, const struct record_message *r, const struct copy_about *about);

/* Numbers that are known later. hops_id: 0 when the record has none. */
struct copy_ids {
    int64_t series_id, key, arrival, schema_id, hops_id;
    int32_t ledger_id;
};

/* Sets them in the row that copy_row() began at `row`. */
void copy_row_set(char *row, const struct copy_ids *ids);

/*
 * Appends such a row as a value of the composite type that sql_staged makes, in PostgreSQL's binary
 * format. A failure (memory) sticks in *to.
 */
void copy_staged(struct bytes *to, const char *row);

#endif
