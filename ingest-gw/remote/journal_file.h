/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of the journal of remote write: one connection, its tables. */
#ifndef EZREPO_INGEST_GW_JOURNAL_FILE_H
#define EZREPO_INGEST_GW_JOURNAL_FILE_H

#include "ingest-gw/remote/remote_journal.h"

#define JOURNAL_FAULT_BYTES 200

struct journal_file;

/*
 * Opens the file, or makes it. NULL: *damaged tells whether what is there is no journal; the text
 * stands in fault. The caller owns it.
 */
struct journal_file *journal_file_open(const char *path, bool *damaged,
                                       char fault[JOURNAL_FAULT_BYTES]);
void journal_file_close(struct journal_file **f);

/* What went wrong last. */
const char *journal_file_fault(const struct journal_file *f);

/* -1: it could not be read, or the reader ended it (*ended). *last is the highest row there is. */
int journal_file_read(struct journal_file *f, const struct journal_reader *reader, bool *ended,
                      uint64_t *last);

/* A transaction: each returns 0, or -1, and then none of it has happened once it is rolled back. */
int journal_file_begin(struct journal_file *f);
int journal_file_put(struct journal_file *f, const struct journal_request *r);
int journal_file_mark(struct journal_file *f, const uint8_t key[ASSEMBLY_KEY_BYTES],
                      struct slice marks, int64_t done_us);
int journal_file_remove(struct journal_file *f, uint64_t row);
int journal_file_forget(struct journal_file *f, int64_t before_us);
int journal_file_commit(struct journal_file *f);
void journal_file_roll_back(struct journal_file *f);

#endif
