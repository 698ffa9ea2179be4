/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records frame of a batch: a msgpack array of two, [schemas, records], each an array of the
 * messages of that name. ingestd writes it, classifyd and stored read it; nobody re-encodes it.
 */
#ifndef EZREPO_BATCH_H
#define EZREPO_BATCH_H

#include "common/message.h"

/* A frame under construction. Schemas are kept once per frame. */
struct batch_writer;

struct batch_writer *batch_writer_new(void);
void batch_writer_free(struct batch_writer **w);

/*
 * Adds a record under its schema; record->schema is set by this, record->sender by the caller. 0; 1
 * when the frame is full (begin a new one and call again); -1 when the record exceeds a limit or
 * memory is out.
 */
int batch_writer_add(struct batch_writer *w, const struct schema_message *schema,
                     struct record_message *record);

uint32_t batch_writer_count(const struct batch_writer *w);
size_t batch_writer_size(const struct batch_writer *w);

/* Appends the finished frame to out and begins the next, empty one. -1 when memory is out. */
int batch_writer_finish(struct batch_writer *w, struct pack *out);

/* A frame being read. */
struct batch_reader {
    struct unpack cursor;
    struct schema_message *schemas; /* in the arena */
    uint32_t schema_count;
    uint32_t record_count; /* as the frame says */
    uint32_t record_next;  /* how many were read */
};

/* Reads the schemas; -1 when the frame is not well formed. The bytes and the arena must outlive it.
 */
int batch_reader_open(struct batch_reader *r, struct slice frame, struct arena *a);

/*
 * The next record: 1; 0 after the last, when nothing is left over; -1 when the frame is not well
 * formed. A record's values count is that of its schema: results + parameters + metadata.
 */
int batch_reader_next(struct batch_reader *r, struct arena *a, struct record_message *record);

#endif
