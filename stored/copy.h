/* Rows of `measurement` in PostgreSQL's binary COPY format. Pure. */
#ifndef EZREPO_STORED_COPY_H
#define EZREPO_STORED_COPY_H

#include "common/message.h"
#include "stored/bytes.h"

/* The grades of one record: grades[i] (or GRADE_NONE) under the number ids[i]. */
struct copy_grades {
    const uint8_t *grades;
    const uint16_t *ids;
    uint32_t count;
};

/*
 * Appends the record's row with series, schema, ledger row and class left open; -1 when memory is
 * out. values must have been read with the record; grading_version as the batch has it.
 */
int copy_row(struct bytes *rows, const struct record_message *r, uint32_t grading_version,
             const struct copy_grades *grades);

/* Sets what copy_row() left open; `row` is where it began. */
void copy_row_set(char *row, int64_t series_id, int32_t schema_id, int32_t ledger_id,
                  uint16_t class);

/*
 * Appends such a row as a value of the composite type that sql_staged makes, in PostgreSQL's binary
 * format. A failure (memory) sticks in *to.
 */
void copy_staged(struct bytes *to, const char *row);

#endif
