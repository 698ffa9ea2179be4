/*
 * schemas/record-types.json: how a result's record type and content follow from its columns, which
 * names the same metric goes by, and after how long a silence a period ends.
 */
#ifndef EZREPO_RECORD_TYPES_H
#define EZREPO_RECORD_TYPES_H

#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"

struct record_types;

/* Reads and checks the file; NULL after each fault was written to standard error. */
struct record_types *record_types_read(const char *file);
/* The one in the folder of the contracts. */
struct record_types *record_types_of(const char *schemas_dir);
struct record_types *record_types_read_bytes(const char *name, struct slice bytes);
void record_types_free(struct record_types **t);

/*
 * The type and content that the names of the result columns tell: the first mapping in file order
 * one of whose column patterns matches one of the columns. 0, or -1 when none does. *content_from
 * is the name of the parameter that holds the content, or NULL when *content is it.
 */
int record_types_match(const struct record_types *t, const struct slice *columns, uint32_t count,
                       struct slice *type, struct slice *content, const char **content_from);

/* The aliases of a metric for a record type, in order of preference; the count, 0 when it has none.
 */
uint32_t record_types_aliases(const struct record_types *t, struct slice type, struct slice metric,
                              const struct slice **aliases);

/* The names of what is collected of a record type: as a capability's. */
struct record_types_collect {
    struct slice *parameters, *results;
    uint32_t parameter_count, result_count;
};

/* The schemas in which records of the i-th type (as in record_types_each) are collected. */
uint32_t record_types_collects(const struct record_types *t, uint32_t i,
                               const struct record_types_collect **collects);

/* After this silence a period ends, microseconds; the file's default for a type it does not name.
 */
int64_t record_types_gap_us(const struct record_types *t, struct slice type);

/* The types named in the file with their gaps, for the database: i from 0; -1 past the last. */
int record_types_each(const struct record_types *t, uint32_t i, struct slice *type,
                      int64_t *gap_us);
int64_t record_types_default_gap_us(const struct record_types *t);

#endif
