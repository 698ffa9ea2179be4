/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One group of samples while it is assembled, and what is remembered of it: its text, its marks,
 * the requests that it needs. Pure; only assembly.c knows it. `bytes` is the assembly's count of
 * what groups take, which follows.
 */
#ifndef EZREPO_INGEST_GW_ASSEMBLED_H
#define EZREPO_INGEST_GW_ASSEMBLED_H

#include "common/hash_table.h"
#include "ingest-gw/remote/assembly.h"

#define ASSEMBLED_FIRST_BYTES 512 /* of a text */

/* A request in the journal, until all groups with samples of it are done. */
struct assembly_row {
    struct assembly_row *next, *previous; /* utlist; as they came */
    int64_t came_us;
    uint64_t number;
    uint32_t groups; /* that have samples of it, and one more while it is taken */
};

enum assembly_state { ASSEMBLY_OPEN, ASSEMBLY_READY, ASSEMBLY_LEAVING, ASSEMBLY_CLOSED };

struct assembled {
    struct assembly_group group;       /* first: what others see of it */
    struct assembled *next, *previous; /* utlist */
    UT_hash_handle hh;
    enum assembly_state state;
    char *text; /* format, door and lines; what `group` has points into it */
    size_t text_size, header_bytes, text_used;
    struct assembly_mark *marks;
    uint32_t marks_size;
    struct assembly_row **rows;
    uint32_t row_count, rows_size;
    struct assembled *touched; /* by the request that is taken: the one before */
    bool is_touched;
    int64_t until_us; /* open: when its time is over; closed: when it was done */
    uint64_t rule_version;
    uint32_t seen;     /* of what the rule requires, a bit each */
    uint32_t measured; /* samples that the scrape gave */
    bool expects;      /* so many, as it says itself: */
    double expected;
};

/* What it takes; and what it will take when its marks are all that is kept of it. */
size_t assembled_bytes(const struct assembled *g);
size_t assembled_closed_bytes(const struct assembled *g);

void assembled_free(struct assembled *g);

/* Its marks are all that is kept of it. */
void assembled_reduce(struct assembled *g);

/* Makes room for so many bytes of text more. -1: memory is out. */
int assembled_make_room(struct assembled *g, size_t more, size_t *bytes);

/* The value's bits, as marks have them. */
uint64_t assembled_bits(double value);

/* Its sample of this series; NULL: there is none. */
const struct assembly_mark *assembled_mark(const struct assembled *g, uint64_t series);

/* Adds a sample of a series that it does not have. -1: memory is out. */
int assembled_add(struct assembled *g, const struct assemble_rule *rule,
                  const struct remote_sample *s, uint64_t series, size_t *bytes);

/* It needs the row until it is done. -1: memory is out. */
int assembled_hold_row(struct assembled *g, struct assembly_row *row);

/* Whether all is there that the rule asks for; where that is nothing, only time closes a group. */
bool assembled_is_complete(const struct assembled *g, const struct assembly_door *d);

#endif
